"""The first size of a dim at which an export fails, up and down from the base, all else being as in the base case.

Bisection finds it where failing is monotone: beyond a limit everything fails. Where it is not (odd sizes, all but multiples of
eight) there is no first size, and what is known is which sizes were tried, and how each came out.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tsdash import plan
from tsdash.judge import Tolerance, judge
from tsdash.plan import LARGE_DIM
from tsdash.search.standing import agrees
from tsdash.spec import Case, CaseResult

MOST_GROWN = 2  # sizes beyond those of the sweep, where none of them fails
MOST_REFUSED = 6  # sizes that make_inputs does not take, then it is left
BEYOND = (1, 2)  # steps past the first failing size that are tried, to see whether it goes on
UP, DOWN = 1, -1


@dataclass(frozen=True, kw_only=True)
class Edge:
    """One side of the base size. `agrees` is the furthest size before `fails` that agrees; without `fails` none tried fails."""

    agrees: int
    fails: int | None = None
    outcome: str = ""  # at `fails`
    case: str = ""  # the id of that case


@dataclass(frozen=True, kw_only=True)
class Frontier:
    """How one dim decides, of all sizes tried."""

    dim: str
    base: int
    up: Edge
    down: Edge
    agree: tuple[int, ...]
    fail: tuple[int, ...]

    @property
    def monotone(self) -> bool:
        """Whether no size beyond a failing one agrees."""
        low, high = self.down.fails, self.up.fails
        return not any((low is not None and size < low) or (high is not None and size > high) for size in self.agree)

    @property
    def step(self) -> int | None:
        """The number that every size that agrees is a multiple of, and none that fails; None where there is none."""
        if len(self.agree) < 2 or len(self.fail) < 2:
            return None
        steps = (step for step in range(2, min(self.agree) + 1) if not any(size % step for size in self.agree))
        return next((step for step in steps if all(size % step for size in self.fail)), None)


def frontiers(base: Case, results: Sequence[CaseResult], tolerance: Tolerance | None = None) -> tuple[Frontier, ...]:
    """Of every dim that was tried at another size than the base's, where the base case itself agrees."""
    found = []
    for dim, size in base.dims.items():
        tried = along(dim, base, results)
        answers = {n: agrees(result, tolerance) for n, result in tried.items()}
        agree = tuple(sorted(n for n, answer in answers.items() if answer))
        fail = tuple(sorted(n for n, answer in answers.items() if answer is False))
        if answers.get(size) and len(agree) + len(fail) > 1:
            up, down = (_edge(size, side, answers, tried, tolerance) for side in (UP, DOWN))
            found.append(Frontier(dim=dim, base=size, up=up, down=down, agree=agree, fail=fail))
    return tuple(found)


def along(dim: str, base: Case, results: Sequence[CaseResult]) -> dict[int, CaseResult]:
    """The results of the cases that differ from the base in the size of `dim` alone, by that size."""
    same = plan.circumstances(base)
    return {
        result.case.dims[dim]: result
        for result in results
        if {**result.case.dims, dim: base.dims[dim]} == base.dims and plan.circumstances(result.case) == same
    }


def _edge(
    base: int, side: int, answers: Mapping[int, bool | None], tried: Mapping[int, CaseResult], rule: Tolerance | None
) -> Edge:
    near, fails = _gap(base, side, answers)
    if fails is None:
        return Edge(agrees=near)
    return Edge(agrees=near, fails=fails, outcome=judge(tried[fails], rule).outcome, case=tried[fails].case.id)


def _gap(base: int, side: int, answers: Mapping[int, bool | None]) -> tuple[int, int | None]:
    """On one side of the base, the nearest size that fails, and the furthest before it that agrees."""
    bad = [size for size, answer in answers.items() if answer is False and (size - base) * side > 0]
    fails = min(bad, key=lambda size: abs(size - base)) if bad else None
    before = [
        size
        for size, answer in answers.items()
        if answer and (size - base) * side >= 0 and (fails is None or (fails - size) * side > 0)
    ]
    return max(before, key=lambda size: abs(size - base), default=base), fails


def probes(base: int, side: int, answers: Mapping[int, bool | None]) -> Generator[int, bool | None, None]:
    """Sizes to try on one side of `base`, which agrees; each is answered by whether it agrees, None where it cannot be told.

    First further out until one fails, then halfway between the last that agrees and the first that fails until they are
    neighbours, then a step or two beyond. No size comes twice, and none that `answers` has already.
    """
    known = dict(answers)
    for _ in range(MOST_GROWN):
        if _gap(base, side, known)[1] is None and (further := _further(base, side, known)) not in known:
            known[further] = yield further
    refused = 0
    while refused < MOST_REFUSED:
        near, fails = _gap(base, side, known)
        if fails is None:
            return
        open_sizes = [size for size in range(min(near, fails) + 1, max(near, fails)) if size not in known]
        if not open_sizes:
            break
        ends = near + fails
        size = min(open_sizes, key=lambda size: abs(2 * size - ends))
        known[size] = yield size
        refused += known[size] is None
    for step in BEYOND:
        _, fails = _gap(base, side, known)
        if fails is not None and fails + step * side >= 1 and fails + step * side not in known:
            known[fails + step * side] = yield fails + step * side


def beyond(size: int, numbers: Sequence[int]) -> Iterator[int]:
    """The sizes on either side of each comparison, seen from `size`: equal to the number, and one past it."""
    for number in numbers:
        yield from (number, number + 1 if number >= size else number - 1)


def _further(base: int, side: int, known: Mapping[int, bool | None]) -> int:
    if side == DOWN:
        return 1
    furthest = max(base, *known) if known else base
    return furthest * 2 if furthest <= LARGE_DIM else furthest + LARGE_DIM // 2
