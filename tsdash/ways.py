"""Decisions inside expressions, which coverage.py does not see: `a if test else b`, and the `if` of a comprehension."""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from tsdash.diagnose import recorder
from tsdash.diagnose.instrumentation import Instrumentation
from tsdash.diagnose.sites import TEST
from tsdash.spec import Case

Place = tuple[str, int, int]  # path, line and column of a test


def inline(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, ast.expr]]:
    """Every test inside an expression, with the function around it."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.IfExp):
                yield function, node.test
            elif isinstance(node, ast.comprehension):
                yield from ((function, test) for test in node.ifs)


def one_way(
    texts: Mapping[str, str], wanted: set[Place], cases: Sequence[Case], call: Callable[[Case], object], until: float
) -> set[Place]:
    """Those of the `wanted` tests that ran and came out the same each time while `call` ran the cases; none where the cases did
    not end before `until`, for then what was not reached is unknown. `texts`: the source by path."""
    instrumentation = Instrumentation()
    for path, text in texts.items():
        instrumentation.add(text, path)
    functions = recorder.live_functions(instrumentation)
    ways: dict[Place, set[bool]] = {}
    for case in cases:
        if time.monotonic() > until:
            return set()
        watch = recorder.Recorder(instrumentation.sites)
        try:
            with recorder.reporting(functions, instrumentation, watch):
                call(case)
        except Exception:  # what eager raises is another's concern
            pass
        for event in watch.log.events:
            node = event.site.node
            if event.site.kind == TEST and isinstance(node, ast.expr):
                ways.setdefault((event.site.path, node.lineno, node.col_offset), set()).add(bool(event.value))
        if all(len(ways.get(place, ())) == 2 for place in wanted):
            break
    return {place for place in wanted if len(ways.get(place, ())) == 1}
