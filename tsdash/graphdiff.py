"""What differs between two graphs of one model: operators that the other does not have at that place of that module."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from tsdash.graph import Graph, Node

MOST_ALIGNED = 2000  # operators of one module that are aligned one by one; more are only counted
# A trace records what a convolution dispatches to, a script the function that was called.
_SAME_OPERATOR = {
    f"aten::{name}": "aten::convolution"
    for name in (
        "_convolution",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
    )
}


def differing(left: Graph, right: Graph) -> tuple[frozenset[int], frozenset[int]]:
    """The operators of each graph that the other does not have in the same order in the same module, constants included."""
    ours, theirs = _by_module(left), _by_module(right)
    only_left: set[int] = set()
    only_right: set[int] = set()
    for module in dict.fromkeys([*ours, *theirs]):
        a, b = ours.get(module, []), theirs.get(module, [])
        matched = list(_matched([_likeness(node) for node in a], [_likeness(node) for node in b]))
        only_left |= {node.id for node in a} - {a[i].id for i, _ in matched}
        only_right |= {node.id for node in b} - {b[j].id for _, j in matched}
    return frozenset(only_left), frozenset(only_right)


def _by_module(graph: Graph) -> dict[str, list[Node]]:
    found: dict[str, list[Node]] = {}
    for node in graph.operators:
        found.setdefault(node.module, []).append(node)
    return found


def _likeness(node: Node) -> tuple[str, ...]:
    """What two nodes must share to be the same; how a convolution writes its constants depends on the mode."""
    same = _SAME_OPERATOR.get(node.operator)
    return (same,) if same else (node.operator, *node.constants)


def _matched(a: list[tuple[str, ...]], b: list[tuple[str, ...]]) -> Iterable[tuple[int, int]]:
    if max(len(a), len(b)) > MOST_ALIGNED:
        places: dict[tuple[str, ...], list[int]] = {}
        for j, item in enumerate(b):
            places.setdefault(item, []).append(j)
        for i, item in enumerate(a):
            if places.get(item):
                yield i, places[item].pop(0)
        return
    for block in difflib.SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks():
        yield from ((block.a + k, block.b + k) for k in range(block.size))
