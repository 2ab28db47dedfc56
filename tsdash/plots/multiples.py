"""Small multiples: one small figure a mode, or a shape, all on the same axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, log10
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tsdash import formats
from tsdash.plots.frame import canvas, delta_lines, described, log_axis_ticks, nothing, power_text, power_ticks, unit_of
from tsdash.plots.magnitudes import shown_decades
from tsdash.spec import BINS_A_DECADE, CONTROL, Histogram, Latency
from tsdash.tokens import FONT_SIZE_PX, TICK_SIZE_PX, appearance, delta_colour, mode_colour, mode_look

MULTIPLE_PX, SHAPE_PX = 132, 190  # height of one small figure
MOST_IN_A_ROW = 4
GAP_PX = 36  # between two rows: the names of the lower one
CURVE_POINTS = 120
BEYOND = 0.95  # calls slower than this share are beyond the axis: the tail is Explore's


def mode_differences(histograms: Mapping[str, Histogram | None], noise: float | None, dark: bool) -> go.Figure:
    """One small histogram of |Δ| a mode, all on one scale; zeros and what is not finite are in words above it."""
    title = "Elements of all cases by |Δ|"
    if not histograms:
        return nothing(dark, title, "No mode has run.")
    look = appearance(dark)
    columns = min(MOST_IN_A_ROW, len(histograms))
    lines = ceil(len(histograms) / columns)
    low, high = _decades(list(histograms.values()), noise)
    most = max((max(one.counts, default=0) for one in histograms.values() if one), default=1)
    fig = canvas(dark, "", height=52 + MULTIPLE_PX * lines, bargap=0, margin={"l": 8, "r": 8, "t": 30, "b": 34})
    fig = _grid(fig, [_swatched(mode, dark) for mode in histograms], columns, lines, dark)
    words = []
    for i, (mode, one) in enumerate(histograms.items()):
        cell: dict[str, Any] = {"row": i // columns + 1, "col": i % columns + 1}
        text = _in_words(one)
        words.append(f"{mode}: {text}")
        if one is None or not any(one.counts):
            axis = "" if i == 0 else str(i + 1)
            fig.add_annotation(
                text=text, x=0.02, xref=f"x{axis} domain", xanchor="left", y=0.5, yref=f"y{axis} domain",
                showarrow=False, font={"size": TICK_SIZE_PX, "color": look.muted},
            )  # fmt: skip
            fig.add_scatter(x=[low], y=[1], mode="markers", marker={"opacity": 0}, hoverinfo="skip", **cell)
            continue
        bars = [(one.low + k / BINS_A_DECADE, n) for k, n in enumerate(one.counts) if n]
        fig.add_bar(
            x=[start + 0.5 / BINS_A_DECADE for start, _ in bars],
            y=[n for _, n in bars],
            width=1 / BINS_A_DECADE,
            marker={
                "color": [delta_colour(start + 1e-9, dark) for start, _ in bars],
                "line": {"color": look.muted, "width": 0.5},
            },
            hovertext=[
                f"{mode}: {formats.counted(n, 'element')} at |Δ| ≈ {formats.delta(10**start)}" for start, n in bars
            ],
            hoverinfo="text",
            **cell,
        )
        delta_lines(fig, noise, dark, along="y", **cell)
    top = max(1.0, log10(max(most, 1)))
    exponents = range(0, ceil(top) + 1, max(1, ceil(top / 3)))
    fig.update_xaxes(range=[low, high], **power_ticks(low, high, 5), showgrid=False, tickangle=0)
    fig.update_yaxes(
        type="log",
        range=[log10(0.6), top * 1.08],
        tickvals=[10.0**e for e in exponents],
        ticktext=[power_text(e) for e in exponents],
    )
    fig.update_yaxes(title="elements", col=1)
    _name_columns(fig, len(histograms), columns, "|Δ|")
    return described(fig, f"{title}, one histogram a mode. {'; '.join(words)}.", how="pooled")


def _grid(fig: go.Figure, names: Sequence[str], columns: int, lines: int, dark: bool) -> go.Figure:
    """The grid of small figures, axes shared, each with its name above it."""
    made = make_subplots(
        rows=lines, cols=columns, shared_xaxes=True, shared_yaxes=True, horizontal_spacing=0.02,
        vertical_spacing=min(GAP_PX / (MULTIPLE_PX * lines), 1 / max(lines - 1, 1)), figure=fig,
    )  # fmt: skip
    for i, name in enumerate(names):
        axis = "" if i == 0 else str(i + 1)
        made.add_annotation(
            text=name, x=0, xref=f"x{axis} domain",
            xanchor="left", y=1, yref=f"y{axis} domain", yanchor="bottom", yshift=3, showarrow=False,
            font={"size": FONT_SIZE_PX, "color": appearance(dark).text},
        )  # fmt: skip
    return made


def _name_columns(fig: go.Figure, panels: int, columns: int, title: str) -> None:
    """Ticks and title below the last panel of each column: in the last row there may be fewer."""
    for panel in range(max(0, panels - columns), panels):
        fig.update_xaxes(showticklabels=True, title=title, row=panel // columns + 1, col=panel % columns + 1)


def _swatched(mode: str, dark: bool) -> str:
    return f'<span style="color:{mode_colour(mode, dark)}">■</span> {mode}'


def _in_words(one: Histogram | None) -> str:
    if one is None:
        return "nothing to compare"
    total = one.zero + one.below + one.above + one.nonfinite + sum(one.counts)
    if total == one.zero:
        return f"all {formats.counted(total, 'element')} equal"
    parts = [f"{formats.count(total - one.zero)} of {formats.counted(total, 'element')} differ"]
    parts += [f"{formats.count(one.nonfinite)} by NaN or ∞"] if one.nonfinite else []
    return ", ".join(parts)


def _decades(histograms: Sequence[Histogram | None], noise: float | None) -> tuple[int, int]:
    spans = [shown_decades(one, noise) for one in histograms if one is not None]
    return min((low for low, _ in spans), default=-9), max((high for _, high in spans), default=1)


def latency_shapes(latencies: Sequence[Latency], names: Sequence[str], dark: bool) -> go.Figure:
    """The calls of all modes at every shape that was timed: the share done within a time, one panel a shape, axes shared.

    `names` are those of the shapes. A curve further left is faster; the steeper, the steadier.
    """
    title = "Share of calls done within a time"
    timed = [(latency, name) for latency, name in zip(latencies, names, strict=True) if latency.arms]
    if not timed:
        return nothing(dark, title, "No mode was timed.")
    columns = min(MOST_IN_A_ROW, len(timed))
    lines = ceil(len(timed) / columns)
    height = (MULTIPLE_PX if lines > 1 else SHAPE_PX) * lines + 70
    fig = canvas(dark, "", height=height, margin={"l": 8, "r": 8, "t": 30, "b": 40})
    fig = _grid(fig, [name for _, name in timed], columns, lines, dark)
    middles = [float(np.median(arm.samples_s)) for latency, _ in timed for arm in latency.arms if arm.samples_s]
    unit, second = unit_of(middles)
    first, last = float("inf"), 0.0
    words = []
    for i, (latency, name) in enumerate(timed):
        said = []
        for arm in latency.arms:
            if arm.name == CONTROL or not arm.samples_s:
                continue
            shares = np.linspace(0, 1, CURVE_POINTS)
            times = np.quantile(np.asarray(arm.samples_s), shares) / second
            look = mode_look(arm.name)
            fig.add_scatter(
                x=np.round(times, 6),
                y=np.round(shares, 4),
                mode="lines",
                name=arm.name,
                line={"color": mode_colour(arm.name, dark), "width": 2, "dash": look.dash},
                hovertemplate=f"{arm.name}: %{{y:.0%}} within %{{x:.3g}} {unit}<extra></extra>",
                row=i // columns + 1,
                col=i % columns + 1,
            )
            first, last = min(first, float(times[0])), max(last, float(np.quantile(times, BEYOND)))
            said.append(f"{arm.name} {formats.duration(float(np.median(arm.samples_s)))}")
        words.append(f"{name}: {', '.join(said)}")
    first, last = first * 0.95, max(last * 1.05, first * 1.1)
    fig.update_xaxes(
        type="log", range=[log10(first), log10(last)], tickangle=0, showgrid=True, **log_axis_ticks(first, last, 4)
    )
    fig.update_yaxes(range=[0, 1.03], tickvals=[0, 0.5, 1], ticktext=["0 %", "50 %", "100 %"])
    fig.update_yaxes(title="calls", col=1)
    _name_columns(fig, len(timed), columns, f"{unit}, log scale")
    return described(fig, f"{title}. Medians: {'; '.join(words)}.", how="median_s")
