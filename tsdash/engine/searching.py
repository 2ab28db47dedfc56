"""The search of one mode: what `tsdash.search` wants tried is run as cases like any other, for as long as there is time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from tsdash import plan
from tsdash.search import flip, frontier, shrinking
from tsdash.search.standing import agrees, alike, failing, made
from tsdash.spec import Case, CaseResult

# Until which share of the time each part may go on; what one leaves goes to the next.
THRESHOLDS_UNTIL, FRONTIERS_UNTIL, FLIPS_UNTIL = 0.2, 0.4, 0.65
MOST_FLIPS = 2  # pairs of inputs that are looked between
PASSES = 3.0  # of eager, that a case takes at the least: itself, the export and the referee

P = TypeVar("P")
Run = Callable[[Case], Awaitable[CaseResult]]


async def search(
    base: CaseResult, results: Sequence[CaseResult], run: Run, seconds: float, numbers: Sequence[int] = ()
) -> None:
    """Look beyond the `numbers` that the source compares with, and narrow down how `results`, those of one mode, fail, in about
    `seconds`. `run` carries out a case and says what its inputs come to; a case that `results` has is not run again, unless its
    inputs are asked for."""
    began = asyncio.get_running_loop().time()
    hunt = _Hunt(base, results, run)
    await hunt.thresholds(numbers, began + THRESHOLDS_UNTIL * seconds)
    if not hunt.failed:
        return
    await hunt.frontiers(began + FRONTIERS_UNTIL * seconds)
    await hunt.flips(began + FLIPS_UNTIL * seconds)
    await hunt.shrink(began + seconds)


class _Hunt:
    def __init__(self, base: CaseResult, results: Sequence[CaseResult], run: Run) -> None:
        self._base = base.case
        self._pass_s = PASSES * (base.eager.seconds or 0.0)
        self._results = list(results)
        self._known = {plan.identity(result.case): result for result in results}
        self._run = run
        self._hung = False

    @property
    def failed(self) -> bool:
        """Whether any case fails, of the sweep or of the search."""
        return bool(failing(self._results))

    async def thresholds(self, numbers: Sequence[int], until: float) -> None:
        """Every dim at the sizes where a comparison of forward with a whole number comes out another way."""
        if agrees(self._known[plan.identity(self._base)]):
            for dim, size in self._base.dims.items():
                cases = (
                    made(replace(self._base, dims={**self._base.dims, dim: n}), self._base)
                    for n in frontier.beyond(size, numbers)
                )
                for case in cases:
                    if not self._hung and self._dear(case) < self._left(until):
                        await self._result(case)

    async def frontiers(self, until: float) -> None:
        """Every dim up and down, where the base case itself agrees."""
        for dim, size in self._base.dims.items():
            bad = (result.case for result in failing(self._results) if result.case.varied == dim)
            origin = next(bad, self._base)

            def sized(n: int, dim: str = dim, origin: Case = origin) -> Case:
                return made(replace(self._base, dims={**self._base.dims, dim: n}), origin)

            for side in (frontier.UP, frontier.DOWN):
                tried = {n: agrees(result) for n, result in frontier.along(dim, self._base, self._results).items()}
                if tried.get(size):
                    await self._drive(frontier.probes(size, side, tried), sized, agrees, until)

    async def flips(self, until: float) -> None:
        """Between an input that agrees and one that does not."""
        for start, end in flip.pairs(self._base, self._results)[:MOST_FLIPS]:

            def blended(share: float, start: Case = start, end: Case = end) -> Case:
                return flip.blend(start, end, share)

            await self._drive(flip.probes(), blended, agrees, until)

    async def shrink(self, until: float) -> None:
        """From a failure of each kind, then from those whose steps lead to nothing that was tried."""
        firsts, others = shrinking.starts(self._results)
        for number, start in enumerate((*firsts, *others)):
            if number >= len(firsts) and shrinking.shrunk(self._results, start.case.id) is not None:
                continue
            if not self._hung and self._left(until) > self._dear(start.case):
                told = await self._run(made(start.case, start.case))
                if not alike(told, start):
                    continue
                await self._drive(shrinking.probes(told, self._base), lambda case: case, lambda result: result, until)

    async def _drive(
        self,
        probes: Generator[P, Any, Any],
        case_of: Callable[[P], Case],
        answer: Callable[[CaseResult], Any],
        until: float,
    ) -> None:
        """Answer `probes` until they end, or time does. What would take too long is answered by None."""
        try:
            probe = next(probes)
            while self._left(until) > 0 and not self._hung:
                case = case_of(probe)
                result = await self._result(case) if self._dear(case) < self._left(until) else None
                probe = probes.send(None if result is None else answer(result))
        except StopIteration:
            return

    async def _result(self, case: Case) -> CaseResult:
        key = plan.identity(case)
        known = self._known.get(key)
        if known is None or (agrees(known) is False and not known.inputs):  # what fails is looked at closely
            result = await self._run(case)
            self._known[key] = result
            self._results.append(result)
            self._hung = "timeout" in (result.eager.ended, result.exported.ended)
        return self._known[key]

    def _left(self, until: float) -> float:
        return until - asyncio.get_running_loop().time()

    def _dear(self, case: Case) -> float:
        """Seconds that a case may take, if eager's time grows with the square of every size."""
        growth = math.prod(max(1.0, size / max(1, self._base.dims[dim])) ** 2 for dim, size in case.dims.items())
        return self._pass_s * growth
