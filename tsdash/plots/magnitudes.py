"""How large Δ is: the histogram of an output's |Δ|, with what eager moves by itself over the same bins."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import Any

import plotly.graph_objects as go

from tsdash import formats
from tsdash.plots.frame import REFERENCE_DELTA, canvas, delta_lines, described, label, nothing, power_text, power_ticks
from tsdash.spec import BINS_A_DECADE, Histogram, Noise
from tsdash.tokens import DELTA_DECADES, OUTCOMES, appearance, delta_colour

NONFINITE = "NaN, ∞"
NAME_DECADES, NAME_HEIGHT, NAME_PX = 3.0, 0.4, 14  # what a name takes up: decades of |Δ|, decades of elements, pixels
NOISE_DASHES = {"threads": "dash", "row": "dot", "jitter": "solid"}
NOISE_NAMES = {"threads": "other threads", "row": "row alone", "jitter": "1 ULP jitter"}


def delta_histogram(
    histogram: Histogram | None, noise: float | None, dark: bool, *, moved: Sequence[Noise] = ()
) -> go.Figure:
    """Elements by |Δ|, five bins a decade in the colour of their decade; zeros and what is not finite stand apart. `moved` is
    how far eager itself was measured to move: a line for each kind, over the same bins."""
    title = "How large"
    if histogram is None:
        return nothing(dark, title, "Nothing to compare: no elements of one dtype on both sides.")
    bars = _bars(histogram, dark)
    if not any(n for n, *_ in bars):
        return nothing(dark, title, "Nothing to compare: the output has no elements.")
    look = appearance(dark)
    counts, places, widths, colours, hovers = (list(column) for column in zip(*bars, strict=True))
    fig = canvas(dark, _finding(histogram), bargap=0, margin={"l": 8, "r": 8, "t": 50, "b": 8})
    fig.add_bar(
        x=places,
        y=counts,
        width=widths,
        marker={"color": colours, "line": {"color": look.muted, "width": 0.5}},
        hovertext=hovers,
        hoverinfo="text",
    )
    low, high = shown_decades(histogram, noise)
    top = log10(max(counts))
    named: list[tuple[float, float]] = []
    for kind in moved:
        if kind.histogram is not None and kind.max_abs > 0:
            _noise_line(fig, kind, kind.histogram, named, dark)
            low = min(low, shown_decades(kind.histogram, None)[0])
            top = max(top, log10(max(1, *kind.histogram.counts)))
    _histogram_axes(fig, histogram, low, high, top)
    delta_lines(fig, noise, dark, along="y")
    _name_bounds(fig, noise, dark)
    return described(fig, _histogram_alt(histogram, noise) + _noise_alt(moved), how="noise_floor")


def _finding(histogram: Histogram) -> str:
    """How many elements the plain rule's bound does not hold for; what is not finite comes first."""
    bound = round((log10(REFERENCE_DELTA) - histogram.low) * BINS_A_DECADE)
    beyond = sum(histogram.counts[max(0, bound) :]) + histogram.above
    total = histogram.zero + histogram.below + sum(histogram.counts) + histogram.above + histogram.nonfinite
    of_all = f"of {formats.count(total)}"
    if histogram.nonfinite:
        return f"|Δ| is {NONFINITE.replace(',', ' or')} in {formats.count(histogram.nonfinite)} {of_all}"
    if beyond:
        return f"{formats.power(-5)} or more in {formats.count(beyond)} {of_all}"
    if histogram.zero == total:
        return f"All of {formats.counted(total, 'element')} equal"
    return f"Less than {formats.power(-5)} in all {of_all} elements"


def _noise_line(
    fig: go.Figure, kind: Noise, histogram: Histogram, named: list[tuple[float, float]], dark: bool
) -> None:
    """Eager against itself: the outline of its histogram, named at its peak, or above the names that stand there already."""
    filled = [i for i, n in enumerate(histogram.counts) if n]
    if not filled:
        return
    look = appearance(dark)
    span = range(filled[0], filled[-1] + 1)
    places = [histogram.low + (i + 0.5) / BINS_A_DECADE for i in span]
    heights = [histogram.counts[i] or None for i in span]
    fig.add_scatter(
        x=places,
        y=heights,
        mode="lines+markers",
        name=f"eager, {NOISE_NAMES[kind.kind]}",
        connectgaps=True,
        line={"color": look.text, "width": 1.4, "dash": NOISE_DASHES[kind.kind], "shape": "hvh"},
        marker={"color": look.text, "size": 3},
        hovertemplate=f"eager itself, {kind.words}<br>%{{y}} elements near this |Δ|<extra></extra>",
    )
    peak = max(span, key=lambda i: histogram.counts[i])
    x, y = histogram.low + (peak + 0.5) / BINS_A_DECADE, log10(histogram.counts[peak])
    near = sum(abs(x - other) < NAME_DECADES and abs(y - height) < NAME_HEIGHT for other, height in named)
    named.append((x, y))
    label(
        fig,
        NOISE_NAMES[kind.kind],
        dark,
        x=x,
        y=y,
        anchor="center",
        yanchor="bottom",
        yshift=NAME_PX * near,
        muted=True,
    )


def _noise_alt(moved: Sequence[Noise]) -> str:
    words = [f"by {formats.delta(kind.max_abs)} when {kind.words}" for kind in moved]
    return f" Eager itself moves {formats.joined(words)}." if words else ""


def _bars(histogram: Histogram, dark: bool) -> list[tuple[int, float, float, str, str]]:
    """Count, place, width, colour and hover text of each bar; special bars lie one decade outside the scale."""
    low, high = shown_decades(histogram, None)
    zero, bad = OUTCOMES["identical"].fill[int(dark)], OUTCOMES["crash"].fill[int(dark)]
    bars = [(histogram.zero, low - 0.75, 0.5, zero, f"{formats.counted(histogram.zero, 'element')} equal: Δ = 0")]
    for i, n in enumerate(histogram.counts):
        start = histogram.low + i / BINS_A_DECADE
        if n:
            text = f"{formats.counted(n, 'element')}<br>{formats.delta(10**start)} ≤ |Δ| < {formats.delta(10 ** (start + 1 / BINS_A_DECADE))}"
            bars.append(
                (n, start + 0.5 / BINS_A_DECADE, 1 / BINS_A_DECADE, delta_colour(floor(start + 1e-9), dark), text)
            )
    last = histogram.low + len(histogram.counts) / BINS_A_DECADE
    for n, place, colour, text in (
        (
            histogram.below,
            histogram.low - 0.1,
            delta_colour(histogram.low, dark),
            f"0 < |Δ| < {formats.delta(10.0**histogram.low)}",
        ),
        (histogram.above, last + 0.1, delta_colour(last, dark), f"|Δ| ≥ {formats.delta(10.0**last)}"),
        (histogram.nonfinite, high + 0.75, bad, "Δ is NaN or infinite"),
    ):
        if n:
            bars.append(
                (
                    n,
                    place,
                    0.5 if place > high + 0.5 else 1 / BINS_A_DECADE,
                    colour,
                    f"{formats.counted(n, 'element')}<br>{text}",
                )
            )
    return bars


def shown_decades(histogram: Histogram, noise: float | None) -> tuple[int, int]:
    """The decades of the axis: those of the colour scale, and all that hold an element."""
    filled = [histogram.low + i / BINS_A_DECADE for i, n in enumerate(histogram.counts) if n]
    filled += [histogram.low - 0.2] if histogram.below else []
    filled += [histogram.low + len(histogram.counts) / BINS_A_DECADE] if histogram.above else []
    filled += [log10(noise)] if noise else []
    return min([DELTA_DECADES[0], *map(floor, filled)]), max([DELTA_DECADES[1], *(floor(f) + 1 for f in filled)])


def _histogram_axes(fig: go.Figure, histogram: Histogram, low: int, high: int, top: float) -> None:
    ticks = power_ticks(low + 1, high)
    places, texts = [low - 0.75, *ticks["tickvals"]], ["0", *ticks["ticktext"]]
    if histogram.nonfinite:
        _, bar = shown_decades(histogram, None)
        places, texts = [*places, bar + 0.75], [*texts, NONFINITE]
    right = high + (1.2 if histogram.nonfinite else 0.1)
    fig.update_xaxes(
        range=[low - 1.1, right], tickvals=places, ticktext=texts, tickangle=0, showgrid=False, title="|Δ|"
    )
    exponents = range(0, ceil(top) + 1, max(1, ceil(top / 4)))
    fig.update_yaxes(
        type="log",
        range=[log10(0.6), max(top, 1) * 1.2],  # room for the names of lines
        tickvals=[10.0**e for e in exponents],
        ticktext=[power_text(e) for e in exponents],
        title="elements",
    )


def _name_bounds(fig: go.Figure, noise: float | None, dark: bool) -> None:
    """The names of both lines, above the plot and on the outer side of their line, so that they never meet."""
    dotted = log10(REFERENCE_DELTA)
    where: dict[str, Any] = {"yref": "paper", "y": 1, "yanchor": "bottom"}
    if noise is None or noise <= 0:
        label(fig, formats.power(-5), dark, x=dotted, anchor="center", **where)
        return
    solid_first = log10(noise) <= dotted
    label(
        fig,
        f"noise floor {formats.delta(noise)}",
        dark,
        x=log10(noise),
        anchor="right" if solid_first else "left",
        **where,
    )
    label(fig, formats.power(-5), dark, x=dotted, anchor="left" if solid_first else "right", **where)


def _histogram_alt(histogram: Histogram, noise: float | None) -> str:
    filled = [i for i, n in enumerate(histogram.counts) if n]
    parts = [f"{formats.count(histogram.zero)} are equal"]
    if filled:
        least, most = histogram.low + filled[0] / BINS_A_DECADE, histogram.low + (filled[-1] + 1) / BINS_A_DECADE
        parts.append(
            f"{formats.count(sum(histogram.counts))} differ by {formats.delta(10**least)} to {formats.delta(10**most)}"
        )
    for n, text in (
        (histogram.below, "by less"),
        (histogram.above, "by more"),
        (histogram.nonfinite, "by NaN or infinity"),
    ):
        if n:
            parts.append(f"{formats.count(n)} differ {text}")
    floor_text = f" The noise floor is {formats.delta(noise)}." if noise else ""
    return f"Histogram of elements by absolute difference: {formats.joined(parts)}.{floor_text}"
