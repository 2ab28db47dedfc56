"""Figures of the lessons: curves that part, predictions that disagree, measurements that mislead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10

import plotly.graph_objects as go

from tsdash import formats
from tsdash.plots.frame import canvas, described, label, log_axis_ticks, nothing, power_ticks, stepped, unit_of
from tsdash.tokens import DELTA_DARK, DELTA_LIGHT, OUTCOMES, appearance, mode_colour, mode_look

CURVES_HEIGHT_PX = 320
MATRIX_HEIGHT_PX = 340


def parting_curves(
    x: Sequence[float], series: Mapping[str, Sequence[float]], dark: bool, *, at: float, axes: tuple[str, str]
) -> go.Figure:
    """The answers of two sides along one input; the line stands at the input that is looked at, a dashed one where they part."""
    look = appearance(dark)
    first, second = list(series.values())
    apart = [i for i in range(len(x)) if first[i] != second[i]]
    title = f"{axes[1]} against {axes[0]}: " + (
        f"they part from {formats.digits(x[apart[0]], 2)} to {formats.digits(x[apart[-1]], 2)}"
        if apart
        else "one curve"
    )
    fig = canvas(dark, title, height=CURVES_HEIGHT_PX)
    gap = OUTCOMES["mismatch"].fill[dark]
    for values in series.values():
        fig.add_scatter(
            x=list(x),
            y=list(values),
            mode="lines",
            line={"width": 0},
            fill="tonexty" if fig.data else None,
            fillcolor=f"{gap}29",  # a sixth opaque
            hoverinfo="skip",
        )
    nearest = min(range(len(x)), key=lambda i: abs(x[i] - at))
    named = apart[len(apart) // 2] if apart else 0
    for i in range(1, len(x)):
        if (i in apart) != (i - 1 in apart):
            edge = x[i - 1] if i in apart else x[i]
            fig.add_vline(x=edge, line={"color": look.muted, "width": 1, "dash": "dash"})
            label(fig, " they part here", dark, x=edge, y=1, yref="paper", yanchor="top", muted=True)
    for i, (name, values) in enumerate(series.items()):
        colour = mode_colour(name, dark)
        fig.add_scatter(
            x=list(x),
            y=list(values),
            mode="lines",
            name=name,
            line={"color": colour, "width": 4 if i == 0 else 2, "dash": mode_look(name).dash},
            hovertemplate=f"{name} at %{{x:.3g}}: %{{y:.4g}}<extra></extra>",
        )
        fig.add_scatter(
            x=[x[nearest]],
            y=[values[nearest]],
            mode="markers",
            marker={
                "color": colour,
                "size": 10,
                "symbol": mode_look(name).marker,
                "line": {"color": look.page, "width": 1},
            },
            hoverinfo="skip",
        )
        above = values[named] > min(first[named], second[named]) or (not apart and i > 0)
        label(
            fig,
            name,
            dark,
            x=x[named],
            y=values[named],
            anchor="right" if above else "left",
            yshift=12 if above else -12,
        )
    fig.add_vline(x=at, line={"color": look.text, "width": 1})
    fig.update_xaxes(title=axes[0])
    fig.update_yaxes(title=axes[1])
    here = "; ".join(f"{name} {formats.digits(values[nearest])}" for name, values in series.items())
    return described(fig, f"{title}. At {formats.digits(at, 2)}: {here}.", how="curves")


def agreement(counts: Sequence[Sequence[int]], dark: bool) -> go.Figure:
    """Predictions of eager (rows) against the export's (columns); only what is off the diagonal is coloured."""
    n = len(counts)
    flips = sum(counts[i][j] for i in range(n) for j in range(n) if i != j)
    title = "Predicted class"
    if not n:
        return nothing(dark, title, "No examples were classified.", height=MATRIX_HEIGHT_PX)
    colours = DELTA_DARK if dark else DELTA_LIGHT
    off = [[0 if i == j else min(2, counts[i][j]) for j in range(n)] for i in range(n)]
    scale = stepped([appearance(dark).panel, colours[5], colours[7]])
    same = sum(counts[i][i] for i in range(n))
    title += f": {formats.count(flips)} of {formats.count(same + flips)} differ"
    fig = canvas(dark, title, height=MATRIX_HEIGHT_PX)
    fig.add_heatmap(
        z=off,
        colorscale=scale,
        zmin=-0.5,
        zmax=2.5,
        showscale=False,
        xgap=1,
        ygap=1,
        text=[[str(count) if count else "" for count in row] for row in counts],
        texttemplate="%{text}",
        customdata=[list(row) for row in counts],
        hovertemplate="eager %{y}, export %{x}: %{customdata}<extra></extra>",
    )
    fig.update_xaxes(title="the export says", dtick=1, showgrid=False)
    fig.update_yaxes(title="eager says", dtick=1, autorange="reversed", showgrid=False)
    return described(fig, f"{title}, {same} agree.", how="agreement")


def call_by_call(blocks: Mapping[str, Sequence[float]], dark: bool) -> go.Figure:
    """The time of every call in the order in which they were made, one contender after the other."""
    title = "Call by call"
    if not any(blocks.values()):
        return nothing(dark, title, "Nothing was timed.")
    every = [seconds for samples in blocks.values() for seconds in samples]
    unit, second = unit_of([sorted(every)[len(every) // 2]])
    slowest = max(blocks, key=lambda name: max(blocks[name], default=0.0))
    title += f": the slowest took {formats.duration(max(every))}, by {slowest}"
    fig = canvas(dark, title)
    at = 0
    for name, samples in blocks.items():
        xs = list(range(at + 1, at + len(samples) + 1))
        fig.add_scatter(
            x=xs,
            y=[seconds / second for seconds in samples],
            mode="markers",
            name=name,
            marker={"color": mode_colour(name, dark), "size": 6, "symbol": mode_look(name).marker},
            hovertemplate=f"{name}, call %{{x}}: %{{y:.3g}} {unit}<extra></extra>",
        )
        label(fig, name, dark, x=xs[0], y=1, yref="paper", yanchor="top")
        at += len(samples)
    low, high = min(every) / second, max(every) / second
    fig.update_xaxes(title="call")
    ticks = log_axis_ticks(low * 0.8, high * 1.25)
    fig.update_yaxes(type="log", title=f"{unit}, log scale", range=[log10(low * 0.6), log10(high * 6)], **ticks)
    words = "; ".join(
        f"{name}: first {formats.duration(s[0])}, last {formats.duration(s[-1])}" for name, s in blocks.items()
    )
    return described(fig, f"{title}: {words}.", how="blocks")


def growing_delta(points: Sequence[tuple[float, float]], bound: float, dark: bool) -> go.Figure:
    """max |Δ| against the size of the outputs, both logarithmic, with the fixed bound as a line."""
    title = "Larger outputs, larger |Δ|"
    kept = [(size, delta) for size, delta in points if delta > 0]
    if not kept:
        return nothing(dark, title, "Nothing differs at any size.")
    over = [size for size, delta in kept if delta >= bound]
    title += f": beyond the rule from {formats.plain(min(over))}" if over else ": within the rule"
    fig = canvas(dark, title)
    fig.add_scatter(
        x=[size for size, _ in kept],
        y=[delta for _, delta in kept],
        mode="lines+markers",
        line={"color": mode_colour("trace+freeze", dark), "width": 2},
        marker={"size": 8, "symbol": mode_look("trace+freeze").marker},
        hovertemplate="outputs up to %{x:.3g}: max |Δ| %{y:.2g}<extra></extra>",
    )
    fig.add_hline(y=bound, line={"color": appearance(dark).text, "width": 1, "dash": "dot"})
    xs, ys = [size for size, _ in kept], [*(delta for _, delta in kept), bound]
    label(fig, f"the rule: {formats.delta(bound)}", dark, x=log10(min(xs)), y=log10(bound), yanchor="bottom")
    for axis, values, name in (("xaxis", xs, "largest output"), ("yaxis", ys, "max |Δ|")):
        low, high = log10(min(values)) - 0.5, log10(max(values)) + 0.5
        ticks = power_ticks(low, high)
        ticks["tickvals"] = [10.0**exponent for exponent in ticks["tickvals"]]
        fig.update_layout({axis: {"type": "log", "title": name, "range": [low, high], **ticks}})
    words = "; ".join(f"{formats.delta(delta)} at {formats.plain(size)}" for size, delta in kept)
    return described(fig, f"{title}: {words}; the bound is {formats.delta(bound)}.", how="growing")
