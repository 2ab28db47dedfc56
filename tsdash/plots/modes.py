"""All modes of one run side by side: one row a mode, its numbers in aligned panels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tsdash import formats, glossary
from tsdash.plots.frame import (
    delta_lines,
    described,
    nothing,
    plotly_template,
    power_ticks,
)
from tsdash.tokens import (
    DELTA_DECADES,
    FONT_SIZE_PX,
    OUTCOMES,
    TICK_SIZE_PX,
    VERDICTS,
    appearance,
    delta_colour,
    mode_colour,
    mode_look,
)

ROW_PX = 34
HEAD_PX, FOOT_PX = 40, 34
NARROW_SHARE = 0.09  # of all cases: a segment below it has no room for its number
LEAST_SHARE = 0.035  # nor for its glyph
NUMBER_DECADES = 3  # what a number beside its dot takes on the axis of |Δ|
ROOM = 1.7  # of the longest bar: the number stands beside it


@dataclass(frozen=True, kw_only=True)
class ModeRow:
    """One mode of a run in numbers. None: it was not measured, or there is nothing to measure."""

    mode: str
    verdict: str | None
    counts: Mapping[str, int]  # cases by outcome
    max_abs: float | None = None
    speed_up: tuple[float, float, float] | None = None  # ratio, low, high
    claimed: bool = False
    first_call_s: float | None = None
    artefact_bytes: int | None = None
    peak_bytes: int | None = None
    export_s: float | None = None
    break_even_calls: int | None = None
    never_pays: bool = False  # measured, and no saving can be claimed


def mode_answers(
    rows: Sequence[ModeRow], dark: bool, *, noise: float | None = None, control: tuple[float, float] | None = None
) -> go.Figure:
    """Three aligned panels: cases by outcome, the worst |Δ|, the speed-up. `control` is what eager ÷ eager reaches."""
    if not rows:
        return nothing(dark, "", "No mode has run.", height=92)
    total = max(sum(row.counts.values()) for row in rows)
    titles = [f"outcome of {formats.counted(total, 'case')}", "worst |Δ|", "speed-up, eager ÷ exported"]
    hints = ["outcome", "max_abs", "speed_up"]
    fig = _panels(rows, titles, hints, (0.46, 0.24, 0.30), dark)
    fig.update_layout(barmode="stack")
    _outcome_bars(fig, rows, total, dark)
    _worst_deltas(fig, rows, noise, dark)
    _speed_ups(fig, rows, control, dark)
    return described(fig, f"One row a mode. {'; '.join(_said(row) for row in rows)}.")


def mode_costs(rows: Sequence[ModeRow], dark: bool) -> go.Figure:
    """Five aligned panels of bars: time to export, size of the artefact, first call, peak memory, calls until it pays."""
    panels: list[tuple[str, str, list[tuple[float | None, str]]]] = [
        ("time to export", "export_s", [(row.export_s, formats.duration(row.export_s)) for row in rows]),
        ("artefact", "artefact_bytes", [(row.artefact_bytes, formats.size(row.artefact_bytes)) for row in rows]),
        ("first call", "first_call_s", [(row.first_call_s, formats.duration(row.first_call_s)) for row in rows]),
        ("peak memory", "peak_bytes", [(row.peak_bytes, formats.size(row.peak_bytes)) for row in rows]),
        ("pays for itself after", "break_even", [(row.break_even_calls, _after(row)) for row in rows]),
    ]
    if all(value is None for *_, values in panels for value, _ in values):
        return nothing(dark, "", "Nothing was measured: no mode could be exported.", height=92)
    fig = _panels(rows, [title for title, *_ in panels], [hint for _, hint, _ in panels], (1.0,) * len(panels), dark)
    look, words = appearance(dark), []
    for column, (title, _, values) in enumerate(panels, 1):
        fig.add_bar(
            y=list(range(len(rows))),
            x=[value or 0 for value, _ in values],
            orientation="h",
            width=0.36,
            marker={"color": [mode_colour(row.mode, dark) for row in rows], "line": {"width": 0}},
            text=["not measured" if value is None and text == formats.ABSENT else text for value, text in values],
            textposition="outside",
            textfont={
                "size": TICK_SIZE_PX,
                "color": [look.muted if value is None else look.text for value, _ in values],
            },
            cliponaxis=False,
            constraintext="none",
            hoverinfo="skip",
            row=1,
            col=column,
        )
        _bare_x(fig, column, (0, ROOM * max((value for value, _ in values if value), default=1)))
        named = [f"{row.mode} {text}" for row, (value, text) in zip(rows, values, strict=True) if value is not None]
        words.append(f"{title}: {', '.join(named) or 'not measured'}")
    return described(fig, f"What each mode costs. {'; '.join(words)}.")


def _after(row: ModeRow) -> str:
    """The calls after which an export has paid for itself."""
    if row.break_even_calls is None:
        return "no saving" if row.never_pays else formats.ABSENT
    return formats.counted(row.break_even_calls, "call")


def _panels(
    rows: Sequence[ModeRow], titles: Sequence[str], hints: Sequence[str], widths: Sequence[float], dark: bool
) -> go.Figure:
    """Empty panels beside one another with the modes on the left and each panel's title, its glossary on hover, above it."""
    look = appearance(dark)
    fig = make_subplots(rows=1, cols=len(titles), shared_yaxes=True, horizontal_spacing=0.03, column_widths=widths)
    fig.update_layout(
        template=plotly_template(dark),
        height=HEAD_PX + FOOT_PX + ROW_PX * len(rows),
        margin={"l": 8, "r": 8, "t": HEAD_PX, "b": FOOT_PX},
        bargap=0.4,
    )
    for column, (title, hint) in enumerate(zip(titles, hints, strict=True), 1):
        axis = "x" if column == 1 else f"x{column}"
        fig.add_annotation(
            text=title,
            hovertext=glossary.wrapped(hint),
            x=0,
            xref=f"{axis} domain",
            xanchor="left",
            y=1,
            yref="paper",
            yanchor="bottom",
            yshift=8,
            showarrow=False,
            font={"size": TICK_SIZE_PX, "color": look.muted},
        )
    names = [
        f'{row.mode} <span style="color:{mode_colour(row.mode, dark)}">■</span> {_sign(row, dark)} ' for row in rows
    ]
    fig.update_yaxes(range=[len(rows) - 0.5, -0.5], showline=False, ticks="", tickvals=list(range(len(rows))))
    fig.update_yaxes(ticktext=names, tickfont={"size": FONT_SIZE_PX, "color": look.text}, row=1, col=1)
    return fig


def _sign(row: ModeRow, dark: bool) -> str:
    if row.verdict is None:
        return OUTCOMES["not_run"].glyph
    look = VERDICTS[row.verdict]
    return f'<span style="color:{look.ink[int(dark)]}">{look.glyph}</span>'


def _bare_x(fig: go.Figure, column: int, span: tuple[float, float]) -> None:
    """A horizontal axis without ticks: its bars carry their numbers."""
    plain = {"showgrid": False, "showline": False, "showticklabels": False, "ticks": ""}
    fig.update_xaxes(range=list(span), **plain, row=1, col=column)


def _outcome_bars(fig: go.Figure, rows: Sequence[ModeRow], total: int, dark: bool) -> None:
    at = list(range(len(rows)))
    for name, look in OUTCOMES.items():
        counts = [row.counts.get(name, 0) for row in rows]
        if not any(counts):
            continue
        fig.add_bar(
            y=at,
            x=counts,
            orientation="h",
            marker={"color": look.fill[int(dark)], "line": {"color": appearance(dark).page, "width": 1}},
            text=[_segment_text(look.glyph, n, total) for n in counts],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            textfont={"color": look.on_fill[int(dark)], "size": TICK_SIZE_PX},
            constraintext="none",
            hovertext=[f"{row.mode}: {formats.count(n)} {look.label}" for row, n in zip(rows, counts, strict=True)],
            hoverinfo="text",
            row=1,
            col=1,
        )
    _bare_x(fig, 1, (0, total))


def _segment_text(glyph: str, n: int, total: int) -> str:
    share = n / max(1, total)
    return "" if share < LEAST_SHARE else glyph if share < NARROW_SHARE else f"{glyph} {formats.count(n)}"


def _worst_deltas(fig: go.Figure, rows: Sequence[ModeRow], noise: float | None, dark: bool) -> None:
    """|Δ| in powers of ten on the scale of the whole app; equal bits stand outside it, on the left."""
    known = [(i, row.max_abs) for i, row in enumerate(rows) if row.max_abs is not None]
    places = [log10(value) for _, value in known if value > 0]
    low = min([float(DELTA_DECADES[0]), *places])
    high = max([float(DELTA_DECADES[1]), *places])
    fig.add_scatter(
        y=[i for i, _ in known],
        x=[log10(value) if value > 0 else low - 1 for _, value in known],
        mode="markers+text",
        text=[f"  {formats.delta(value)}  " for _, value in known],
        textposition=[
            "middle left" if value > 0 and log10(value) > high - NUMBER_DECADES else "middle right"
            for _, value in known
        ],
        textfont={"size": TICK_SIZE_PX},
        cliponaxis=False,
        marker={
            "size": 11,
            "color": [
                delta_colour(log10(value), dark) if value > 0 else OUTCOMES["identical"].fill[int(dark)]
                for _, value in known
            ],
            "line": {"color": appearance(dark).muted, "width": 1},
        },
        hovertext=[f"{rows[i].mode}: worst |Δ| {formats.delta(value)}" for i, value in known],
        hoverinfo="text",
        row=1,
        col=2,
    )
    for i, row in enumerate(rows):
        if row.max_abs is None:
            _absent(fig, "nothing to compare", 2, i, dark)
    if not known:
        _hold(fig, 2)
    else:
        delta_lines(fig, noise, dark, along="y", row=1, col=2)
    ticks = power_ticks(low + 1, high, 4)
    fig.update_xaxes(
        range=[low - 1.6, high + 0.8],
        tickvals=[low - 1, *ticks["tickvals"]],
        ticktext=["0", *ticks["ticktext"]],
        tickangle=0,
        showgrid=False,
        row=1,
        col=2,
    )


def _hold(fig: go.Figure, column: int) -> None:
    """A point that is nowhere: plotly drops a panel without data, and puts its words into the first."""
    fig.add_scatter(x=[None], y=[None], mode="markers", hoverinfo="skip", row=1, col=column)


def _absent(fig: go.Figure, text: str, column: int, at: int, dark: bool) -> None:
    fig.add_annotation(
        text=text,
        x=0,
        xref=f"x{column} domain",
        xanchor="left",
        y=at,
        yref="y",
        showarrow=False,
        bgcolor=appearance(dark).page,
        font={"size": TICK_SIZE_PX, "color": appearance(dark).muted},
    )


def _speed_ups(fig: go.Figure, rows: Sequence[ModeRow], control: tuple[float, float] | None, dark: bool) -> None:
    """A marker with its interval for each mode that was timed, beside 1× and the band that eager ÷ eager reaches."""
    look = appearance(dark)
    timed = [(i, row, row.speed_up) for i, row in enumerate(rows) if row.speed_up is not None]
    for i, row in enumerate(rows):
        if row.speed_up is None:
            _absent(fig, "not timed", 3, i, dark)
    if not timed:
        _bare_x(fig, 3, (0, 1))
        _hold(fig, 3)
        return
    if control:
        fig.add_vrect(
            x0=control[0], x1=control[1], fillcolor=look.muted, opacity=0.28, line_width=0, row=1, col=3
        )  # what measuring can get wrong
    fig.add_vline(x=1, line={"color": look.muted, "width": 1}, row=1, col=3)
    edges = [1.0, *(control or ()), *(edge for _, _, speed_up in timed for edge in speed_up)]
    span = max(max(edges) - min(edges), 0.1)
    low, high = min(edges) - 0.06 * span, max(edges) + 0.06 * span
    colours = [mode_colour(row.mode, dark) for _, row, _ in timed]
    fills = [
        look.page if mode_look(row.mode).marker.endswith("-open") else mode_colour(row.mode, dark)
        for _, row, _ in timed
    ]
    fig.add_scatter(
        y=[i for i, _, _ in timed],
        x=[ratio for _, _, (ratio, _, _) in timed],
        mode="markers",
        error_x={
            "array": [upper - ratio for _, _, (ratio, _, upper) in timed],
            "arrayminus": [ratio - lower for _, _, (ratio, lower, _) in timed],
            "thickness": 1.6,
            "width": 4,
            "color": look.muted,
        },
        marker={
            "size": 10,
            "color": fills,
            "symbol": [mode_look(row.mode).marker.removesuffix("-open") for _, row, _ in timed],
            "line": {"width": 2, "color": colours},
        },
        cliponaxis=False,
        hovertext=[f"{row.mode}: {formats.ratio(*speed_up)}{_doubt(row)}" for _, row, speed_up in timed],
        hoverinfo="text",
        row=1,
        col=3,
    )
    fig.add_scatter(
        y=[i for i, _, _ in timed],
        x=[low + 1.3 * (high - low)] * len(timed),
        mode="text",
        text=[formats.ratio(speed_up[0]) for _, _, speed_up in timed],
        textposition="middle left",
        textfont={"size": TICK_SIZE_PX, "color": [look.text if row.claimed else look.muted for _, row, _ in timed]},
        cliponaxis=False,
        hoverinfo="skip",
        row=1,
        col=3,
    )
    fig.update_xaxes(range=[low, low + 1.3 * (high - low)], ticksuffix="×", nticks=5, tickangle=0, row=1, col=3)


def _doubt(row: ModeRow) -> str:
    return "" if row.claimed else "<br>no more than eager differs from itself"


def _said(row: ModeRow) -> str:
    outcomes = [f"{row.counts[name]} {look.label}" for name, look in OUTCOMES.items() if row.counts.get(name)]
    parts = [f"{row.mode}: {VERDICTS[row.verdict].label if row.verdict else 'no verdict yet'}", *outcomes]
    parts += [f"worst |Δ| {formats.delta(row.max_abs)}"] if row.max_abs is not None else []
    parts += [f"speed-up {formats.ratio(*row.speed_up)}"] if row.speed_up else []
    return ", ".join(parts)
