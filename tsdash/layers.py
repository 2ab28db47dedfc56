"""Boxes that are connected, placed in layers from top to bottom.

Layers by longest path, the order within a layer by barycentres (Sugiyama, Tagawa and Toda 1981), places by pulling each box
towards its neighbours. A connection that passes layers takes up room in each, once for all that come from the same box. Lengths
are pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

GAP_X, GAP_Y = 18.0, 30.0
THREAD = 6.0  # width of a connection that passes a layer
SWEEPS, PULLS = 4, 8

Key = tuple[int, int]  # a box, with 0; or a connection of that box that passes the layer of this number


@dataclass(frozen=True, kw_only=True)
class Line:
    """A stretch of a connection from one point down to another; `ends`: it arrives at a box."""

    x1: float
    y1: float
    x2: float
    y2: float
    ends: bool


@dataclass(frozen=True, kw_only=True)
class Placement:
    """The middle of each box across, its upper edge, and the connections; all within (0, 0) and (width, height)."""

    middles: dict[int, float]
    tops: dict[int, float]
    lines: tuple[Line, ...]
    width: float
    height: float


def place(
    sizes: Mapping[int, tuple[float, float]],
    edges: Iterable[tuple[int, int]],
    *,
    anchors: Mapping[int, tuple[float, float]],
) -> Placement:
    """Place boxes of these (width, height), which are listed in an order that all edges follow; others are left out.

    `anchors` says where on a box, from its left edge, lines arrive and leave, if not in the middle.
    """
    rank = {box: i for i, box in enumerate(sizes)}
    forward = [(a, b) for a, b in dict.fromkeys(edges) if a in rank and b in rank and rank[a] < rank[b]]
    layer = _layers(rank, forward)
    links = _links(forward, layer)
    rows: list[list[Key]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for box in rank:
        rows[layer[box]].append((box, 0))
    for key in dict.fromkeys(key for link in links for key in link if key[1]):
        rows[key[1]].append(key)
    width = {key: THREAD if key[1] else sizes[key[0]][0] for row in rows for key in row}
    above, below = _neighbours(links)
    _order(rows, above, below)
    middle = _middles(rows, above, below, width)
    shift = -min((middle[key] - width[key] / 2 for key in middle), default=0.0)
    middle = {key: x + shift for key, x in middle.items()}
    tops, bottoms, y = [], [], 0.0
    for row in rows:
        tops.append(y)
        y += max((sizes[key[0]][1] for key in row if not key[1]), default=0.0)
        bottoms.append(y)
        y += GAP_Y
    lines = []
    for key in width:
        if key[1]:
            lines.append(Line(x1=middle[key], y1=tops[key[1]], x2=middle[key], y2=bottoms[key[1]], ends=False))
    for a, b in links:
        arrive, _ = anchors.get(b[0], (width[b] / 2,) * 2) if not b[1] else (width[b] / 2,) * 2
        _, leave = anchors.get(a[0], (width[a] / 2,) * 2) if not a[1] else (width[a] / 2,) * 2
        number = a[1] or layer[a[0]]
        y1 = bottoms[number] if a[1] else tops[number] + sizes[a[0]][1]
        y2 = tops[b[1] or layer[b[0]]]
        left, right = middle[a] - width[a] / 2, middle[b] - width[b] / 2
        lines.append(Line(x1=left + leave, y1=y1, x2=right + arrive, y2=y2, ends=not b[1]))
    return Placement(
        middles={box: middle[box, 0] for box in rank},
        tops={box: tops[layer[box]] for box in rank},
        lines=tuple(lines),
        width=max((middle[key] + width[key] / 2 for key in middle), default=0.0),
        height=max(0.0, y - GAP_Y),
    )


def _layers(rank: Mapping[int, int], edges: list[tuple[int, int]]) -> dict[int, int]:
    """The longest way from a source; what nothing leads to stands just above what it leads to."""
    before: dict[int, list[int]] = {}
    after: dict[int, list[int]] = {}
    for a, b in edges:
        before.setdefault(b, []).append(a)
        after.setdefault(a, []).append(b)
    layer: dict[int, int] = {}
    for box in rank:
        layer[box] = 1 + max((layer[a] for a in before.get(box, ())), default=-1)
    for box in reversed(list(rank)):
        if box not in before and box in after:
            layer[box] = max(0, min(layer[b] for b in after[box]) - 1)
    return layer


def _links(edges: list[tuple[int, int]], layer: Mapping[int, int]) -> list[tuple[Key, Key]]:
    """The edges as stretches from one layer to the next."""
    links: dict[tuple[Key, Key], None] = {}
    for a, b in edges:
        last: Key = (a, 0)
        for passed in range(layer[a] + 1, layer[b]):
            links[last, (a, passed)] = None
            last = (a, passed)
        links[last, (b, 0)] = None
    return list(links)


def _neighbours(links: list[tuple[Key, Key]]) -> tuple[dict[Key, list[Key]], dict[Key, list[Key]]]:
    above: dict[Key, list[Key]] = {}
    below: dict[Key, list[Key]] = {}
    for a, b in links:
        above.setdefault(b, []).append(a)
        below.setdefault(a, []).append(b)
    return above, below


def _order(rows: list[list[Key]], above: Mapping[Key, list[Key]], below: Mapping[Key, list[Key]]) -> None:
    """Sort each row by where its neighbours in the row before stand, down and up in turn."""
    at = {key: float(i) for row in rows for i, key in enumerate(row)}
    for sweep in range(SWEEPS):
        near = below if sweep % 2 else above
        for row in reversed(rows) if sweep % 2 else rows:
            row.sort(key=lambda key: _mean([at[other] for other in near.get(key, ())], at[key]))
            at.update((key, float(i)) for i, key in enumerate(row))


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _middles(
    rows: list[list[Key]],
    above: Mapping[Key, list[Key]],
    below: Mapping[Key, list[Key]],
    width: Mapping[Key, float],
) -> dict[Key, float]:
    """Where each stands across: packed, then pulled towards its neighbours as far as the others of its row allow."""
    middle: dict[Key, float] = {}
    for row in rows:
        x = -(sum(width[key] + GAP_X for key in row) - GAP_X) / 2
        for key in row:
            middle[key] = x + width[key] / 2
            x += width[key] + GAP_X
    for pull in range(PULLS):
        for row in reversed(rows) if pull % 2 else rows:
            wanted = [
                _mean([middle[other] for other in (*above.get(key, ()), *below.get(key, ()))], middle[key])
                for key in row
            ]
            for key, x in zip(row, _apart(wanted, [width[key] for key in row]), strict=True):
                middle[key] = x
    return middle


def _apart(wanted: list[float], widths: list[float]) -> list[float]:
    """Places near the wanted ones that keep the order and the gaps: the mean of pushing right and of pushing left."""
    rightwards, leftwards = list(wanted), list(wanted)
    for i in range(1, len(wanted)):
        least = (widths[i - 1] + widths[i]) / 2 + GAP_X
        rightwards[i] = max(rightwards[i], rightwards[i - 1] + least)
        j = len(wanted) - 1 - i
        least = (widths[j] + widths[j + 1]) / 2 + GAP_X
        leftwards[j] = min(leftwards[j], leftwards[j + 1] - least)
    return [(a + b) / 2 for a, b in zip(rightwards, leftwards, strict=True)]
