"""One run from its spec to its last fact: describe, export each mode, sweep, time, diagnose. Knows no threads and no pages."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, Protocol

from tsdash.engine import folders
from tsdash.engine.cases import Cases, deadly
from tsdash.engine.causes import causes
from tsdash.engine.lanes import FairLane, MeasuringLane
from tsdash.engine.latency import measure
from tsdash.engine.nursery import Nursery
from tsdash.engine.references import References
from tsdash.engine.searching import search
from tsdash.engine.setting import Setting
from tsdash.exporters import EXPORTERS
from tsdash.judge import altered
from tsdash.search.standing import failing
from tsdash.spec import SEARCH, Case, CaseResult, Cause, Description, Export, Latency, Reach, RunSpec

REACH_BUDGET_S = 5.0
COMMON_MODULES = tuple(dict.fromkeys(["coverage", *(needed for mode in EXPORTERS.values() for needed in mode.needs)]))
Told = tuple[CaseResult, dict[str, Any]]  # a case and its views


class Sink(Protocol):
    """Where facts go as they arrive."""

    def confined(self, applied: tuple[str, ...]) -> None: ...
    def described(self, description: Description) -> None: ...
    def exported(self, export: Export, artefact: Path | None) -> None: ...
    def judged(self, result: CaseResult, views: dict[str, Any]) -> None: ...
    def timed(self, latency: Latency) -> None: ...
    def explained(self, mode: str, causes: tuple[Cause, ...]) -> None: ...
    def doing(self, mode: str, case: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Lanes:
    """What a run holds to use the machine: a place of `correctness` for a case, `measuring` for all of it. `session` says
    for whom."""

    correctness: FairLane
    measuring: MeasuringLane
    session: str


@dataclass(frozen=True, kw_only=True)
class Past:
    """What an earlier attempt at the run left: its results, its explained modes, and the cases that killed its server."""

    results: tuple[CaseResult, ...] = ()
    explained: frozenset[str] = frozenset()
    deadly: frozenset[tuple[str, str]] = frozenset()

    def of(self, mode: str) -> dict[str, CaseResult]:
        return {result.case.id: result for result in self.results if result.mode == mode}


async def conduct(spec: RunSpec, *, nursery: Nursery, sink: Sink, lanes: Lanes, past: Past, kept: Path) -> None:
    """Carry out `spec` as far as `past` has not, every fact to `sink`. `kept`: the folder of the files that came with
    a run, by their SHA-256.

    Raises ModelError when the model cannot be loaded; a mode or a case that fails is a fact like any other. Cancelling the
    task kills its workers.
    """
    folder, lock = folders.create(nursery.root)
    parcel = None if spec.model.given is None else kept / spec.model.given
    references = References(nursery, spec, folder, parcel)
    saved = None if spec.saved is None else kept / spec.saved.sha256
    setting = Setting(spec=spec, nursery=nursery, references=references, folder=folder, saved=saved)
    try:
        await _Run(setting, sink, lanes, past).all()
    finally:
        await references.close()
        await asyncio.to_thread(folders.release, folder, lock)


class _Run:
    def __init__(self, setting: Setting, sink: Sink, lanes: Lanes, past: Past) -> None:
        self._setting = setting
        self._spec = setting.spec
        self._references = setting.references
        self._sink = sink
        self._lanes = lanes
        self._past = past
        self._artefacts: dict[str, str] = {}
        self._results: list[CaseResult] = []
        self._searched: list[CaseResult] = []

    async def all(self) -> None:
        preload = ["torchvision"] if self._spec.model.kind == "torchvision" else []
        preload += ["coverage"] if self._spec.model.kind != "torchvision" else []
        preload += [module for mode in self._spec.modes for module in EXPORTERS[mode].needs]
        preload += ["torch._dynamo"] if any(case.device == "meta" for case in self._spec.cases) else []
        if preload:
            await self._setting.nursery.preload(tuple(dict.fromkeys(preload)))
        try:
            description = await self._references.describe()
        finally:
            self._sink.confined(self._setting.nursery.confinement)
        self._sink.described(description)
        places = asyncio.Semaphore(
            self._lanes.correctness.places
        )  # modes at work at once: each has processes of its own
        self._checked = asyncio.ensure_future(self._check(description))  # while the first mode is exported
        modes = [asyncio.ensure_future(self._mode(mode, places)) for mode in self._spec.modes]
        try:
            await asyncio.gather(self._checked, *modes)
        finally:
            for task in (self._checked, *modes):
                task.cancel()
            await asyncio.gather(self._checked, *modes, return_exceptions=True)
        reach = await self._reach()
        if reach is not None:
            self._sink.described(replace(self._checked.result(), reach=reach))
        if self._spec.latency and self._artefacts:
            async with self._lanes.measuring.alone():
                self._sink.doing("latency", self._spec.cases[0].id)
                where = (self._setting.nursery, self._references, self._setting.folder)
                for latency in await measure(self._spec, *where, self._artefacts, self._results):
                    self._sink.timed(latency)

    async def _check(self, description: Description) -> Description:
        checked = await self._references.check(description)
        self._sink.described(checked)
        return checked

    async def _mode(self, mode: str, places: asyncio.Semaphore) -> None:
        """Export, sweep and, where it fails, explain one mode."""
        known = self._past.of(mode)
        swept = all(case.id in known for case in self._spec.cases)
        if swept and mode in self._past.explained and not self._spec.latency:
            return
        async with places:
            cases = Cases(self._setting, mode)
            try:
                async with self._place():
                    self._sink.doing(mode, "exporting")
                    exported = await cases.export()
                self._sink.exported(exported.facts, exported.artefact)
                if exported.artefact is not None:
                    self._artefacts[mode] = str(exported.artefact)
                results = await self._sweep(cases, known)
                failures: list[CaseResult] = []
                beside = False
                if (await self._references.of(self._spec.cases[0])).side.ended == "returned":
                    failures = failing(results)
                    if exported.artefact is not None and mode not in self._past.explained:
                        searched = await self._search(cases, known)
                        failures = failures or failing(searched)
                    beside = not failures
                    failures = failures or list(filter(altered, results))
            finally:
                await cases.close()
            if mode not in self._past.explained:
                async with self._place():
                    self._sink.doing(mode, "diagnosing")
                    explained = await causes(self._setting, exported, tuple(failures), beside) if failures else ()
                    self._sink.explained(mode, explained)

    async def _sweep(self, cases: Cases, known: dict[str, CaseResult]) -> list[CaseResult]:
        """The results of all planned cases of a mode, the `known` ones first."""
        results = [known[case.id] for case in self._spec.cases if case.id in known]
        left = [case for case in self._spec.cases if case.id not in known]
        last: Told | None = None
        try:
            for case, *following in zip_longest(left, left[1:], left[2:]):
                running = asyncio.ensure_future(self._case(cases, case, following))
                await asyncio.sleep(0)  # the case is under way: telling of the one before costs it no time
                self._tell(last, results)
                last = None
                last = await running
        finally:
            self._tell(last, results)
        self._results += results
        return results

    async def _case(self, cases: Cases, case: Case, following: Sequence[Case | None] = ()) -> Told:
        if (cases.mode, case.id) in self._past.deadly:
            return deadly(case, cases.mode)
        async with self._place():
            self._sink.doing(cases.mode, case.id)
            return await cases.run(case, [other for other in following if other is not None])

    def _tell(self, told: Told | None, results: list[CaseResult]) -> None:
        if told is not None:
            self._sink.judged(*told)
            results.append(told[0])

    async def _search(self, cases: Cases, known: dict[str, CaseResult]) -> list[CaseResult]:
        """Look for failures that the plan missed and narrow those down that there are, with cases that are judged and kept like
        those that were planned. The results of all that were made."""

        async def run(case: Case) -> CaseResult:
            result, views = await self._case(cases, case)
            result = replace(result, inputs=await self._references.measured(case))
            self._sink.judged(result, views)
            searched.append(result)
            return result

        swept = [result for result in self._results if result.mode == cases.mode]
        searched = [result for result in known.values() if result.case.varied == SEARCH]
        base = next(result for result in swept if result.case == self._spec.cases[0])
        if self._spec.search_s:
            thresholds = (await self._checked).thresholds
            await search(base, [*swept, *searched], run, self._spec.search_s, thresholds)
        self._searched += searched
        return searched

    async def _reach(self) -> Reach | None:
        """What of the user's own forward the cases ran, found in one more pass over those in which eager ended."""
        if self._spec.model.kind == "torchvision":
            return None
        results = (*self._past.results, *self._results, *self._searched)
        ended = {result.case.id: result for result in results if result.eager.ended in ("returned", "raised")}
        sides = {name: result.eager for name, result in ended.items()}
        planned = {case.id: case for case in self._spec.cases if case.id in ended}
        cases = list((planned | {name: result.case for name, result in ended.items()}).values())
        if not cases or (sides[cases[0].id].seconds or 0.0) > REACH_BUDGET_S:
            return None
        async with self._place():
            self._sink.doing("coverage", cases[0].id)
            return await self._references.reach(cases, REACH_BUDGET_S)

    def _place(self) -> contextlib.AbstractAsyncContextManager[None]:
        return self._lanes.correctness.place(self._lanes.session)
