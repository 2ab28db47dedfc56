"""Sizes at which an export agrees and fails, one line a dim, beside the sizes that torch.export says it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

import plotly.graph_objects as go

from tsdash import formats
from tsdash.plots.frame import canvas, described, label, nothing
from tsdash.tokens import OUTCOMES, appearance, mode_colour

TITLE = "Sizes tried, all else as in the base case"
ROW_PX, FRAME_PX = 44, 86
NEAR_TICKS = 0.16  # of an octave: sizes closer than that share a tick
SIGN_PX = 20


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What is known of one dim. `allowed` is torch.export's own range, its end None where it is open."""

    dim: str
    base: int
    agree: tuple[int, ...]
    fail: tuple[int, ...]
    allowed: tuple[int, int | None] | None = None


def frontier(found: Sequence[Sizes], dark: bool) -> go.Figure:
    """Each size tried as its outcome's sign, on a logarithmic axis; a bar below for what torch.export takes."""
    if not found:
        return nothing(dark, TITLE, "No size but the base's was tried.", height=FRAME_PX + ROW_PX)
    sizes = sorted({size for dim in found for size in (dim.base, *dim.agree, *dim.fail)})
    low, high = log2(max(1, sizes[0])) - 0.3, log2(max(1, sizes[-1])) + 0.5
    fig = canvas(dark, _finding(found), height=FRAME_PX + ROW_PX * len(found))
    for row, dim in enumerate(found):
        _range(fig, dim, row, high, dark)
        for name, members in (("identical", dim.agree), ("mismatch", dim.fail)):
            look = OUTCOMES[name]
            fig.add_scatter(
                x=[log2(max(1, size)) for size in members],
                y=[row] * len(members),
                mode="markers+text",
                marker={"symbol": "square", "size": SIGN_PX, "color": look.fill[int(dark)]},
                text=[look.glyph] * len(members),
                textfont={"size": 13, "color": look.on_fill[int(dark)]},
                hovertext=[f"{dim.dim} {size}: {'agrees' if name == 'identical' else 'fails'}" for size in members],
                hoverinfo="text",
            )
    shown = _apart(sizes)
    fig.update_xaxes(
        range=[low, high],
        tickvals=[log2(max(1, size)) for size in shown],
        ticktext=[formats.count(size) for size in shown],
        title={"text": "size, log scale"},
    )
    fig.update_yaxes(
        range=[len(found) - 0.35, -0.65],
        tickvals=list(range(len(found))),
        ticktext=[f"{dim.dim} " for dim in found],
        tickfont={"size": 13, "color": appearance(dark).text},
        showgrid=False,
        ticks="",
    )
    return described(fig, f"{TITLE}. {' '.join(map(_words, found))}", how="frontier")


def _finding(found: Sequence[Sizes]) -> str:
    """How many of the sizes fail."""
    fail = sum(len(dim.fail) for dim in found)
    total = fail + sum(len(dim.agree) for dim in found)
    return f"{formats.count(fail) if fail else 'None'} of {formats.counted(total, 'size')} tried {'fail' if fail > 1 else 'fails'}, all else as in the base case"


def _range(fig: go.Figure, dim: Sizes, row: int, high: float, dark: bool) -> None:
    """torch.export's range as a line below the signs; an open one runs out of the figure."""
    if dim.allowed is None:
        return
    first, last = dim.allowed
    start, end = log2(max(1, first)), high if last is None else log2(max(1, last))
    fig.add_scatter(
        x=[start, end],
        y=[row + 0.42] * 2,
        mode="lines+markers",
        line={"color": mode_colour("export", dark), "width": 3},
        marker={"symbol": "line-ns", "size": 8, "line": {"width": 2, "color": mode_colour("export", dark)}},
        hovertext=[_taken(dim)] * 2,
        hoverinfo="text",
    )
    if row == 0:
        label(fig, "torch.export takes", dark, x=end, y=row + 0.42, anchor="right", yshift=9, muted=True)


def _taken(dim: Sizes) -> str:
    assert dim.allowed is not None
    low, high = dim.allowed
    return f"torch.export takes {low} {'and up' if high is None else f'to {high}' if high != low else 'alone'}"


def _apart(sizes: Sequence[int]) -> list[int]:
    """The sizes whose ticks do not touch."""
    kept: list[int] = []
    for size in sizes:
        if not kept or log2(max(1, size)) - log2(max(1, kept[-1])) >= NEAR_TICKS:
            kept.append(size)
    return kept


def _words(dim: Sizes) -> str:
    agree, fail = (", ".join(map(str, members)) or "none" for members in (dim.agree, dim.fail))
    taken = f"; {_taken(dim)}" if dim.allowed else ""
    return f"{dim.dim}: agrees at {agree}; fails at {fail}{taken}."
