"""One run from its spec to its last fact: describe, export each mode, sweep, time, diagnose. Knows no threads and no pages."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from tsdash.engine.nursery import Nursery, Worker, WorkerLost
from tsdash.engine.references import Reference, References, loaded_author, raise_fault
from tsdash.errors import ModelError
from tsdash.exporters import EXPORTERS
from tsdash.judge import counts_against, judge
from tsdash.spec import (
    Case,
    CaseResult,
    Cause,
    Description,
    ErrorFacts,
    Export,
    Latency,
    OutputFacts,
    RunSpec,
    Side,
    StructureDifference,
    from_json,
    to_json,
)

LATENCY_BUDGET_S = 3.0
DIAGNOSE_LIMIT_S = 60.0
MOST_EXPLAINED = 64  # failing cases that a diagnosis looks at


class Sink(Protocol):
    """Where facts go as they arrive."""

    def described(self, description: Description) -> None: ...
    def exported(self, export: Export, artefact: Path | None) -> None: ...
    def judged(self, result: CaseResult, views: dict[str, Any]) -> None: ...
    def timed(self, latency: Latency) -> None: ...
    def explained(self, mode: str, causes: tuple[Cause, ...]) -> None: ...
    def doing(self, mode: str, case: str) -> None: ...


@dataclass(frozen=True)
class Lanes:
    """What a run must hold to use the machine: `correctness` a place a mode, `measuring` all of it."""

    correctness: asyncio.Semaphore
    measuring: asyncio.Lock


async def conduct(spec: RunSpec, *, nursery: Nursery, sink: Sink, lanes: Lanes) -> None:
    """Carry out `spec`, every fact to `sink`. Raises ModelError when the model cannot be loaded; a mode or a case that fails
    is a fact like any other. Cancelling the task kills its workers."""
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix=f"tsdash-{os.getpid()}-", dir=shared if shared.is_dir() else None))
    references = References(nursery, spec, folder)
    run = _Run(spec, nursery, sink, lanes, folder, references)
    try:
        await run.all()
    finally:
        await references.close()
        shutil.rmtree(folder, ignore_errors=True)


class _Run:
    def __init__(self, spec: RunSpec, nursery: Nursery, sink: Sink, lanes: Lanes, folder: Path, references: References) -> None:
        self._spec = spec
        self._nursery = nursery
        self._sink = sink
        self._lanes = lanes
        self._folder = folder
        self._references = references
        self._artefacts: dict[str, str] = {}

    async def all(self) -> None:
        preload = [module for mode in self._spec.modes for module in EXPORTERS[mode].needs]
        if preload:
            await self._nursery.preload(tuple(dict.fromkeys(preload)))
        description = await self._references.describe()
        self._sink.described(description)
        self._sink.described(await self._references.check(description))
        modes = [asyncio.ensure_future(self._mode(mode)) for mode in self._spec.modes]
        try:
            await asyncio.gather(*modes)
        finally:
            for mode in modes:
                mode.cancel()
            await asyncio.gather(*modes, return_exceptions=True)
        if self._spec.latency and self._artefacts:
            async with self._lanes.measuring:
                await self._latency()

    async def _mode(self, mode: str) -> None:
        async with self._lanes.correctness:
            self._sink.doing(mode, "exporting")
            export, sources, artefact = await self._export(mode)
            self._sink.exported(export, artefact)
            sweep = _Sweep(self._spec, self._nursery, self._references, mode, artefact, sources, self._folder / f"clean-{mode}")
            results = []
            try:
                for case, following in zip(self._spec.cases, (*self._spec.cases[1:], None), strict=True):
                    self._sink.doing(mode, case.id)
                    result, views = await sweep.case(case, export, following)
                    self._sink.judged(result, views)
                    results.append(result)
            finally:
                await sweep.close()
            failures = tuple(result for result in results if counts_against(result, judge(result)))
            if failures:
                self._sink.doing(mode, "diagnosing")
                self._sink.explained(mode, await self._diagnose(export, failures, artefact))

    async def _export(self, mode: str) -> tuple[Export, Any, Path | None]:
        """Export in a fresh author worker: what TorchScript compiles depends on what the process compiled before."""
        limits = self._spec.limits
        artefact = self._folder / f"{mode}{EXPORTERS[mode].suffix}"
        began = time.monotonic()
        worker: Worker | None = None
        try:
            worker, answer = await loaded_author(self._nursery, self._spec, self._folder / f"author-{mode}")
            request = {"do": "export", "mode": mode, "case": to_json(self._spec.cases[0]), "artefact": str(artefact)}
            export = from_json(Export, raise_fault(await worker.call(request, limits.export_s))["ok"])
            sources = answer["sources"]
        except (WorkerLost, ModelError) as error:
            ended = error.ended if isinstance(error, WorkerLost) else "raised"
            output = worker.output if worker is not None else ""
            facts = ErrorFacts(type=ended if isinstance(error, WorkerLost) else "ModelError", message=str(error), traceback=output[-8192:])
            return Export(mode=mode, seconds=time.monotonic() - began, error=facts, ended=ended), None, None
        finally:
            if worker is not None:
                await worker.kill()
        if export.error is not None:
            return export, sources, None
        self._artefacts[mode] = str(artefact)
        return export, sources, artefact

    async def _diagnose(self, export: Export, failures: tuple[CaseResult, ...], artefact: Path | None) -> tuple[Cause, ...]:
        """The causes of `failures`, found in a fresh author worker: explaining runs the user's code again and again."""
        worker: Worker | None = None
        try:
            worker, _ = await loaded_author(self._nursery, self._spec, self._folder / f"diagnosis-{export.mode}")
            request = {
                "do": "diagnose",
                "mode": export.mode,
                "case": to_json(self._spec.cases[0]),
                "export": to_json(export),
                "failures": to_json(failures[:MOST_EXPLAINED]),
                "artefact": None if artefact is None else str(artefact),
            }
            answer = raise_fault(await worker.call(request, DIAGNOSE_LIMIT_S))["ok"]
            return tuple(from_json(Cause, cause) for cause in answer["causes"])
        except (WorkerLost, ModelError) as error:
            return (Cause(cause="unknown", message=f"The search for the cause did not finish: {error}"),)
        finally:
            if worker is not None:
                await worker.kill()

    async def _latency(self) -> None:
        """Time every mode beside eager on the base case, in one process."""
        self._sink.doing("latency", self._spec.cases[0].id)
        try:
            worker, _ = await loaded_author(self._nursery, self._spec, self._folder / "latency")
        except ModelError:
            return
        request = {"do": "time", "case": to_json(self._spec.cases[0]), "artefacts": self._artefacts, "budget_s": LATENCY_BUDGET_S * (2 + len(self._artefacts))}
        try:
            latency = from_json(Latency, raise_fault(await worker.call(request, 10 * self._spec.limits.case_s))["ok"])
        except (WorkerLost, ModelError) as error:
            latency = Latency(case=self._spec.cases[0], arms=(), notes=(f"Latency could not be measured: {error}",))
        finally:
            await worker.kill()
        self._sink.timed(latency)


class _Sweep:
    """The cases of one mode, one after the other, on a clean worker that is replaced when a case kills it."""

    def __init__(self, spec: RunSpec, nursery: Nursery, references: References, mode: str, artefact: Path | None, sources: Any, folder: Path) -> None:
        self._spec = spec
        self._nursery = nursery
        self._references = references
        self._mode = mode
        self._artefact = artefact
        self._sources = sources
        self._folder = folder
        self._worker: Worker | None = None
        self._unloadable: ErrorFacts | None = None
        self._ahead: asyncio.Task[Reference] | None = None

    async def case(self, case: Case, export: Export, following: Case | None) -> tuple[CaseResult, dict[str, Any]]:
        """Eager's side, the export's side and all that was compared. Eager goes on with the `following` case meanwhile."""
        if self._artefact is None:
            ended = "export_error" if export.ended == "raised" else export.ended
            eager = (await self._references.of(case)).side if case == self._spec.cases[0] else Side()
            return CaseResult(case=case, mode=self._mode, eager=eager, exported=Side(ended=ended, error=export.error)), {}
        reference = await self._references.of(case)
        if following is not None:
            self._ahead = asyncio.ensure_future(self._references.of(following))
        result = CaseResult(case=case, mode=self._mode, eager=reference.side, exported=Side())
        if reference.inputs is None:
            return result, {}
        try:
            return await self._compared(result, reference)
        except WorkerLost as lost:
            output = self._worker.output if self._worker is not None else ""
            error = ErrorFacts(type=lost.ended, message=str(lost), traceback=output[-8192:])
            return replace(result, exported=Side(ended=lost.ended, error=error)), {}

    async def _compared(self, result: CaseResult, reference: Reference) -> tuple[CaseResult, dict[str, Any]]:
        worker = await self._clean()
        if self._unloadable is not None:
            return replace(result, exported=Side(ended="raised", error=self._unloadable)), {}
        expected = None if reference.expected is None else str(reference.expected)
        request = {"do": "compare", "case": to_json(result.case), "inputs": str(reference.inputs), "expected": expected}
        answer = raise_fault(await worker.call(request, self._spec.limits.case_s))["ok"]
        result = replace(
            result,
            exported=from_json(Side, answer["exported"]),
            structure=tuple(from_json(StructureDifference, item) for item in answer.get("structure", ())),
            outputs=tuple(from_json(OutputFacts, item) for item in answer.get("outputs", ())),
        )
        if any(not facts.identical for facts in result.outputs):
            result = await self._refereed(result, worker, str(expected))
        return result, answer.get("views", {})

    async def _refereed(self, result: CaseResult, worker: Worker, expected: str) -> CaseResult:
        """`result` with both sides held against eager in float64."""
        oracle = await self._references.oracle(result.case)
        notes = () if oracle["repeatable"] else ("Eager does not repeat its own output under one seed.",)
        if "oracle" not in oracle:
            return replace(result, notes=(*notes, f"No float64 referee: {oracle.get('why_not', 'unknown')}"))
        answer = raise_fault(await worker.call({"do": "oracle", "expected": expected, "oracle": oracle["oracle"]}, self._spec.limits.case_s))["ok"]
        return replace(result, notes=notes, outputs=tuple(from_json(OutputFacts, item) for item in answer["outputs"]))

    async def _clean(self) -> Worker:
        """The clean worker with the artefact loaded."""
        if self._worker is None or not self._worker.alive:
            self._folder.mkdir(exist_ok=True)
            limits = self._spec.limits
            self._worker = await self._nursery.fork("clean", self._folder, limits.memory_mib, limits.output_kib)
            request = {"do": "load", "mode": self._mode, "artefact": str(self._artefact), "sources": self._sources}
            answer = raise_fault(await self._worker.call(request, limits.load_s))["ok"]
            self._unloadable = from_json(ErrorFacts, answer["error"]) if "error" in answer else None
        return self._worker

    async def close(self) -> None:
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.gather(self._ahead, return_exceptions=True)
        if self._worker is not None:
            await self._worker.kill()
