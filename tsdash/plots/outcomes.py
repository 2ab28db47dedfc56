"""Outcomes of modes by cases: one glyph and one colour a cell, cases in groups by what was varied."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from tsdash import formats
from tsdash.plots.frame import canvas, described, nothing, stepped
from tsdash.tokens import LEAST_SIZE_PX, OUTCOMES, TICK_SIZE_PX, appearance, mode_colour

MOST_COLUMNS = 60  # beyond that a column is too narrow for its glyph at 800 px
LEAST_COLUMNS = 24  # fewer cases leave room on the right instead of turning cells into bars
NARROWEST_PX = 620  # width of the cells on a page of 800 px: what group names are laid out for
CHARACTER_PX = 6.6  # width of a character of a group name at 12 px
ROW_PX, AGGREGATED_ROW_PX = 27, 40
TICK_CHARACTER_PX = 5.0  # of a tick label at 10 px
LANE_PX = 16  # height of one line of group names
MOST_LANES = 4
LONGEST_LABEL, LONGEST_SPAN = 16, 9
HOVER_CHARACTERS = 72
SEVERITY = {"not_run": -1} | {name: i for i, name in enumerate(OUTCOMES) if name != "not_run"}
BAD = tuple(name for name in OUTCOMES if name not in ("identical", "within_noise", "not_run"))

Cell = tuple[str, str]  # (mode, case)


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the grid: a case, or neighbours of one group that share a column."""

    group: str
    label: str
    cases: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One cell of the grid: the worst outcome of its cases."""

    mode: str
    case: str  # the first case with that outcome: the one a click opens
    outcome: str
    glyph: str
    hover: str


@dataclass(frozen=True, kw_only=True)
class Arranged:
    """A table of outcomes as the rows and columns of a grid."""

    modes: list[str]
    columns: list[Column]
    marks: list[list[Mark]]  # by mode, by column
    lanes: dict[int, tuple[int, str]]  # where group names go: first column → lane, side it hangs on
    alt: str


def arranged(table: pd.DataFrame) -> Arranged:
    """The rows and columns that `outcome_grid` draws of the same table, which has a case at least."""
    modes = list(dict.fromkeys(table["mode"]))
    columns = _columns(table.drop_duplicates("case"))
    # pandas' own strings are slow to walk
    facts = {(row.mode, row.case): row for row in table.astype(object).itertuples()}
    return Arranged(
        modes=modes,
        columns=columns,
        marks=[[_mark(mode, column, facts) for column in columns] for mode in modes],
        lanes=_lanes(columns),
        alt=_alt(table, modes),
    )


def outcome_grid(table: pd.DataFrame, dark: bool) -> go.Figure:
    """Modes by cases. `table` is tidy: mode, case, varied (the group's name), label (the tick), outcome, hover.

    `hover` is plain text; mode and outcome are put above it. A point's customdata is (mode, case). Above 60
    cases neighbours of a group share a column, which shows the worst of them and how many there are.
    """
    if table.empty:
        return nothing(dark, "", "No cases are planned.", height=92)
    grid = arranged(table)
    modes, columns, lanes = grid.modes, grid.columns, grid.lanes
    row_px = ROW_PX if all(len(column.cases) == 1 for column in columns) else AGGREGATED_ROW_PX
    top, bottom = 8 + LANE_PX * (1 + max(lane for lane, _ in lanes.values())), _tick_px(columns)
    fig = canvas(dark, "", height=top + bottom + row_px * len(modes), margin={"l": 8, "r": 28, "t": top, "b": bottom})
    fig.update_layout(hoverdistance=60)
    _fill(fig, grid.marks, dark)
    _name_groups(fig, columns, lanes, row_px, len(modes), dark)
    _scales(fig, modes, columns, dark)
    return described(fig, grid.alt, how="outcome")


def outlined(grid: go.Figure, table: pd.DataFrame, cell: Cell, dark: bool) -> go.Figure:
    """The grid of that table with a cell outlined in ink: the one that is selected. The same grid where it has no such cell."""
    if table.empty:
        return grid
    modes, columns = table["mode"].unique().tolist(), _columns(table.drop_duplicates("case"))
    column = next((i for i, c in enumerate(columns) if cell[1] in c.cases), None)
    if column is None or cell[0] not in modes:
        return grid
    look, row = appearance(dark), modes.index(cell[0])
    at = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
    fig = go.Figure(grid.to_dict())  # a Figure would be taken apart while others draw it
    for colour, width in ((look.page, 4.5), (look.text, 2.5)):  # a halo first: crash has the ink's colour
        fig.add_shape(type="rect", line={"color": colour, "width": width}, **at)
    return fig


def _columns(cases: pd.DataFrame) -> list[Column]:
    """One column a case, or, where they are too many, the smallest equal share of each group that makes them fit.

    A group's cases stand together. Where even the groups are too many they all become one.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, text, case in zip(cases["varied"].astype(str), cases["label"].astype(str), cases["case"], strict=True):
        groups.setdefault(name, []).append((text, case))
    if len(groups) > MOST_COLUMNS:
        groups = {"all combinations": [member for members in groups.values() for member in members]}
    largest = max(map(len, groups.values()))
    share = next(
        s for s in range(1, largest + 1) if sum(ceil(len(members) / s) for members in groups.values()) <= MOST_COLUMNS
    )
    columns = []
    for name, members in groups.items():
        for start in range(0, len(members), share):
            part = members[start : start + share]
            columns.append(
                Column(group=name, label=_span([text for text, _ in part]), cases=tuple(case for _, case in part))
            )
    return columns


def _span(texts: Sequence[str]) -> str:
    """The tick of one case, of two, or of neighbours from the first to the last, where that is short."""
    if len(texts) == 1:
        return _short(texts[0])
    span = ", ".join(texts) if len(texts) == 2 else f"{texts[0]}…{texts[-1]}"
    return span if len(span) <= LONGEST_SPAN else f"{len(texts)} cases"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"


def _mark(mode: str, column: Column, facts: dict[Cell, Any]) -> Mark:
    known = [facts[mode, case] for case in column.cases if (mode, case) in facts]
    if not known:
        return Mark(mode=mode, case=column.cases[0], outcome="not_run", glyph=OUTCOMES["not_run"].glyph, hover="")
    worst = max(known, key=lambda row: SEVERITY[row.outcome])
    look = OUTCOMES[worst.outcome]
    head = f"<b>{escape(mode)}</b>  {look.glyph} {look.label}"
    if len(column.cases) == 1:
        hover = f"{head}<br>{_wrapped(worst.hover)}"
        return Mark(mode=mode, case=worst.case, outcome=worst.outcome, glyph=look.glyph, hover=hover)
    n = sum(row.outcome == worst.outcome for row in known)
    numbered = worst.outcome in BAD
    glyph = f'{look.glyph}<br><span style="font-size:{LEAST_SIZE_PX}px">{n}</span>' if numbered else look.glyph
    hover = f"{head} in {n} of {len(known)} cases<br>{_wrapped(worst.hover)}"
    return Mark(mode=mode, case=worst.case, outcome=worst.outcome, glyph=glyph, hover=hover)


def _wrapped(text: str) -> str:
    """Plain text in plotly's markup, in lines that fit beside the pointer."""
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, HOVER_CHARACTERS) or [""]]
    return "<br>".join(escape(line, quote=False) for line in lines)


def _fill(fig: go.Figure, marks: list[list[Mark]], dark: bool) -> None:
    """A heatmap for the fills, and transparent markers with text above it: a heatmap alone never reports a click."""
    names = list(OUTCOMES)
    fig.add_heatmap(
        z=[[names.index(mark.outcome) for mark in row] for row in marks],
        zmin=-0.5,
        zmax=len(names) - 0.5,
        colorscale=stepped([OUTCOMES[name].fill[int(dark)] for name in names]),
        showscale=False,
        xgap=2,
        ygap=2,
        hoverinfo="skip",
    )
    flat = [(x, y, mark) for y, row in enumerate(marks) for x, mark in enumerate(row)]
    fig.add_scatter(
        x=[x for x, _, _ in flat],
        y=[y for _, y, _ in flat],
        mode="markers+text",
        marker={"size": 18, "symbol": "square", "opacity": 0},
        text=[mark.glyph for _, _, mark in flat],
        textfont={"size": 14, "color": [OUTCOMES[mark.outcome].on_fill[int(dark)] for _, _, mark in flat]},
        customdata=[(mark.mode, mark.case) for _, _, mark in flat],
        hovertext=[mark.hover for _, _, mark in flat],
        hoverinfo="text",
        unselected={"marker": {"opacity": 0}},
    )


def _lanes(columns: Sequence[Column]) -> dict[int, tuple[int, str]]:
    """Where the name of each group goes: first column → (lane, side it hangs on), so that no two names ever meet.

    Widths are those of the narrowest page; a name that finds no free lane is left to the hover text.
    """
    column_px = NARROWEST_PX / max(len(columns), LEAST_COLUMNS)
    free = [0.0] * MOST_LANES  # where the text on each lane ends
    placed = {}
    for start, stop, name in groups(columns):
        width = (len(name) + 2) * CHARACTER_PX
        overhangs = start * column_px + width > NARROWEST_PX
        left = stop * column_px - width if overhangs else start * column_px
        lane = next((i for i in range(MOST_LANES) if free[i] <= left), None)
        if lane is not None:
            free[lane] = left + width
            placed[start] = (lane, "right" if overhangs else "left")
    return placed


def groups(columns: Sequence[Column]) -> list[tuple[int, int, str]]:
    """First column, column after the last, and name of each group."""
    spans = []
    for name, members in itertools.groupby(enumerate(columns), key=lambda item: item[1].group):
        at = [i for i, _ in members]
        spans.append((at[0], at[-1] + 1, _short(name)))
    return spans


def _name_groups(
    fig: go.Figure, columns: Sequence[Column], lanes: dict[int, tuple[int, str]], row_px: int, rows: int, dark: bool
) -> None:
    """A rule where each group begins, as tall as the lane of its name."""
    look = appearance(dark)
    for start, stop, name in groups(columns):
        lane, side = lanes.get(start, (-1, ""))
        raised = LANE_PX * (lane + 1) / row_px
        fig.add_shape(
            type="line",
            x0=start - 0.5,
            x1=start - 0.5,
            y0=rows - 0.5,
            y1=-0.5 - raised,
            line={"color": look.muted, "width": 1},
        )
        if lane >= 0:
            fig.add_annotation(
                x=(stop if side == "right" else start) - 0.5,
                y=-0.5,
                yanchor="bottom",
                xanchor=side,
                text=name,
                showarrow=False,
                yshift=LANE_PX * lane,
                xshift=3 if side == "left" else 0,
                borderpad=0,
                font={"size": TICK_SIZE_PX, "color": look.muted},
            )


def _upright(columns: Sequence[Column]) -> bool:
    """Whether the tick labels fit side by side without being turned."""
    longest = max(len(column.label) for column in columns) + 1
    return longest * CHARACTER_PX <= NARROWEST_PX / max(len(columns), LEAST_COLUMNS)


def _tick_px(columns: Sequence[Column]) -> int:
    longest = max(len(column.label) for column in columns)
    return 24 if _upright(columns) else 14 + round(TICK_CHARACTER_PX * longest)


def _scales(fig: go.Figure, modes: list[str], columns: Sequence[Column], dark: bool) -> None:
    look = appearance(dark)
    plain = {"showgrid": False, "showline": False, "ticks": ""}
    fig.update_xaxes(
        range=[-0.55, max(len(columns), LEAST_COLUMNS) - 0.45],
        tickangle=0 if _upright(columns) else -90,
        tickvals=list(range(len(columns))),
        ticktext=[column.label for column in columns],
        tickfont={"size": LEAST_SIZE_PX},
        automargin=False,
        **plain,
    )
    fig.update_yaxes(
        range=[len(modes) - 0.5, -0.5],
        tickvals=list(range(len(modes))),
        ticktext=[f'{mode} <span style="color:{mode_colour(mode, dark)}">■</span> ' for mode in modes],
        tickfont={"size": 13, "color": look.text},
        **plain,
    )


def _alt(table: pd.DataFrame, modes: list[str]) -> str:
    parts = []
    for mode in modes:
        counts = table.loc[table["mode"] == mode, "outcome"].value_counts()
        named = [f"{counts[name]} {look.label}" for name, look in OUTCOMES.items() if name in counts]
        parts.append(f"{mode}: {', '.join(named)}")
    return f"Outcome of {formats.counted(table['case'].nunique(), 'case')} in each mode. {'; '.join(parts)}."
