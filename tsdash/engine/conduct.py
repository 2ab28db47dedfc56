"""One run from its spec to its last fact: describe, export each mode, sweep, time, diagnose. Knows no threads and no pages."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from tsdash.engine import folders
from tsdash.engine.answers import take, take_all
from tsdash.engine.divergence import localized
from tsdash.engine.lanes import FairLane, MeasuringLane
from tsdash.engine.latency import measure
from tsdash.engine.nursery import Nursery
from tsdash.engine.references import Reference, References, loaded_author, raise_fault
from tsdash.engine.workers import Worker, WorkerLost
from tsdash.errors import ModelError
from tsdash.exporters import EXPORTERS
from tsdash.judge import counts_against, judge
from tsdash.spec import (
    GIVEN,
    Case,
    CaseResult,
    Cause,
    Description,
    ErrorFacts,
    Export,
    Latency,
    OutputFacts,
    Reach,
    RunSpec,
    Side,
    StructureDifference,
    to_json,
)
from tsdash.tracebacks import SourceMap

REACH_BUDGET_S = 5.0
DIAGNOSE_LIMIT_S = 60.0
RECYCLE_SHARE = 0.5  # of its memory limit that a worker may hold between two cases
MOST_EXPLAINED = 64  # failing cases that a diagnosis looks at


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


async def conduct(spec: RunSpec, *, nursery: Nursery, sink: Sink, lanes: Lanes, past: Past) -> None:
    """Carry out `spec` as far as `past` has not, every fact to `sink`.

    Raises ModelError when the model cannot be loaded; a mode or a case that fails is a fact like any other. Cancelling the
    task kills its workers.
    """
    folder, lock = folders.create(nursery.root)
    references = References(nursery, spec, folder)
    run = _Run(spec, nursery, sink, lanes, past, folder, references)
    try:
        await run.all()
    finally:
        await references.close()
        await asyncio.to_thread(folders.release, folder, lock)


class _Run:
    def __init__(
        self,
        spec: RunSpec,
        nursery: Nursery,
        sink: Sink,
        lanes: Lanes,
        past: Past,
        folder: Path,
        references: References,
    ) -> None:
        self._spec = spec
        self._past = past
        self._nursery = nursery
        self._sink = sink
        self._lanes = lanes
        self._folder = folder
        self._references = references
        self._artefacts: dict[str, str] = {}
        self._results: list[CaseResult] = []

    async def all(self) -> None:
        preload = ["torchvision"] if self._spec.model.kind == "torchvision" else []
        preload += ["coverage"] if self._spec.model.kind != "torchvision" else []
        preload += [module for mode in self._spec.modes for module in EXPORTERS[mode].needs]
        if preload:
            await self._nursery.preload(tuple(dict.fromkeys(preload)))
        try:
            description = await self._references.describe()
        finally:
            self._sink.confined(self._nursery.confinement)
        self._sink.described(description)
        description = await self._references.check(description)
        self._sink.described(description)
        places = asyncio.Semaphore(
            self._lanes.correctness.places
        )  # modes at work at once: each has processes of its own
        modes = [asyncio.ensure_future(self._mode(mode, places)) for mode in self._spec.modes]
        try:
            await asyncio.gather(*modes)
        finally:
            for mode in modes:
                mode.cancel()
            await asyncio.gather(*modes, return_exceptions=True)
        reach = await self._reach()
        if reach is not None:
            self._sink.described(replace(description, reach=reach))
        if self._spec.latency and self._artefacts:
            async with self._lanes.measuring.alone():
                self._sink.doing("latency", self._spec.cases[0].id)
                for latency in await measure(
                    self._spec, self._nursery, self._references, self._folder, self._artefacts, self._results
                ):
                    self._sink.timed(latency)

    async def _mode(self, mode: str, places: asyncio.Semaphore) -> None:
        """Export, sweep and, where it fails, explain one mode."""
        known = self._past.of(mode)
        swept = all(case.id in known for case in self._spec.cases)
        if swept and mode in self._past.explained and not self._spec.latency:
            return
        async with places:
            async with self._place():
                self._sink.doing(mode, "exporting")
                export, sources, artefact = await self._export(mode)
            self._sink.exported(export, artefact)
            results = await self._sweep(export, sources, artefact, known)
            eagers_own = (await self._references.of(self._spec.cases[0])).side.ended != "returned"
            failures = tuple(result for result in results if not eagers_own and counts_against(result, judge(result)))
            if mode not in self._past.explained:
                async with self._place():
                    self._sink.doing(mode, "diagnosing")
                    self._sink.explained(mode, await self._diagnose(export, failures, artefact) if failures else ())

    async def _sweep(
        self, export: Export, sources: Any, artefact: Path | None, known: dict[str, CaseResult]
    ) -> list[CaseResult]:
        """The results of all cases of a mode, the `known` ones among them."""
        mode = export.mode
        sweep = _Sweep(
            self._spec, self._nursery, self._references, mode, artefact, sources, self._folder / f"clean-{mode}"
        )
        results = list(known.values())
        left = [case for case in self._spec.cases if case.id not in known]
        try:
            for case, following in zip(left, (*left[1:], None), strict=False):
                if (mode, case.id) in self._past.deadly:
                    result, views = _deadly(case, mode)
                else:
                    async with self._place():
                        self._sink.doing(mode, case.id)
                        result, views = await sweep.case(case, export, following)
                self._sink.judged(result, views)
                results.append(result)
        finally:
            await sweep.close()
        self._results += results
        return results

    async def _reach(self) -> Reach | None:
        """What of the user's own forward the sweep ran, found in one more pass over the cases in which eager ended."""
        if self._spec.model.kind == "torchvision":
            return None
        results = (*self._past.results, *self._results)
        sides = {result.case.id: result.eager for result in results if result.eager.ended in ("returned", "raised")}
        cases = [case for case in self._spec.cases if case.id in sides]
        if not cases or (sides[cases[0].id].seconds or 0.0) > REACH_BUDGET_S:
            return None
        async with self._place():
            self._sink.doing("coverage", cases[0].id)
            return await self._references.reach(cases, REACH_BUDGET_S)

    def _place(self) -> contextlib.AbstractAsyncContextManager[None]:
        return self._lanes.correctness.place(self._lanes.session)

    async def _export(self, mode: str) -> tuple[Export, Any, Path | None]:
        """Export in a fresh author worker: what TorchScript compiles depends on what the process compiled before."""
        limits = self._spec.limits
        base = (await self._references.of(self._spec.cases[0])).side
        if base.ended in ("timeout", "crash"):  # exporting runs the model too, and would end the same way
            return Export(mode=mode, seconds=0.0, error=base.error, ended=base.ended), None, None
        artefact = self._folder / f"artefact-{mode}" / f"{mode}{EXPORTERS[mode].suffix}"
        began = time.monotonic()
        worker: Worker | None = None
        try:
            artefact.parent.mkdir(exist_ok=True)
            worker, answer = await loaded_author(
                self._nursery, self._spec, self._folder / f"author-{mode}", writes=(artefact.parent,)
            )
            request = {"do": "export", "mode": mode, "case": to_json(self._spec.cases[0]), "artefact": str(artefact)}
            export = take(Export, raise_fault(await worker.call(request, limits.export_s)), "ok")
            sources = to_json(take(SourceMap, answer, "sources"))
        except (WorkerLost, ModelError) as error:
            ended = error.ended if isinstance(error, WorkerLost) else "raised"
            output = worker.output if worker is not None else ""
            facts = ErrorFacts(
                type=ended if isinstance(error, WorkerLost) else "ModelError",
                message=str(error),
                traceback=output[-8192:],
            )
            return Export(mode=mode, seconds=time.monotonic() - began, error=facts, ended=ended), None, None
        finally:
            if worker is not None:
                await worker.kill()
        if export.error is not None:
            return export, sources, None
        if artefact.is_symlink() or not artefact.is_file():
            facts = ErrorFacts(type="MissingArtefact", message="the export said that it was saved, and left no file")
            return replace(export, error=facts, ended="raised"), sources, None
        self._artefacts[mode] = str(artefact)
        return export, sources, artefact

    async def _diagnose(
        self, export: Export, failures: tuple[CaseResult, ...], artefact: Path | None
    ) -> tuple[Cause, ...]:
        """The causes of `failures`, found in a fresh author worker: explaining runs the user's code again and again."""
        worker: Worker | None = None
        try:
            reads = () if artefact is None else (artefact.parent,)
            worker, _ = await loaded_author(
                self._nursery, self._spec, self._folder / f"diagnosis-{export.mode}", reads=reads
            )
            request = {
                "do": "diagnose",
                "mode": export.mode,
                "case": to_json(self._spec.cases[0]),
                "export": to_json(export),
                "failures": to_json(failures[:MOST_EXPLAINED]),
                "artefact": None if artefact is None else str(artefact),
            }
            answer = raise_fault(await worker.call(request, DIAGNOSE_LIMIT_S))["ok"]
            causes = take_all(Cause, answer, "causes")
            return await localized(worker, export.mode, self._spec.cases[0], failures, causes)
        except (WorkerLost, ModelError) as error:
            return (Cause(cause="unknown", message=f"The search for the cause did not finish: {error}"),)
        finally:
            if worker is not None:
                await worker.kill()


_KEEPS_DTYPE = ErrorFacts(
    type="note", message="This mode keeps the dtype it was exported in: export again in the dtype to serve."
)


def _deadly(case: Case, mode: str) -> tuple[CaseResult, dict[str, Any]]:
    """A case that is not tried again."""
    error = ErrorFacts(
        type="crash", message="the whole server went down twice while this case ran; it is not tried again"
    )
    return CaseResult(case=case, mode=mode, eager=Side(), exported=Side(ended="crash", error=error)), {}


class _Sweep:
    """The cases of one mode, one after the other, on a clean worker that is replaced when a case kills it."""

    def __init__(
        self,
        spec: RunSpec,
        nursery: Nursery,
        references: References,
        mode: str,
        artefact: Path | None,
        sources: Any,
        folder: Path,
    ) -> None:
        self._spec = spec
        self._nursery = nursery
        self._references = references
        self._mode = mode
        self._artefact = artefact
        self._sources = sources
        self._folder = folder
        self._worker: Worker | None = None
        self._unloadable: ErrorFacts | None = None
        self._lost: WorkerLost | None = None  # loading the artefact never came to an end
        self._ahead: asyncio.Task[Reference] | None = None

    async def case(self, case: Case, export: Export, following: Case | None) -> tuple[CaseResult, dict[str, Any]]:
        """Eager's side, the export's side and all that was compared. Eager goes on with the `following` case meanwhile."""
        if self._artefact is None:
            ended = "export_error" if export.ended == "raised" else export.ended
            eager = (await self._references.of(case)).side if case == self._spec.cases[0] else Side()
            return CaseResult(
                case=case, mode=self._mode, eager=eager, exported=Side(ended=ended, error=export.error)
            ), {}
        if case.dtype != GIVEN and not case.dtype.startswith("inputs:") and not EXPORTERS[self._mode].casts:
            return CaseResult(case=case, mode=self._mode, eager=Side(), exported=Side(error=_KEEPS_DTYPE)), {}
        reference = await self._references.of(case)
        if following is not None:
            self._ahead = asyncio.ensure_future(self._references.of(following))
        result = CaseResult(case=case, mode=self._mode, eager=reference.side, exported=Side())
        if reference.inputs is None:
            return result, {}
        try:
            return await self._compared(result, reference)
        except (WorkerLost, ModelError) as lost:  # a clean worker blames no model; what says so is forged
            ended = lost.ended if isinstance(lost, WorkerLost) else "crash"
            output = self._worker.output if self._worker is not None else ""
            error = ErrorFacts(type=ended, message=str(lost), traceback=output[-8192:])
            if self._worker is not None:
                await self._worker.kill()
            return replace(result, exported=Side(ended=ended, error=error)), {}

    async def _compared(self, result: CaseResult, reference: Reference) -> tuple[CaseResult, dict[str, Any]]:
        worker = await self._clean()
        if self._unloadable is not None:
            return replace(result, exported=Side(ended="raised", error=self._unloadable)), {}
        expected = None if reference.expected is None else str(reference.expected)
        request = {"do": "compare", "case": to_json(result.case), "inputs": str(reference.inputs), "expected": expected}
        answer = raise_fault(await worker.call(request, self._spec.limits.case_s))["ok"]
        result = replace(
            result,
            exported=take(Side, answer, "exported"),
            structure=take_all(StructureDifference, answer, "structure"),
            outputs=take_all(OutputFacts, answer, "outputs"),
        )
        if any(not facts.identical for facts in result.outputs):
            result = await self._refereed(result, worker, str(expected))
        if worker.rss_bytes() > RECYCLE_SHARE * self._spec.limits.memory_mib * 2**20:
            await worker.kill()  # a leak, or memory that is not given back: the next case starts on a new one
        return result, answer.get("views", {})

    async def _refereed(self, result: CaseResult, worker: Worker, expected: str) -> CaseResult:
        """`result` with both sides held against eager in float64."""
        oracle = await self._references.oracle(result.case)
        notes = () if oracle["repeatable"] else ("Eager does not repeat its own output under one seed.",)
        if "oracle" not in oracle:
            return replace(result, notes=(*notes, f"No float64 referee: {oracle.get('why_not', 'unknown')}"))
        answer = raise_fault(
            await worker.call(
                {"do": "oracle", "expected": expected, "oracle": oracle["oracle"]}, self._spec.limits.case_s
            )
        )["ok"]
        return replace(result, notes=notes, outputs=take_all(OutputFacts, answer, "outputs"))

    async def _clean(self) -> Worker:
        """The clean worker with the artefact loaded. Loading that takes too long is not tried again with every case."""
        if self._lost is not None:
            raise self._lost
        if self._worker is None or not self._worker.alive:
            limits = self._spec.limits
            assert self._artefact is not None
            reads = (self._references.tensors, self._artefact.parent)
            self._worker = await self._nursery.fork(
                "clean", self._folder, limits.memory_mib, limits.output_kib, reads=reads
            )
            request = {"do": "load", "mode": self._mode, "artefact": str(self._artefact), "sources": self._sources}
            try:
                answer = raise_fault(await self._worker.call(request, limits.load_s))["ok"]
            except WorkerLost as lost:
                self._lost = lost if lost.ended == "timeout" else None
                raise
            self._unloadable = take(ErrorFacts, answer, "error") if "error" in answer else None
        return self._worker

    async def close(self) -> None:
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.gather(self._ahead, return_exceptions=True)
        if self._worker is not None:
            await self._worker.kill()
