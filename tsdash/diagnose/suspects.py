"""Two logs of the same source, side by side: which Python values and decisions are others at the failing case.

A tensor in the graph is computed anew by the export and never a suspect. A Python value, a way taken or a number of rounds
was read once while exporting, so one that differs is what may have been baked.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from tsdash.diagnose.instrumentation import Instrumentation
from tsdash.diagnose.recorder import Event, Log
from tsdash.diagnose.seen import differ
from tsdash.diagnose.sites import CHOICE, DECISIONS, ITERATION, ROUTE, TEST, VALUE, Site


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """A site that gave something else at the base than at the failing case. `parts` are the suspects it follows from."""

    site: Site
    base: Event
    trigger: Event
    parts: tuple[Suspect, ...] = field(default=(), repr=False)

    @property
    def decides(self) -> bool:
        return self.site.kind in DECISIONS


def compare(base: Log, trigger: Log, instrumentation: Instrumentation) -> list[Suspect]:
    """Every site that differs, at its first difference, in the order of execution at the failing case."""
    found: dict[int, Suspect] = {}
    for event in trigger.events:
        site = event.site
        before = base.at.get((site.number, event.occurrence))
        if site.number in found or before is None or not _differs(site, before, event):
            continue
        found[site.number] = Suspect(site=site, base=before, trigger=event)
    _add_routes(found, base, trigger)
    ordered = sorted(found.values(), key=lambda suspect: suspect.trigger.order)
    return [
        Suspect(site=s.site, base=s.base, trigger=s.trigger, parts=tuple(_parts(s, ordered, instrumentation)))
        for s in ordered
    ]


def _differs(site: Site, before: Event, event: Event) -> bool:
    if site.kind == ITERATION:
        return before.finished and event.finished and before.seen != event.seen
    if site.kind in (VALUE, CHOICE, TEST):
        return differ(before.seen, event.seen)
    return False


def _add_routes(found: dict[int, Suspect], base: Log, trigger: Log) -> None:
    """Exception handlers and match cases that were entered in one run only."""
    for log, other in ((base, trigger), (trigger, base)):
        for event in log.events:
            site = event.site
            if site.kind == ROUTE and (site.number, event.occurrence) not in other.at and site.number not in found:
                where = _last_before(other, site) or event
                found[site.number] = Suspect(
                    site=site, base=event if log is base else where, trigger=where if log is base else event
                )


def _last_before(log: Log, site: Site) -> Event | None:
    """The last event of the same function ahead of a place that was not reached."""
    ahead = [
        event
        for event in log.events
        if event.site.function == site.function and event.site.path == site.path and event.site.line <= site.line
    ]
    return ahead[-1] if ahead else None


def _parts(suspect: Suspect, suspects: list[Suspect], instrumentation: Instrumentation) -> Iterator[Suspect]:
    """The differing values that were read while a decision was made, or that its variables were assigned from."""
    site = suspect.site
    spans = list(_spans(site, instrumentation))
    for other in suspects:
        if other.site.number == site.number or other.trigger.order > suspect.trigger.order:
            continue
        if site.number in other.trigger.within or _lies_in(other.site, spans):
            yield other


Span = tuple[str, int, int, int, int]


def _lies_in(site: Site, spans: list[Span]) -> bool:
    node = site.node
    if not isinstance(node, ast.expr) or node.end_lineno is None or node.end_col_offset is None:
        return False
    return any(
        path == site.path
        and (line, column) <= (node.lineno, node.col_offset)
        and (node.end_lineno, node.end_col_offset) <= (end_line, end_column)
        for path, line, column, end_line, end_column in spans
    )


def _spans(site: Site, instrumentation: Instrumentation) -> Iterator[Span]:
    """Where in the source the value of `site` comes from: its own expression and what its local variables were assigned."""
    function = enclosing_function(site, instrumentation)
    todo: list[tuple[ast.AST, int]] = [(site.node, 0)]
    seen: set[str] = set()
    while todo:
        node, depth = todo.pop()
        if isinstance(node, ast.expr) and node.end_lineno is not None and node.end_col_offset is not None:
            yield site.path, node.lineno, node.col_offset, node.end_lineno, node.end_col_offset
        if function is None or depth > 4:
            continue
        names = {name.id for name in ast.walk(node) if isinstance(name, ast.Name)} - seen
        seen |= names
        todo += [(value, depth + 1) for name in names for value in assigned(function, name, before=site.line)]


def assigned(function: ast.AST, name: str, *, before: int) -> Iterator[ast.expr]:
    """What a local variable is assigned from, ahead of a line."""
    for node in ast.walk(function):
        if (
            isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr))
            and node.value is not None
            and node.lineno <= before
        ):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(part, ast.Name) and part.id == name for target in targets for part in ast.walk(target)):
                yield node.value


def enclosing_function(site: Site, instrumentation: Instrumentation) -> ast.AST | None:
    """The innermost function or lambda in whose body the site lies."""
    tree = instrumentation.trees.get(site.path)
    best: ast.AST | None = None
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.lineno <= site.line <= (
            node.end_lineno or node.lineno
        ):
            best = node  # walk goes from the outside in
    return best
