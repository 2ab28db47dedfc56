"""Run the user's code with every site reporting: what it gave, which way it went, how often it went round.

The instrumented code objects are put into the live functions and taken out again, so that the model, its weights, its
closures and its decorators are the very ones that failed.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType, FunctionType
from typing import Any

import torch

from tsdash.diagnose.instrument import HOOKS, PREFIX
from tsdash.diagnose.instrumentation import Instrumentation, key_of
from tsdash.diagnose.seen import PYTHON, TENSOR, Seen, TracedGraph, is_python, keep, look, paused
from tsdash.diagnose.sites import CHOICE, ITERATION, RETURN, TEST, VALUE, Site

MAX_EVENTS = 40_000  # of one run; a loop over pixels must not fill the memory
MAX_OCCURRENCES = 400  # of one site that are kept


@dataclass(kw_only=True)
class Event:
    """A site was reached for the `occurrence`-th time and gave `seen`."""

    site: Site
    occurrence: int
    seen: Seen
    order: int
    value: Any = None  # a copy of what it gave, where it can be forced back
    finished: bool = True  # of a loop: it ran to its end, no break and no exception
    within: tuple[int, ...] = ()  # the decisions that were being made meanwhile, outermost first
    caller: tuple[str, int] | None = None  # of a site in a library: the user's line that led there


@dataclass(kw_only=True)
class Log:
    """All events of one run in the order of execution, and by (site number, occurrence)."""

    events: list[Event] = field(default_factory=list)
    at: dict[tuple[int, int], Event] = field(default_factory=dict)
    callees: dict[int, Any] = field(default_factory=dict)  # the function that was called, by site number
    sites: list[Site] = field(default_factory=list, repr=False)
    full: bool = False

    def of(self, number: int) -> Iterator[Event]:
        """The events of one site."""
        occurrence = 0
        while (number, occurrence) in self.at:
            yield self.at[number, occurrence]
            occurrence += 1


@dataclass(frozen=True, kw_only=True)
class Forced:
    """What a site shall give instead, occurrence by occurrence."""

    values: Mapping[int, Any]


class Stopped(BaseException):
    """A recorded run took too long; not an Exception, so that the model does not catch it."""


class Recorder:
    """The functions that instrumented code calls. One recorder, one run."""

    def __init__(
        self,
        sites: list[Site],
        *,
        forced: Mapping[int, Forced] | None = None,
        tracing: bool = False,
        digests: frozenset[int] = frozenset(),
        deadline: float | None = None,
        stop_at: float | None = None,
        own_paths: frozenset[str] = frozenset(),
    ) -> None:
        self.log = Log(sites=sites)
        self._sites = sites
        self._forced = dict(forced or {})
        self._graph = TracedGraph() if tracing else None
        self._digests = digests
        self._counts: dict[int, int] = {}
        self._open: list[int] = []
        self._noting = False
        self._deadline = deadline
        self._stop_at = stop_at
        self._reached = 0
        self._own_paths = own_paths

    def value(self, number: int, value: Any) -> Any:
        occurrence = self._next(number)
        forced = self._forced.get(number)
        if forced is not None and occurrence in forced.values:
            return keep(forced.values[occurrence])
        self._note(number, occurrence, value)
        return value

    def changed(self, number: int, value: Any) -> None:
        """What a call left in an object that it was given. A forced list or dict is put back in place."""
        occurrence = self._next(number)
        forced = self._forced.get(number)
        if forced is None or occurrence not in forced.values:
            self._note(number, occurrence, value)
        elif isinstance(value, list):
            value[:] = keep(forced.values[occurrence])
        elif isinstance(value, (dict, set)):
            value.clear()
            value.update(keep(forced.values[occurrence]))

    def answer(self, number: int, value: Any) -> Any:
        event = self._note(number, self._next(number), value)
        if event is not None:
            event.value = value
        return value

    def enter(self, number: int) -> int:
        self._open.append(number)
        return number

    def test(self, number: int, value: Any) -> bool:
        decision = bool(value)
        self._leave(number)
        return bool(self._decided(number, decision))

    def operand(self, number: int, value: Any) -> Any:
        """An operand of `and` or `or`: Python looks at its truth, and may hand the operand itself on."""
        decision = bool(value)
        self._leave(number)
        decided = bool(self._decided(number, decision))
        if decided == decision:
            return value
        return torch.tensor(decided) if isinstance(value, torch.Tensor) else decided

    def choose(self, number: int, function: Callable[..., Any]) -> Callable[..., Any]:
        """The built-in min or max, which reports the position of the argument that it hands back."""

        def chosen(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            options = (
                list(args) if len(args) > 1 else list(args[0]) if args and isinstance(args[0], (tuple, list)) else []
            )
            position = next((index for index, option in enumerate(options) if option is result), None)
            if position is None:
                return result
            decided = self._decided(number, position)
            return options[decided] if isinstance(decided, int) and decided < len(options) else result

        return chosen if function in (min, max) else function

    def iterate(self, number: int, iterable: Any) -> Iterator[Any]:
        self._leave(number)
        occurrence = self._next(number)
        event = self._note(number, occurrence, -1)
        forced = self._forced.get(number)
        rounds = forced.values.get(occurrence) if forced is not None else None
        if rounds is not None and isinstance(iterable, range):
            iterable = range(iterable.start, iterable.start + rounds * iterable.step, iterable.step)
        return self._rounds(iter(iterable), event, rounds)

    def _leave(self, number: int) -> None:
        while self._open and self._open.pop() != number:
            pass  # decisions that an exception cut short

    def _decided(self, number: int, decision: Any) -> Any:
        """Note a decision and give it back, or the forced one in its place."""
        occurrence = self._next(number)
        forced = self._forced.get(number)
        if forced is not None and occurrence in forced.values:
            return forced.values[occurrence]
        self._note(number, occurrence, decision)
        return decision

    def _rounds(self, iterator: Iterator[Any], event: Event | None, rounds: int | None) -> Iterator[Any]:
        count, finished = 0, False
        try:
            for item in iterator:
                if rounds is not None and count >= rounds:
                    break
                count += 1
                yield item
            finished = True
        finally:
            if event is not None:
                event.seen, event.value, event.finished = Seen(PYTHON, ("rounds", count)), count, finished

    def mark(self, number: int) -> None:
        self._note(number, self._next(number), None)

    def call(self, number: int, function: Any) -> Any:
        self.log.callees.setdefault(number, function)
        return function

    def _next(self, number: int) -> int:
        """The occurrence of a site; -1 for what is not the model's run: what looking at a value calls, and the properties that
        torch evaluates before it traces."""
        if self._noting or (self._graph is not None and not torch._C._is_tracing()):
            return -1
        occurrence = self._counts.get(number, 0)
        self._counts[number] = occurrence + 1
        self._reached += 1
        if self._stop_at is not None and not self._reached % 256 and time.process_time() > self._stop_at:
            raise Stopped
        return occurrence

    def _note(self, number: int, occurrence: int, value: Any) -> Event | None:
        log = self.log
        if log.full or not 0 <= occurrence < MAX_OCCURRENCES:
            return None
        if len(log.events) >= MAX_EVENTS or (self._deadline is not None and time.process_time() > self._deadline):
            log.full = True
            return None
        self._noting = True
        try:
            event = self._event(self._sites[number], occurrence, value)
        finally:
            self._noting = False
        log.events.append(event)
        log.at[number, occurrence] = event
        return event

    def _event(self, site: Site, occurrence: int, value: Any) -> Event:
        seen = self._look(site, value)
        event = Event(site=site, occurrence=occurrence, seen=seen, order=len(self.log.events), within=tuple(self._open))
        readable = seen.kind != TENSOR or seen.key is not None
        if site.kind in (VALUE, CHOICE, TEST, ITERATION) and is_python(seen) and readable:
            event.value = paused(lambda: keep(value))
        if not site.own:
            event.caller = _caller(self._own_paths)
        return event

    def _look(self, site: Site, value: Any) -> Seen:
        try:
            return look(value, site.number in self._digests, self._graph)
        except Exception as error:  # a hostile __repr__, __len__ or __eq__ of the user's
            return Seen("opaque", type(error).__name__)


def _caller(own_paths: frozenset[str]) -> tuple[str, int] | None:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename in own_paths:
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None


def live_functions(instrumentation: Instrumentation) -> list[FunctionType]:
    """The functions in this process whose code is instrumented, closures and decorated ones included."""
    paths = set(instrumentation.trees)
    return [
        item
        for item in gc.get_objects()
        if type(item) is FunctionType
        and item.__code__.co_filename in paths
        and key_of(item.__code__) in instrumentation.codes
    ]


@contextmanager
def reporting(
    functions: Iterable[FunctionType], instrumentation: Instrumentation, recorder: Recorder
) -> Iterator[None]:
    """The functions report to `recorder` inside the block, and are what they were after it."""
    plain: list[tuple[FunctionType, Any]] = []
    scopes: dict[int, dict[str, Any]] = {}
    hooks: dict[str, Callable[..., Any]] = {PREFIX + name: getattr(recorder, name) for name in HOOKS}
    try:
        for function in functions:
            changed = instrumentation.codes[key_of(function.__code__)]
            if changed.co_freevars != function.__code__.co_freevars:
                continue
            plain.append((function, function.__code__))
            scopes.setdefault(id(function.__globals__), function.__globals__)
            function.__code__ = changed
        for scope in scopes.values():
            scope.update(hooks)
        yield
    finally:
        for function, code in plain:
            function.__code__ = code
        for scope in scopes.values():
            for name in hooks:
                scope.pop(name, None)


def constant_sites(log: Log) -> frozenset[int]:
    """Sites that gave a tensor that is a constant of the trace: its contents are worth comparing."""
    return frozenset(
        event.site.number for event in log.events if any(leaf.kind == TENSOR for leaf in event.seen.leaves())
    )


def returned(log: Log, value: Any) -> Site | None:
    """The innermost `return` that first gave this very object."""
    if isinstance(value, torch.Tensor):
        return None
    return next((event.site for event in log.events if event.site.kind == RETURN and event.value is value), None)
