"""The outcome grid of a run in progress, as HTML: it changes in place, where a figure is blank until it is drawn anew."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import pandas as pd

from tsdash.plots.outcomes import LEAST_COLUMNS, Arranged, Cell, Mark, arranged, groups
from tsdash.tokens import OUTCOMES, mode_look
from tsdash.ui.style import pair


def live_grid(table: pd.DataFrame, current: Cell) -> str:
    """Modes by cases, as `plots.outcome_grid` arranges them, with a dotted line around the cell that is being run."""
    if table.empty:
        return ""
    grid = arranged(table)
    rows = [_names(grid)]
    for mode, marks in zip(grid.modes, grid.marks, strict=True):
        here = next((i for i, column in enumerate(grid.columns) if current[1] in column.cases), None)
        cells = _cells(grid, mode, marks, here if mode == current[0] else None)
        rows.append(f'<span>{escape(mode)} <i style="color:{pair(mode_look(mode).colour)}">■</i></span>{cells}')
    rows.append("<span></span>" + "".join(f"<small>{escape(column.label)}</small>" for column in grid.columns))
    css = "ts-grid ts-many" if any(len(column.cases) > 1 for column in grid.columns) else "ts-grid"
    tracks = f"max-content repeat({len(grid.columns)},minmax(0,1fr)) {max(0, LEAST_COLUMNS - len(grid.columns))}fr"
    body = "".join(f'<div class="ts-row">{row}</div>' for row in rows)
    return f'<div class="{css}" role="img" aria-label="{escape(grid.alt)}" style="grid-template-columns:{tracks}">{body}</div>'


def _cells(grid: Arranged, mode: str, marks: Sequence[Mark], running: int | None) -> str:
    """The cells of one mode, a rule before each group; `running` is the column of the one that is being run."""
    starts = {start for start, _, _ in groups(grid.columns)}
    cells = []
    for i, (column, mark) in enumerate(zip(grid.columns, marks, strict=True)):
        look = OUTCOMES[mark.outcome]
        css = "ts-box" + " ts-first" * (i in starts) + " ts-runs" * (i == running)
        cells.append(
            f'<span class="{css}" style="background:{pair(look.fill)};color:{pair(look.on_fill)}" '
            f'title="{escape(f"{mode}, {column.group} {column.label}: {look.label}")}">{mark.glyph}</span>'
        )
    return "".join(cells)


def _names(grid: Arranged) -> str:
    """The names of the groups, in lanes so that no two meet."""
    top = max(lane for lane, _ in grid.lanes.values())
    names = []
    for start, stop, name in groups(grid.columns):
        if start in grid.lanes:
            lane, side = grid.lanes[start]
            span = f"2/{stop + 2};justify-self:end" if side == "right" else f"{start + 2}/-1;justify-self:start"
            names.append(f'<em style="grid-row:{top - lane + 1};grid-column:{span}">{escape(name)}</em>')
    return "".join(names)
