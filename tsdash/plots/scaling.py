"""Latency at several sizes: how the time grows, what an item costs, and what alternating shapes cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import log10

import plotly.graph_objects as go

from tsdash import formats
from tsdash.plots.frame import canvas, described, label, log_axis_ticks, nothing, unit_of
from tsdash.spec import Alternation
from tsdash.tokens import MODES, mode_colour, mode_look

SIZE_TITLE = "Median of a call"
ITEM_TITLE = "Cost of one item"
THREADS_TITLE = "Against threads: median of a call"
VISITS_TITLE = "Shapes in turn"
STEADY = 1.5  # times the last visit: a first one that takes no longer cost nothing


@dataclass(frozen=True, kw_only=True)
class Point:
    """The median time of one contender at one size, with its interval."""

    arm: str
    size: int
    median_s: float
    low_s: float
    high_s: float


def latency_by_size(points: Sequence[Point], dim: str, dark: bool, *, per_item: bool = False) -> go.Figure:
    """A line for each contender through its medians, the intervals as bars; both axes are logarithmic. With `per_item`
    every time is divided by the size."""
    title = ITEM_TITLE if per_item else SIZE_TITLE
    if len({point.size for point in points}) < 2:
        return nothing(dark, title, "Only one size was timed. Sweep a dim to see how latency grows with it.")
    scaled = {point: (point.size if per_item else 1) for point in points}
    found = _item_finding(points) if per_item else _size_finding(points)
    fig = canvas(dark, f"{found}, by {escape(dim)}", showlegend=False)
    return _lines(fig, points, scaled, (dim, "an item" if per_item else "a call"), dark, f"{title} by {dim}")


def _size_finding(points: Sequence[Point]) -> str:
    """How many times as fast as the first contender the last one is, over all sizes."""
    first, last = points[0].arm, points[-1].arm
    base = {point.size: point.median_s for point in points if point.arm == first}
    ratios = [base[point.size] / point.median_s for point in points if point.arm == last and point.size in base]
    if first == last or not ratios:
        return f"{formats.duration(min(point.median_s for point in points))} and up"
    low, high = formats.ratio(min(ratios)), formats.ratio(max(ratios))
    return f"{low if low == high else f'{low} to {high}'} as fast"


def _item_finding(points: Sequence[Point]) -> str:
    """What an item costs the last contender at the largest and at the smallest size."""
    own = [point for point in points if point.arm == points[-1].arm]
    most, least = max(own, key=lambda point: point.size), min(own, key=lambda point: point.size)
    costs = [
        f"{formats.duration(point.median_s / point.size)} at {formats.count(point.size)}" for point in (most, least)
    ]
    return f"An item: {', '.join(costs)}"


def latency_by_threads(points: Sequence[Point], dark: bool) -> go.Figure:
    """The same lines against the number of threads that compute, which is the `size` of each point."""
    if len({point.size for point in points}) < 2:
        return nothing(dark, THREADS_TITLE, "One number of threads was timed. Give several, such as 1,2,4, to compare.")
    title = _thread_finding(points)
    return _lines(
        canvas(dark, title, showlegend=False), points, dict.fromkeys(points, 1), ("threads", "a call"), dark, title
    )


def _thread_finding(points: Sequence[Point]) -> str:
    """Which number of threads is the quickest for the export, or for what there is."""
    last = points[-1].arm
    own = [point for point in points if point.arm == last]
    best, one = min(own, key=lambda point: point.median_s), min(own, key=lambda point: point.size)
    if best is one:
        return f"Threads: {last} is quickest with {formats.counted(one.size, 'thread')}"
    return (
        f"Threads: {last} is {formats.ratio(one.median_s / best.median_s)} as fast with {best.size} as with {one.size}"
    )


def _lines(
    fig: go.Figure, points: Sequence[Point], scaled: dict[Point, int], axes: tuple[str, str], dark: bool, said: str
) -> go.Figure:
    """A line for each contender through its medians, divided by the share that `scaled` gives, with intervals and names."""
    unit, second = unit_of(point.median_s / share for point, share in scaled.items())
    for arm in dict.fromkeys(point.arm for point in points):
        own = sorted((point for point in points if point.arm == arm), key=lambda point: point.size)
        times = [point.median_s / scaled[point] / second for point in own]
        fig.add_scatter(
            x=[point.size for point in own],
            y=times,
            mode="lines+markers",
            name=arm,
            line={"color": mode_colour(arm, dark), "width": 2, "dash": mode_look(arm).dash},
            marker={"size": 7, "symbol": mode_look(arm).marker, "color": mode_colour(arm, dark)},
            error_y={
                "array": [(point.high_s - point.median_s) / scaled[point] / second for point in own],
                "arrayminus": [(point.median_s - point.low_s) / scaled[point] / second for point in own],
                "width": 3,
                "thickness": 1,
            },
            hovertemplate=f"{arm}, {axes[0]} %{{x}}: %{{y:.3g}} {unit}<extra></extra>",
        )
    every = [end / share / second for point, share in scaled.items() for end in (point.low_s, point.high_s)]
    sizes = sorted({point.size for point in points})
    fig.update_xaxes(type="log", tickvals=sizes, ticktext=[formats.count(size) for size in sizes], title=axes[0])
    fig.update_yaxes(
        type="log", title=f"{unit} {axes[1]}, log scale", **log_axis_ticks(min(every) * 0.8, max(every) * 1.25)
    )
    _name_lines(fig, points, scaled, second, dark)
    words = "; ".join(
        f"{point.arm} at {point.size}: {formats.duration(point.median_s / scaled[point])}" for point in points
    )
    return described(fig, f"{said}: {words}.", how="by_size")


def _name_lines(fig: go.Figure, points: Sequence[Point], scaled: dict[Point, int], second: float, dark: bool) -> None:
    """Each line's name at its last point, moved apart where lines end close together."""
    ends: dict[str, Point] = {}
    for point in points:
        if point.arm not in ends or point.size > ends[point.arm].size:
            ends[point.arm] = point
    ordered = sorted(ends.values(), key=lambda point: point.median_s / scaled[point])
    for rank, point in enumerate(ordered):
        shift = 9 * (2 * rank - len(ordered) + 1) if len(ordered) > 1 else 0
        label(
            fig,
            f" {point.arm}",
            dark,
            x=log10(point.size),
            y=log10(point.median_s / scaled[point] / second),
            yshift=shift,
        )
    fig.update_layout(margin={"r": 90})


def visits(alternation: Alternation | None, names: Sequence[str], dark: bool) -> go.Figure:
    """One line a shape: the time of each visit while the shapes take turns. `names` are those of the shapes."""
    if alternation is None:
        return nothing(dark, VISITS_TITLE, "Shapes alternate only where a sweep has several sizes.")
    unit, second = unit_of(min(series) for series in alternation.visits_s)
    extra = max(series[0] / series[-1] for series in alternation.visits_s)
    slow = f"A first visit takes up to {formats.digits(extra, 2)}× the last"
    found = slow if extra >= STEADY else "A first visit is as quick as the last"
    fig = canvas(dark, found, showlegend=False)
    dashes = ("solid", "dash", "dot")
    for i, (name, series) in enumerate(zip(names, alternation.visits_s, strict=True)):
        fig.add_scatter(
            x=list(range(1, len(series) + 1)),
            y=[seconds / second for seconds in series],
            mode="lines+markers",
            name=name,
            line={"color": mode_colour(alternation.mode, dark), "width": 2, "dash": dashes[i % len(dashes)]},
            marker={"size": 6, "symbol": MODES[alternation.mode].marker if alternation.mode in MODES else "circle"},
            hovertemplate=f"{name}, visit %{{x}}: %{{y:.3g}} {unit}<extra></extra>",
        )
        label(fig, name, dark, x=1, y=log10(series[0] / second), xshift=8, yanchor="bottom")
    every = [seconds / second for series in alternation.visits_s for seconds in series]
    fig.update_xaxes(title="visit", dtick=1, showgrid=False)
    fig.update_yaxes(type="log", title=f"{unit}, log scale", **log_axis_ticks(min(every) * 0.8, max(every) * 1.25))
    words = "; ".join(
        f"{name}: first {formats.duration(series[0])}, last {formats.duration(series[-1])}"
        for name, series in zip(names, alternation.visits_s, strict=True)
    )
    return described(fig, f"{VISITS_TITLE}: {words}.", how="visits")
