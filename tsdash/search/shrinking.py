"""The smallest and plainest input that still fails in the same way.

Circumstances go back to the base's one by one, then sizes go down to the smallest that fails, then values become plain: all of
them 0 or another plain number, and where the inputs have few elements, each by itself: zero, else one, else rounded. What is left
is the difference between an input that fails and none. `hypothesis.find` does the like from inputs that it draws by itself and
cannot be handed the failing one that a sweep has found, takes hundreds of calls and cannot wait for an answer, so it is not used.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tsdash import plan
from tsdash.judge import Tolerance, judge
from tsdash.search.standing import agrees, alike, failing, made
from tsdash.spec import GIVEN, SEARCH, Case, CaseResult, InputFacts

CIRCUMSTANCES = ("seed", "call", "grad", "training", "layout", "device", "dtype")
PLAIN = (
    0.0,
    1.0,
    -1.0,
    2.0,
    0.5,
    10.0,
    100.0,
    math.nan,
    math.inf,
)  # numbers for all elements at once, the plainest first
PLAIN_VALUES = {"zeros": 0.0, "ones": 1.0}  # transforms that are as plain as these numbers
ROUNDED = 1e6  # up to which a number is rounded to a whole one

Tried = Generator[Case, CaseResult | None, CaseResult]
Elements = dict[str, tuple[float, ...]]


@dataclass(frozen=True, kw_only=True)
class Shrunk:
    """The smallest failing input that was found from one failing case, which may be that case itself."""

    origin: str
    case: Case
    outcome: str
    inputs: tuple[InputFacts, ...] = ()  # empty where nothing smaller fails


def smallest(results: Sequence[CaseResult], tolerance: Tolerance | None = None) -> tuple[Shrunk, ...]:
    """For each failing case that a search set out from, the smallest failure that it came to; the smallest of all first."""
    bad = [result for result in results if agrees(result, tolerance) is False]
    origins = {result.case.id: result for result in bad if result.case.varied != SEARCH}
    found = []
    for origin in dict.fromkeys(result.case.origin for result in bad if result.case.origin in origins):
        same = [r for r in bad if r.case.origin == origin and not r.case.toward and alike(r, origins[origin])]
        best = min((*same, origins[origin]), key=lambda result: _size(result, origins[origin]))
        outcome = judge(best, tolerance).outcome
        found.append(
            (_size(best, origins[origin]), Shrunk(origin=origin, case=best.case, outcome=outcome, inputs=best.inputs))
        )
    return tuple(shrunk for _, shrunk in sorted(found, key=lambda item: item[0]))


def shrunk(results: Sequence[CaseResult], case: str) -> CaseResult | None:
    """The smallest failure that a search came to from the case of that id, or that its steps lead to from there by what it tried
    from others; None where there is none."""
    found = next((shrunk for shrunk in smallest(results) if shrunk.origin == case), None)
    if found is not None:
        return next((r for r in results if r.case.id == found.case.id and r.case.id != case), None)
    start = next((r for r in failing(results) if r.case.id == case and r.case.varied != SEARCH), None)
    base = next((r.case for r in results if r.case.varied == "base"), None)
    return _retraced(start, base, results) if start is not None and base is not None else None


def _retraced(start: CaseResult, base: Case, results: Sequence[CaseResult]) -> CaseResult | None:
    """Where the steps from `start` lead if only cases that have run already are taken; None where they lead nowhere."""
    known = {plan.identity(r.case): r for r in sorted(results, key=lambda r: bool(r.inputs))}
    steps = probes(start, base)
    try:
        case = next(steps)
        while True:
            case = steps.send(known.get(plan.identity(case)))
    except StopIteration as ended:
        best = plan.identity(ended.value.case)
        return None if best == plan.identity(start.case) else known[best]


def _size(result: CaseResult, origin: CaseResult) -> tuple[float, ...]:
    """What makes a failing input small and plain, most important first."""
    case = result.case
    changed = sum(getattr(case, name) != getattr(origin.case, name) for name in CIRCUMSTANCES)
    sizes = math.prod(max(1, size) for size in case.dims.values())
    if case.elements:
        plainness = sum(map(cost, (number for numbers in case.elements.values() for number in numbers))) / 1e6
        return (-changed, sizes, 0 if all(len(n) == 1 for n in case.elements.values()) else 1, plainness)
    return (-changed, sizes, 0 if case.values in PLAIN_VALUES else 2, cost(PLAIN_VALUES.get(case.values, 0.0)) / 1e6)


def starts(results: Sequence[CaseResult]) -> tuple[list[CaseResult], list[CaseResult]]:
    """The failures to set out from: the first of each kind, by what was varied and how it fails; and the others. None that hangs,
    none of a file."""
    first: dict[tuple[str, str], CaseResult] = {}
    others: list[CaseResult] = []
    for result in failing(results):
        if (
            result.case.varied != SEARCH
            and not result.case.inputs
            and "timeout" not in (result.eager.ended, result.exported.ended)
        ):
            kept = first.setdefault((result.case.varied, judge(result).outcome), result)
            others += [] if kept is result else [result]
    return list(first.values()), others


def probes(start: CaseResult, base: Case) -> Tried:
    """Cases to try, from the failing `start`, each answered by its result with the facts of its inputs, or by None where it
    cannot be run. Returns the smallest failure."""
    best = yield from _circumstances(start, base)
    best = yield from _sizes(best)
    best = yield from _filled(best)
    return (yield from _element_by_element(best))


def _try(case: Case, best: CaseResult) -> Generator[Case, CaseResult | None, CaseResult | None]:
    """The result of `case` where it fails as `best` does."""
    wanted = made(case, best.case)
    result = yield wanted
    return replace(result, case=wanted) if result is not None and alike(result, best) else None


def _circumstances(best: CaseResult, base: Case) -> Tried:
    for name in CIRCUMSTANCES:
        if getattr(best.case, name) != getattr(base, name):
            best = (yield from _try(replace(best.case, **{name: getattr(base, name)}), best)) or best
    if best.case.values != base.values:
        best = (yield from _try(replace(best.case, values=base.values), best)) or best
    for dim, size in base.dims.items():
        if best.case.dims[dim] != size:
            best = (yield from _try(replace(best.case, dims={**best.case.dims, dim: size}), best)) or best
    return best


def _sizes(best: CaseResult) -> Tried:
    """Each dim as small as still fails: 1, else by bisection from above."""
    for dim in best.case.dims:
        low = 0  # the largest size known not to do
        size = 1
        while low < size < best.case.dims[dim]:
            smaller = yield from _try(replace(best.case, dims={**best.case.dims, dim: size}), best)
            if smaller is None:
                low = size
            else:
                best = smaller
            size = (low + best.case.dims[dim]) // 2
    return best


def _filled(best: CaseResult) -> Tried:
    """All elements of all float tensors as one plain number, else those of one tensor after the other."""
    paths = [facts.path for facts in best.inputs if "float" in facts.dtype]
    if best.case.values in PLAIN_VALUES or not paths:
        return best
    for group in (paths, *([path] for path in paths if len(paths) > 1)):
        for number in PLAIN:
            elements = {**best.case.elements, **dict.fromkeys(group, (number,))}
            filled = yield from _try(replace(best.case, values=GIVEN, elements=elements), best)
            if filled is not None:
                best = filled
                break
        if len(group) == len(paths) and group[0] in best.case.elements:
            break
    return best


def _element_by_element(best: CaseResult) -> Tried:
    """Where the inputs have few elements and more than one number among them: rounded, then zero in halves and one by one."""
    elements = {facts.path: facts.elements for facts in best.inputs if facts.elements}
    if all(len(set(map(repr, numbers))) == 1 for numbers in elements.values()):
        return best
    rounded = {path: tuple(map(_whole, numbers)) for path, numbers in elements.items()}
    plainer = yield from _with(best, rounded, elements)
    if plainer is not None:
        best, elements = plainer, rounded
    width = max(len(numbers) for numbers in elements.values())
    while width >= 1:
        for path in elements:
            for begin in range(0, len(elements[path]), width):
                numbers = elements[path]
                zeroed = (*numbers[:begin], *(0.0 for _ in numbers[begin : begin + width]), *numbers[begin + width :])
                plainer = yield from _with(best, {**elements, path: zeroed}, elements)
                if plainer is not None:
                    best, elements = plainer, {**elements, path: zeroed}
        width //= 2
    for path in elements:
        for index, number in enumerate(elements[path]):
            for plain in _plainer(number):
                numbers = (*elements[path][:index], plain, *elements[path][index + 1 :])
                plainer = yield from _with(best, {**elements, path: numbers}, elements)
                if plainer is not None:
                    best, elements = plainer, {**elements, path: numbers}
                    break
    return best


def _with(
    best: CaseResult, wanted: Elements, now: Mapping[str, tuple[float, ...]]
) -> Generator[Case, CaseResult | None, CaseResult | None]:
    """The result with the `wanted` elements where it fails as `best` does; None too where nothing would change."""
    if repr(wanted) == repr(now):
        return None
    return (yield from _try(replace(best.case, values=GIVEN, elements={**best.case.elements, **wanted}), best))


def _whole(number: float) -> float:
    return float(round(number)) if abs(number) < ROUNDED else number


def _plainer(number: float) -> Iterable[float]:
    """Numbers to try in place of one, the plainest first."""
    if not math.isfinite(number):
        return ()
    sign = -1.0 if number < 0 else 1.0
    halves = [sign * math.floor(abs(number) / 2**k) for k in (3, 2, 1)] if abs(number) < ROUNDED else []
    return [plain for plain in (sign, *halves, _whole(number)) if cost(plain) < cost(number) and plain]


def cost(number: float) -> float:
    """How far a number is from plain: 0 for 0, little for small whole ones, more for signs, digits and what is not finite."""
    if not math.isfinite(number):
        return 50.0
    if number == int(number):
        return math.log2(1 + abs(number)) + (0.5 if number < 0 else 0.0)
    return 20.0 + len(repr(abs(number)))
