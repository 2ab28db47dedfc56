"""Where an export leaves eager along the depth of the network: error that has gathered, and error that a module adds itself."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, floor, inf, isfinite, log10

import plotly.graph_objects as go

from tsdash import formats
from tsdash.plots.frame import canvas, described, label, nothing, power_ticks
from tsdash.spec import Divergence
from tsdash.tokens import LEAST_SIZE_PX, OUTCOMES, appearance, mode_look

TITLE = "Along the network: |Δ| of each module's output"
HEIGHT_PX = 300
MOST_TICKS = 24  # module names that stand below the axis
LONGEST_NAME = 22
ROW = 0.8  # decades that the rows of zeros and of infinities stand off the scale


def divergence(found: Sequence[Divergence], mode: str, dark: bool) -> go.Figure:
    """Modules in the order in which they returned, against |Δ| of their output: as the export runs (filled, joined), and fed
    eager's own inputs (open). The title names the first that answers otherwise by itself. Zeros have a row of their own."""
    errors = [error for module in found for error in (module.accumulated, module.local) if error is not None]
    if not errors:
        return nothing(dark, TITLE, "No module could be compared by itself.", height=HEIGHT_PX)
    scale = [log10(error) for error in errors if 0 < error < inf] or [-8.0]
    low, high = floor(min(scale)), max(ceil(max(scale)), floor(min(scale)) + 1)
    fig = canvas(dark, _title(found), height=HEIGHT_PX)
    _series(fig, found, "accumulated", mode, dark, low, high)
    _series(fig, found, "local", mode, dark, low, high)
    _name_series(fig, found, dark, low, high)
    step = max(1, ceil(len(found) / MOST_TICKS))
    at = list(range(0, len(found), step))
    fig.update_xaxes(
        tickvals=at,
        ticktext=[_short(found[i].path) for i in at],
        tickangle=-90 if len(at) > 6 else 0,
        tickfont={"size": LEAST_SIZE_PX},
        range=[-0.5, len(found) - 0.3 + 0.1 * len(found)],
        showgrid=False,
        title={"text": "modules in the order of their return, inner before outer"},
    )
    ticks = power_ticks(low, high)
    infinite = any(error == inf for error in errors)
    fig.update_yaxes(
        range=[low - ROW - 0.5, high + (ROW + 0.4 if infinite else 0.4)],
        tickvals=[low - ROW, *ticks["tickvals"], *([high + ROW] if infinite else [])],
        ticktext=["0", *ticks["ticktext"], *(["∞"] if infinite else [])],
        title={"text": "largest |Δ|"},
    )
    return described(fig, _alt(found), how="divergence")


def _title(found: Sequence[Divergence]) -> str:
    first = _first(found)
    if first is None:
        return "Along the network: no module answers otherwise by itself"
    return f"Along the network: {escape(_short(first.path))} is the first to answer otherwise"


def _first(found: Sequence[Divergence]) -> Divergence | None:
    return next((module for module in found if module.local), None)


def _series(
    fig: go.Figure, found: Sequence[Divergence], name: str, mode: str, dark: bool, low: float, high: float
) -> None:
    look, page = mode_look(mode), appearance(dark).page
    points = [(i, module, getattr(module, name)) for i, module in enumerate(found)]
    points = [point for point in points if point[2] is not None]
    colour = look.colour[int(dark)]
    zero = OUTCOMES["identical"].ink[int(dark)]
    filled = name == "accumulated"
    fig.add_scatter(
        x=[i for i, _, _ in points],
        y=[_height(error, low, high) for _, _, error in points],
        mode="lines+markers" if filled else "markers",
        line={"color": colour, "width": 1.5},
        marker={
            "size": 7 if filled else 11,
            "color": [(colour if error else zero) if filled else page for _, _, error in points],
            "line": {"width": 0 if filled else 2, "color": [colour if error else zero for _, _, error in points]},
            "opacity": 1 if filled else 0.9,
        },
        hovertext=[
            f"<b>{escape(module.path)}</b> ({escape(module.type)})<br>{_WORDS[name]}: {formats.delta(error)}"
            for _, module, error in points
        ],
        hoverinfo="text",
        name=name,
    )


_WORDS = {"accumulated": "as the export runs", "local": "fed eager's own inputs"}


def _height(error: float, low: float, high: float) -> float:
    if error == 0:
        return low - ROW
    return log10(error) if isfinite(error) else high + ROW


def _name_series(fig: go.Figure, found: Sequence[Divergence], dark: bool, low: float, high: float) -> None:
    """What filled and open mean, at the last mark of each."""
    placed: list[float] = []
    for name, sign in (("accumulated", "●"), ("local", "○")):
        known = [getattr(module, name) for module in found if getattr(module, name) is not None]
        if known:
            y = _height(known[-1], low, high)
            shift = 16 if any(abs(y - other) < 0.4 for other in placed) else 0
            placed.append(y)
            label(fig, f"{sign} {_WORDS[name]}", dark, x=1, xref="paper", y=y, anchor="right", yshift=12 + shift)


def _short(path: str) -> str:
    return path if len(path) <= LONGEST_NAME else f"…{path[1 - LONGEST_NAME :]}"


def _alt(found: Sequence[Divergence]) -> str:
    first = _first(found)
    said = (
        f"fed eager's own inputs, the first that differs is {first.path} ({first.type}) by {formats.delta(first.local)}"
        if first
        else "fed eager's own inputs, none differs"
    )
    gathered = [module.accumulated for module in found if module.accumulated is not None]
    end = f"; as the export runs, the last is off by {formats.delta(gathered[-1])}" if gathered else ""
    return f"{formats.counted(len(found), 'module')} in the order of their return: {said}{end}."
