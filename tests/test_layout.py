"""Graphs as they are drawn: nothing overlaps, everything flows down, an open group goes around what is in it."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tests.test_graph import SCRIPT, TRACE
from tsdash import graph, layers, layout

EDGES = st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=40)


@given(st.lists(st.tuples(st.floats(10, 200), st.floats(10, 60)), min_size=1, max_size=15), EDGES)
def test_boxes_do_not_overlap_and_lines_go_down(sizes: list[tuple[float, float]], edges: list[tuple[int, int]]) -> None:
    """Whatever is connected with what."""
    placed = layers.place(dict(enumerate(sizes)), edges, anchors={})
    spans = {
        box: (
            placed.middles[box] - width / 2,
            placed.tops[box],
            placed.middles[box] + width / 2,
            placed.tops[box] + height,
        )
        for box, (width, height) in enumerate(sizes)
    }
    for (left, top, right, bottom), (other, above, end, below) in itertools.combinations(spans.values(), 2):
        assert right <= other or end <= left or bottom <= above or below <= top
    assert all(line.y1 <= line.y2 for line in placed.lines)
    assert all(left >= -1e-6 and right <= placed.width + 1e-6 for left, _, right, _ in spans.values())
    forward = {(a, b) for a, b in edges if a < b < len(sizes)}
    assert all(placed.tops[a] < placed.tops[b] for a, b in forward)
    assert {b for _, b in forward} == {
        box
        for box, (left, top, right, _) in spans.items()
        if any(line.ends and line.y2 == top and left <= line.x2 <= right for line in placed.lines)
    }


def test_a_closed_group_is_one_box() -> None:
    """With the number of operators in it; open, it goes around them."""
    read = graph.parse(TRACE)
    closed = layout.draw(read, ())
    assert [box.title for box in closed.boxes] == ["x.1", "a · Linear", "view", "a · Linear", "output"]
    assert closed.boxes[1].subtitle == "1 operator"
    opened = layout.draw(read, ["/a"])
    around, linear = (next(box for box in opened.boxes if box.title == title) for title in ("a · Linear", "linear"))
    assert around.is_open
    assert around.x < linear.x < linear.x + linear.width < around.x + around.width
    assert around.y < linear.y < linear.y + linear.height < around.y + around.height


def test_open_groups_open_one_inside_the_other() -> None:
    """An if, its branch, the loop in it and the loop's body; a group that nobody sees stays closed."""
    read = graph.parse(SCRIPT)
    keys = ["/prim::If", "/prim::If/then", "/prim::If/then/prim::Loop"]
    titles = [box.title for box in layout.draw(read, keys).boxes]
    assert titles == ["x.1", "relu", "Bool", "If %6", "then", "Loop 0, True, %5", "body", "else", "neg", "output"]
    assert [box.title for box in layout.draw(read, keys[1:]).boxes] == [t for t in titles if t not in ("then", "else", "body") and "Loop" not in t]  # fmt: skip
