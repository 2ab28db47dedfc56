"""Two runs of one model side by side: what became of each case, and of each speed-up."""

from __future__ import annotations

from collections.abc import Mapping
from math import log

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from tsdash import formats
from tsdash.plots.frame import canvas, described, nothing
from tsdash.tokens import FONT_SIZE_PX, OUTCOMES, appearance, mode_colour

CHANGES_TITLE = "Before → after"
SPEED_TITLE = "Speed-up, before ○ → after ●"
ROW_PX = 34


def run_changes(changes: pd.DataFrame, dark: bool) -> go.Figure:
    """Counts of cases by outcome before (rows) and after (columns); only what changed is coloured.

    `changes` has the columns before and after; cases that only one run has are left out.
    """
    both = changes[(changes["before"] != "absent") & (changes["after"] != "absent")]
    if both.empty:
        return nothing(dark, CHANGES_TITLE, "The two runs have no case in common.")
    names = [name for name in OUTCOMES if name in set(both["before"]) | set(both["after"])]
    counts = pd.crosstab(both["before"], both["after"]).reindex(index=names, columns=names, fill_value=0).to_numpy()
    direction = np.sign(np.subtract.outer(np.arange(len(names)), np.arange(len(names))))  # 1: better, −1: worse
    moved = len(both) - int(counts.trace())
    found = f"{formats.count(moved)} of {formats.counted(len(both), 'case')} changed"
    fig = canvas(dark, f"{CHANGES_TITLE}: {found}", height=110 + ROW_PX * len(names))
    worse, better = OUTCOMES["mismatch"], OUTCOMES["identical"]
    grid = appearance(dark).grid
    scale = [[0, worse.fill[dark]], [0.5, grid], [1, better.fill[dark]]]
    fig.add_heatmap(
        z=np.where(counts > 0, direction, np.nan),
        zmin=-1,
        zmax=1,
        colorscale=scale,
        showscale=False,
        xgap=2,
        ygap=2,
        hoverinfo="skip",
    )
    for row, column in np.ndindex(counts.shape):
        look = {1: better, -1: worse}.get(int(direction[row, column]))
        colour = look.on_fill[dark] if look and counts[row, column] else appearance(dark).muted
        text = formats.count(int(counts[row, column])) if counts[row, column] else "·"
        fig.add_annotation(
            x=column, y=row, text=text, showarrow=False, font={"size": FONT_SIZE_PX + 1, "color": colour}
        )
    fig.update_xaxes(
        tickvals=list(range(len(names))),
        ticktext=[OUTCOMES[name].glyph for name in names],
        showgrid=False,
        showline=False,
        ticks="",
        title="after",
    )
    labels = [f"{OUTCOMES[name].label} {OUTCOMES[name].glyph} " for name in names]
    fig.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=labels,
        showgrid=False,
        showline=False,
        ticks="",
        autorange="reversed",
        title="before",
    )
    moves = [
        f"{counts[i, j]} from {OUTCOMES[names[i]].label} to {OUTCOMES[names[j]].label}"
        for i, j in np.ndindex(counts.shape)
        if i != j and counts[i, j]
    ]
    return described(
        fig,
        f"{CHANGES_TITLE}: {', '.join(moves) or 'no case changed'}; {int(counts.trace())} of {len(both)} as before.",
        how="changes",
    )


def speed_changes(before: Mapping[str, float], after: Mapping[str, float], dark: bool) -> go.Figure:
    """The speed-up of every mode that both runs timed, before (open) and after (filled)."""
    modes = [mode for mode in before if mode in after]
    if not modes:
        return nothing(dark, SPEED_TITLE, "No mode was timed in both runs.", height=92)
    look = appearance(dark)
    most = max(modes, key=lambda mode: abs(log(after[mode] / before[mode])))
    found = f"{most} moves most, {formats.ratio(before[most])} to {formats.ratio(after[most])}"
    fig = canvas(dark, f"{SPEED_TITLE}: {found}", height=110 + ROW_PX * len(modes), showlegend=False)
    for mode in modes:
        colour = mode_colour(mode, dark)
        fig.add_scatter(
            x=[before[mode], after[mode]],
            y=[mode, mode],
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"size": 10, "color": [look.page, colour], "line": {"color": colour, "width": 2}},
            hovertemplate="%{y}: %{x:.2f}×<extra></extra>",
        )
    fig.add_vline(x=1, line={"color": look.muted, "width": 1})
    fig.update_xaxes(ticksuffix="×", title="eager ÷ exported")
    fig.update_yaxes(autorange="reversed", ticks="", showline=False, ticksuffix=" ")
    words = "; ".join(f"{mode} {formats.ratio(before[mode])} to {formats.ratio(after[mode])}" for mode in modes)
    return described(fig, f"{SPEED_TITLE}: {words}.", how="speed_up")
