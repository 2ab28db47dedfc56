"""Calls of eager and one mode, four ways: pair by pair, as distributions, in order, and as the share that is done.

Samples are drawn as they were taken; every statistic (medians, intervals) is handed in by the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, log10
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from tsdash import formats
from tsdash.plots.frame import canvas, described, label, log_axis_ticks, nothing
from tsdash.spec import EAGER, Arm, Latency
from tsdash.tokens import appearance, mode_colour, mode_look

Floats = npt.NDArray[np.float64]
Span = tuple[float, float]

MOST_POINTS = 1500  # per trace; beyond that neighbours are drawn as their slowest
BINS = 60
FAR = 3.0  # interquartile ranges beyond the quartiles: far out, by Tukey, "Exploratory Data Analysis" (1977)
LOG_FROM = 4.0  # times slower: from there both sides need a log axis to be read


def paired_ratio(
    latency: Latency | None,
    mode: str,
    dark: bool,
    *,
    speed_up: tuple[float, float, float] | None = None,
    control: Span | None = None,
) -> go.Figure:
    """eager ÷ exported of every round; `speed_up` is its median with interval, `control` what eager ÷ eager reaches."""
    title = "Pair by pair"
    arms = _arms(latency, mode)
    if arms is None:
        return nothing(dark, title, f"Nothing to compare: {mode} was not timed.")
    eager, exported = (_samples(arm) for arm in arms)
    n = min(eager.size, exported.size)
    ratios = eager[:n] / exported[:n]
    look, colour = appearance(dark), mode_colour(mode, dark)
    bottom, top = _ratio_range(ratios, [1.0, *(speed_up or ()), *(control or ())])
    found = f"{mode} is {formats.ratio(speed_up[0])} as fast as eager" if speed_up else f"eager ÷ {mode}"
    fig = canvas(dark, f"{title}: {found}")
    if control:
        fig.add_hrect(y0=control[0], y1=control[1], fillcolor=look.muted, opacity=0.28, line_width=0)
        label(fig, " eager ÷ eager", dark, x=0, xref="paper", y=control[0], yanchor="top", muted=True)
    fig.add_hline(y=1, line={"color": look.muted, "width": 1})
    at, shown = _thinned(ratios)
    marker = {"size": 4, "color": colour, "opacity": 0.55}
    fig.add_scatter(x=at, y=shown, mode="markers", marker=marker, hovertemplate="pair %{x}: %{y:.2f}×<extra></extra>")
    alt = f"Speed-up of {mode} over eager in {formats.counted(n, 'pair')}"
    if speed_up:
        ratio, low, high = speed_up
        text = formats.ratio(ratio, low, high)
        fig.add_hrect(y0=low, y1=high, fillcolor=colour, opacity=0.35, line_width=0)
        fig.add_hline(y=ratio, line={"color": look.text, "width": 1.6})
        side = "bottom" if ratio < bottom + 0.75 * (top - bottom) else "top"
        where: dict[str, Any] = {"x": 1, "xref": "paper", "anchor": "right", "yanchor": side}
        label(fig, f"<b>{text}</b>", dark, y=ratio, bgcolor=look.page, **where)
        alt += f": median {text}"
    ticks = _even_ticks(bottom, top)
    fig.update_yaxes(
        range=[bottom, top], tickvals=ticks, ticktext=[f"{t:g}×" for t in ticks], title="speed-up, eager ÷ exported"
    )
    hidden = int(((ratios < bottom) | (ratios > top)).sum())
    words = "pair, in the order of measuring" + (f"; {formats.count(hidden)} beyond the axis" if hidden else "")
    fig.update_xaxes(range=[0, n + 1], showgrid=False, title=words, tickformat=",d")
    return described(fig, f"{alt}.", how="speed_up")


def _ratio_range(ratios: Floats, must: list[float]) -> Span:
    """All ratios inside Tukey's outer fences and everything that has to be seen, with air for the words."""
    quarter, three = (float(q) for q in np.quantile(ratios, (0.25, 0.75)))
    fence = FAR * (three - quarter)
    inside = ratios[(ratios >= quarter - fence) & (ratios <= three + fence)]
    low, high = min(*must, float(inside.min())), max(*must, float(inside.max()))
    air = 0.15 * max(high - low, 0.2)
    return max(0.0, low - air), high + air


def _even_ticks(low: float, high: float) -> list[float]:
    """Round numbers from low to high, at most six steps, 1 always among them when it is inside."""
    step = next(s * 10.0**e for e in range(-2, 9) for s in (1, 2, 2.5, 5) if (high - low) <= 6 * s * 10.0**e)
    ticks = [round(i * step, 6) for i in range(ceil(low / step), int(high / step) + 1)]
    return sorted({*ticks, 1.0}) if step < 1 and low < 1 < high else ticks


def latency_histogram(
    latency: Latency | None, mode: str, dark: bool, *, medians_s: Mapping[str, float] | None = None
) -> go.Figure:
    """Both distributions on one axis and in the same bins, translucent so that the overlap stays readable."""
    title = "Distribution"
    arms = _arms(latency, mode)
    if arms is None:
        return nothing(dark, title, f"Nothing to compare: {mode} was not timed.")
    medians = dict(medians_s or {})
    unit, scale, log = _time_axis(arms)
    pooled = np.concatenate([_samples(arm) for arm in arms]) / scale
    first = float(pooled.min())
    last = max(max(_tail(_samples(arm)) for arm in arms) / scale, first * 1.02)
    slowest = formats.share(int((pooled > last).sum()), pooled.size)
    edges = np.geomspace(first, last, BINS) if log else np.linspace(first, last, BINS)
    if {EAGER, mode} <= medians.keys():
        title = f"Half of the calls within {_beside(mode, medians)}"
    fig = canvas(dark, title, barmode="overlay", bargap=0)
    for lane, arm in enumerate(arms):
        values = np.minimum(_samples(arm) / scale, last)
        counts, _ = np.histogram(values, edges)
        colour = mode_colour(arm.name, dark)
        middles = np.sqrt(edges[1:] * edges[:-1]) if log else (edges[1:] + edges[:-1]) / 2
        fig.add_bar(
            x=middles,
            y=counts,
            width=np.diff(edges),
            name=arm.name,
            opacity=0.55,
            marker={"color": colour, "line": {"width": 0}},
            hovertemplate=f"%{{x:.3g}} {unit}: %{{y}} calls<extra>{arm.name}</extra>",
        )
        if arm.name in medians:
            _median_line(fig, arm.name, medians[arm.name], scale, lane, dark, log=log, span=(first, last))
    words = f"{unit} a call" + (f", the slowest {slowest} in the last bin" if (pooled > last).any() else "")
    fig.update_xaxes(title=words, showgrid=False, **_time_ticks(first, last, log))
    fig.update_yaxes(title="calls")
    named = [f"{name} {formats.duration(value)}" for name, value in medians.items() if name in (EAGER, mode)]
    alt = f"Overlaid histograms of call times. Medians: {formats.joined(named) or formats.ABSENT}."
    return described(fig, alt, how="median_s")


def _tail(samples: Floats) -> float:
    """Where the last bin begins: at Tukey's outer fence, or at the slowest call if that is nearer."""
    quarter, three = np.quantile(samples, (0.25, 0.75))
    return float(min(samples.max(), three + FAR * (three - quarter)))


def _median_line(
    fig: go.Figure, name: str, seconds: float, scale: float, lane: int, dark: bool, *, log: bool, span: Span
) -> None:
    """A line at the median with its name; each contender has a lane of its own, so that close medians stay readable."""
    at = seconds / scale
    place = (log10(at / span[0]) / log10(span[1] / span[0])) if log else (at - span[0]) / (span[1] - span[0])
    fig.add_vline(x=at, line={"color": mode_colour(name, dark), "width": 2, "dash": mode_look(name).dash})
    side = "right" if place > 0.6 else "left"
    text = f" {name} {formats.duration(seconds)} "
    label(fig, text, dark, x=log10(at) if log else at, y=1, yref="paper", yanchor="top", yshift=-16 * lane, anchor=side)


def latency_ecdf(
    latency: Latency | None, mode: str, dark: bool, *, tail: tuple[float, Mapping[str, float]] | None = None
) -> go.Figure:
    """Share of calls done within a time: the tail is visible where a histogram hides it. `tail` is a quantile, such as 0.99, with
    the seconds that it is for each contender."""
    title = "Tail"
    arms = _arms(latency, mode)
    if arms is None:
        return nothing(dark, title, f"Nothing to compare: {mode} was not timed.")
    unit, scale, _ = _time_axis(arms)
    if tail:
        title = f"{100 * tail[0]:g} % of the calls within {_beside(mode, tail[1])}"
    fig = canvas(dark, title)
    first, last, parts = float("inf"), 0.0, []
    for arm, height in zip(arms, (0.55, 0.35), strict=True):
        ordered = np.sort(_samples(arm)) / scale
        share = np.arange(1, ordered.size + 1) / ordered.size
        kept = np.unique(
            np.concatenate(
                [np.linspace(0, ordered.size - 1, 600).astype(int), np.arange(max(0, ordered.size - 100), ordered.size)]
            )
        )
        line = {"color": mode_colour(arm.name, dark), "width": 2, "dash": mode_look(arm.name).dash, "shape": "hv"}
        text = f"%{{y:.1%}} within %{{x:.3g}} {unit}<extra>{arm.name}</extra>"
        fig.add_scatter(x=ordered[kept], y=share[kept], name=arm.name, mode="lines", line=line, hovertemplate=text)
        at = ordered[min(int(height * ordered.size), ordered.size - 1)]
        label(fig, f" {arm.name} ", dark, x=log10(at), y=height, anchor="left" if arm is _slower(arms) else "right")
        first, last = min(first, ordered[0]), max(last, ordered[-1])
        parts.append(
            f"{arm.name} 90 % within {formats.duration(float(ordered[int(0.9 * (ordered.size - 1))]) * scale)}"
        )
    fig.update_yaxes(
        range=[0, 1.04], tickvals=[0, 0.5, 0.9, 1], ticktext=["0 %", "50 %", "90 %", "100 %"], title="calls done within"
    )
    air = (last / first) ** 0.12
    fig.update_xaxes(title=f"{unit}, log scale", **_time_ticks(first / air, last * 1.02, True))
    return described(fig, f"Share of calls done within a time: {formats.joined(parts)}.", how="shares")


def latency_timeline(latency: Latency | None, mode: str, dark: bool, *, steady: int | None = None) -> go.Figure:
    """Every call in the order in which it was made; the warm-up is shaded and not counted. `steady` is the number of calls of
    the mode after which its speed changed no more."""
    title = "Call by call"
    arms = _arms(latency, mode)
    if arms is None:
        return nothing(dark, title, f"Nothing to compare: {mode} was not timed.")
    unit, scale, _ = _time_axis(arms)
    look = appearance(dark)
    slowest = max(arms, key=lambda arm: max(arm.samples_s))
    found = f"the slowest took {formats.duration(max(slowest.samples_s))}, by {slowest.name}"
    fig = canvas(dark, f"{title}: {found}")
    warm = max(len(arm.warmup_s) for arm in arms)
    everything = []
    for arm in arms:
        at, seconds = _thinned(np.array(arm.samples_s))
        calls = np.concatenate([np.arange(warm - len(arm.warmup_s), warm) + 1, at + warm])
        values = np.concatenate([np.array(arm.warmup_s), seconds]) / scale
        everything.append(values)
        symbol = mode_look(arm.name).marker.removesuffix("-open")
        text = f"call %{{x}}: %{{y:.3g}} {unit}<extra>{arm.name}</extra>"
        marker = {"size": 4, "color": mode_colour(arm.name, dark), "symbol": symbol}
        fig.add_scatter(x=calls, y=values, name=arm.name, mode="markers", marker=marker, hovertemplate=text)
    pooled = np.concatenate(everything)
    total = warm + max(len(arm.samples_s) for arm in arms)
    words = ""
    if warm:
        fig.add_vrect(x0=0.5, x1=warm + 0.5, fillcolor=look.border, opacity=0.5, line_width=0)
        words = f"warm-up, {formats.counted(warm, 'call')}, not counted"
        label(fig, f" ◂ {words}", dark, x=warm + 0.5, y=1, yref="paper", yanchor="top", muted=True)
    if steady and steady < warm:
        place = warm - len(arms[1].warmup_s) + steady + 0.5
        fig.add_vline(x=place, line={"color": mode_colour(mode, dark), "width": 1.5, "dash": "dash"})
        label(fig, f" {mode} steady", dark, x=place, y=1, yref="paper", yanchor="top", yshift=-16, muted=True)
        words += f"; {mode} is steady after {formats.counted(steady, 'call')}"
    first, last = float(pooled.min()) * 0.9, float(pooled.max()) * 1.5
    fig.update_yaxes(title=f"{unit}, log scale", **_time_ticks(first, last, True))
    fig.update_xaxes(range=[0, total + 1], showgrid=False, title="call" + _thinning(arms), tickformat=",d")
    alt = f"Time of every call in order, eager and {mode}; {found}. {words}".strip()
    return described(fig, alt, how="calls")


def _arms(latency: Latency | None, mode: str) -> tuple[Arm, Arm] | None:
    """eager's calls and the mode's, where both were timed."""
    found = {arm.name: arm for arm in latency.arms} if latency else {}
    if EAGER in found and mode in found and found[EAGER].samples_s and found[mode].samples_s:
        return found[EAGER], found[mode]
    return None


def _beside(mode: str, seconds: Mapping[str, float]) -> str:
    """The mode's time beside eager's: 8.76 µs, eager's 26.2 µs."""
    return f"{formats.duration(seconds[mode])}, eager's {formats.duration(seconds[EAGER])}"


def _samples(arm: Arm) -> Floats:
    return np.asarray(arm.samples_s, dtype=np.float64)


def _slower(arms: tuple[Arm, Arm]) -> Arm:
    return max(arms, key=lambda arm: float(np.median(_samples(arm))))


def _time_axis(arms: tuple[Arm, Arm]) -> tuple[str, float, bool]:
    """Unit of the axis, its length in seconds, and whether the two lie so far apart that a log axis is needed."""
    middles = [float(np.median(_samples(arm))) for arm in arms]
    return *formats.time_unit(min(middles)), max(middles) > LOG_FROM * min(middles)


def _time_ticks(first: float, last: float, log: bool) -> dict[str, Any]:
    if not log:
        return {"nticks": 6}
    return {"type": "log", "range": [log10(first), log10(last)], **log_axis_ticks(first, last)}


def _thinned(values: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
    """Call numbers and values; of many neighbours only the slowest, so that no spike is lost."""
    every = ceil(values.size / MOST_POINTS)
    starts = np.arange(0, values.size, every)
    return starts + 1, np.maximum.reduceat(values, starts)


def _thinning(arms: tuple[Arm, Arm]) -> str:
    every = ceil(max(len(arm.samples_s) for arm in arms) / MOST_POINTS)
    return f", the slowest of every {every}" if every > 1 else ""
