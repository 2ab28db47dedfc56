"""Where a graph is drawn: closed groups as boxes, an open group as a box around layers of its own.

What leaves or enters an open group passes through a port at its border. Lengths are pixels.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass, replace

from tsdash.graph import CONTROL, MODEL, OPERATOR, Graph, caption
from tsdash.layers import Line, Placement, place

CHARACTER = 7.0  # of the labels' type, 13 px Source Sans, on average
HEIGHT, TALL = 30.0, 46.0  # of a box with one line and with two
LEAST_WIDTH = 64.0
PADDING, HEADER = 14.0, 28.0
FEW = 8  # boxes that leave room to open a group unasked
_IN, _OUT = -1, -2


@dataclass(frozen=True, kw_only=True)
class Box:
    """One node as it is drawn, or an open group around others. `x` and `y` are its upper left corner."""

    node: int
    x: float
    y: float
    width: float
    height: float
    is_open: bool
    title: str
    subtitle: str


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """All boxes, groups before what is in them, and all lines."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What is drawn: the open groups, the edges in each by its two ends or ports, and how many operators each node holds."""

    graph: Graph
    open_groups: frozenset[int]
    edges: dict[int, dict[tuple[int, int], None]]
    sizes: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class _Inside:
    """An open group, laid out at (0, 0), with the x at which lines enter and leave it."""

    drawing: Drawing
    enters: float
    leaves: float


def visible(graph: Graph, opened: Collection[str]) -> list[int]:
    """The nodes that are drawn when the groups with these keys are open."""
    shown = [True]
    for node in graph.nodes[1:]:
        parent = graph.nodes[node.parent]
        shown.append(shown[parent.id] and (parent.id == MODEL or parent.key in opened))
    return [i for i, is_shown in enumerate(shown) if is_shown and i != MODEL]


def first_opened(graph: Graph) -> set[str]:
    """The groups that begin open: those that are all there is to see, one inside the other."""
    opened: set[str] = set()
    while True:
        shown = [graph.nodes[node] for node in visible(graph, opened)]
        groups = [node for node in shown if node.is_group and node.key not in opened]
        if len(groups) != 1 or len(shown) >= FEW:
            return opened
        opened.add(groups[0].key)


def draw(graph: Graph, opened: Collection[str]) -> Drawing:
    """The graph with the groups of these keys open and all others closed."""
    shown = set(visible(graph, opened))
    open_groups = {node for node in shown if graph.children.get(node) and graph.nodes[node].key in opened} | {MODEL}
    stands_for = [MODEL] * len(graph.nodes)
    for node in graph.nodes[1:]:
        stands_for[node.id] = node.id if node.id in shown else stands_for[node.parent]
    edges: dict[int, dict[tuple[int, int], None]] = {group: {} for group in open_groups}
    ends = ((stands_for[source], stands_for[node.id]) for node in graph.nodes for source in node.inputs)
    for source, target in dict.fromkeys(ends):
        _connect(graph, edges, source, target)
    plan = _Plan(graph=graph, open_groups=frozenset(open_groups), edges=edges, sizes=operators_in(graph))
    return _laid_out(plan, MODEL).drawing


def operators_in(graph: Graph) -> tuple[int, ...]:
    """How many operators each node is or holds."""
    sizes = [int(node.kind in (OPERATOR, CONTROL)) for node in graph.nodes]
    for node in reversed(graph.nodes[1:]):
        sizes[node.parent] += sizes[node.id]
    return tuple(sizes)


def _connect(graph: Graph, edges: dict[int, dict[tuple[int, int], None]], source: int, target: int) -> None:
    """An edge where both ends are together, and through the ports of every open group on the way."""
    ups, downs = _above(graph, source), _above(graph, target)
    while ups and downs and ups[-1] == downs[-1]:
        ups.pop()
        downs.pop()
    if not ups or not downs:  # one lies in the other
        return
    for inner, outer in itertools.pairwise(ups):
        edges[outer][inner, _OUT] = None
    for inner, outer in itertools.pairwise(downs):
        edges[outer][_IN, inner] = None
    edges[graph.nodes[ups[-1]].parent][ups[-1], downs[-1]] = None


def _above(graph: Graph, node: int) -> list[int]:
    """A node and the groups around it, without the model itself."""
    found = []
    while node != MODEL:
        found.append(node)
        node = graph.nodes[node].parent
    return found


def _laid_out(plan: _Plan, group: int) -> _Inside:
    """An open group with all that is open in it."""
    graph, edges = plan.graph, plan.edges[group]
    inner = {child: _laid_out(plan, child) for child in graph.children.get(group, ()) if child in plan.open_groups}
    boxes = {child: _box(plan, child, inner.get(child)) for child in graph.children.get(group, ())}
    sizes = {child: (box.width, box.height) for child, box in boxes.items()}
    ports = {end for edge in edges for end in edge if end < 0}
    sizes = {
        **({_IN: (0.0, 0.0)} if _IN in ports else {}),
        **sizes,
        **({_OUT: (0.0, 0.0)} if _OUT in ports else {}),
    }
    placed = place(sizes, edges, anchors={child: (inside.enters, inside.leaves) for child, inside in inner.items()})
    top = PADDING if group == MODEL else HEADER
    drawn: list[Box] = []
    lines = [_moved(line, PADDING, top) for line in placed.lines]
    for child, box in boxes.items():
        x, y = placed.middles[child] - box.width / 2 + PADDING, placed.tops[child] + top
        drawn.append(replace(box, x=x, y=y))
        if child in inner:
            drawn += (replace(part, x=part.x + x, y=part.y + y) for part in inner[child].drawing.boxes)
            lines += (_moved(line, x, y) for line in inner[child].drawing.lines)
    width, height = placed.width + 2 * PADDING, placed.height + top + PADDING
    drawing = Drawing(boxes=tuple(drawn), lines=tuple(lines), width=width, height=height)
    return _Inside(drawing=drawing, enters=_port(placed, _IN, width), leaves=_port(placed, _OUT, width))


def _port(placed: Placement, port: int, width: float) -> float:
    return placed.middles[port] + PADDING if port in placed.middles else width / 2


def _box(plan: _Plan, node: int, inside: _Inside | None) -> Box:
    """A node, not yet in its place."""
    title, subtitle = caption(plan.graph.nodes[node], plan.sizes[node])
    letters = len(f"{title}  {subtitle}") if inside else max(len(title), len(subtitle))
    width = max(LEAST_WIDTH, letters * CHARACTER + 22, inside.drawing.width if inside else 0)
    height = inside.drawing.height if inside else TALL if subtitle else HEIGHT
    return Box(
        node=node, x=0, y=0, width=width, height=height, is_open=inside is not None, title=title, subtitle=subtitle
    )


def _moved(line: Line, x: float, y: float) -> Line:
    return replace(line, x1=line.x1 + x, y1=line.y1 + y, x2=line.x2 + x, y2=line.y2 + y)
