"""The cases of one mode, one after the other: eager's side, the export's side, and all that was compared."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tsdash.engine.answers import take, take_all
from tsdash.engine.exports import Exported, export
from tsdash.engine.references import Reference, raise_fault
from tsdash.engine.setting import Setting
from tsdash.engine.workers import Worker, WorkerLost
from tsdash.errors import ModelError
from tsdash.exporters import EXPORTERS
from tsdash.spec import (
    GIVEN,
    Case,
    CaseResult,
    Classes,
    ContractChange,
    ErrorFacts,
    Export,
    OutputFacts,
    Side,
    StructureDifference,
    to_json,
)

RECYCLE_SHARE = 0.5  # of its memory limit that a worker may hold between two cases
_KEEPS_DTYPE = ErrorFacts(
    type="note", message="This mode keeps the dtype it was exported in: export again in the dtype to serve."
)
_NAMES_NO_DEVICE = ErrorFacts(
    type="note", message="This mode's artefact names no device: its runtime is told where to run when it loads it."
)


def deadly(case: Case, mode: str) -> tuple[CaseResult, dict[str, Any]]:
    """A case that is not tried again."""
    error = ErrorFacts(
        type="crash", message="the whole server went down twice while this case ran; it is not tried again"
    )
    return CaseResult(case=case, mode=mode, eager=Side(), exported=Side(ended="crash", error=error)), {}


class Cases:
    """Exports in one mode, and runs cases on a clean worker, which is replaced when a case kills it.

    Made in the engine's event loop: the first clean worker is started at once, and is there by the time there is an artefact.
    """

    def __init__(self, setting: Setting, mode: str) -> None:
        self._setting = setting
        self._spec = setting.spec
        self._references = setting.references
        self.mode = mode
        self._exported = Exported(facts=Export(mode=mode, seconds=0.0, ended="not_run"))
        setting.artefact(mode).parent.mkdir()
        self._first: asyncio.Task[Worker] | None = asyncio.ensure_future(self._forked())
        self._worker: Worker | None = None
        self._unloadable: ErrorFacts | None = None
        self._lost: WorkerLost | None = None  # loading the artefact never came to an end
        self._ahead: dict[str, asyncio.Task[Reference]] = {}

    async def export(self) -> Exported:
        """Export, as `exports.export` does, from the base case."""
        self._exported = await export(self._setting, self.mode)
        if self._setting.saved is not None and not self.failed:
            self._exported = replace(self._exported, facts=await self._with_texts(self._exported.facts))
        return self._exported

    async def _with_texts(self, facts: Export) -> Export:
        """`facts` of an artefact that was exported elsewhere, with its code and graph where it can be loaded."""
        try:
            worker = await self._clean()
            answer = raise_fault(await worker.call({"do": "texts"}, self._spec.limits.load_s))["ok"]
            texts = take(Export, answer)
            return replace(facts, code=texts.code, graph=texts.graph)
        except (WorkerLost, ModelError):
            return facts

    @property
    def failed(self) -> bool:
        """Whether there is nothing to run: no case needs eager either."""
        return self._exported.artefact is None

    async def run(self, case: Case, following: Sequence[Case] = ()) -> tuple[CaseResult, dict[str, Any]]:
        """Eager's side, the export's side and all that was compared. Eager goes on with the `following` cases meanwhile."""
        facts = self._exported.facts
        if self.failed:
            ended = "export_error" if facts.ended == "raised" else facts.ended
            eager = (await self._references.of(case)).side if case == self._spec.cases[0] else Side()
            return CaseResult(case=case, mode=self.mode, eager=eager, exported=Side(ended=ended, error=facts.error)), {}
        if case.dtype != GIVEN and not case.dtype.startswith("inputs:") and not EXPORTERS[self.mode].casts:
            return CaseResult(case=case, mode=self.mode, eager=Side(), exported=Side(error=_KEEPS_DTYPE)), {}
        if case.device != "cpu" and not EXPORTERS[self.mode].moves:
            return CaseResult(case=case, mode=self.mode, eager=Side(), exported=Side(error=_NAMES_NO_DEVICE)), {}
        reference = await (self._ahead.pop(case.id, None) or self._references.of(case))
        for other in following:
            if other.id not in self._ahead:
                self._ahead[other.id] = asyncio.ensure_future(self._references.of(other))
        result = CaseResult(case=case, mode=self.mode, eager=reference.side, exported=Side())
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
        request = {
            "do": "compare",
            "case": to_json(result.case),
            "inputs": str(reference.inputs),
            "expected": expected,
            "labels": reference.labels,
        }
        answer = raise_fault(await worker.call(request, self._spec.limits.case_s))["ok"]
        result = replace(
            result,
            exported=take(Side, answer, "exported"),
            structure=take_all(StructureDifference, answer, "structure"),
            contract=take_all(ContractChange, answer, "contract"),
            outputs=take_all(OutputFacts, answer, "outputs"),
            classes=take(Classes, answer, "classes") if "classes" in answer else None,
        )
        if any(not facts.identical for facts in result.outputs):
            result = await self._refereed(result, worker, str(expected))
        result = await self._references.with_noise(result)
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
            artefact = self._exported.artefact
            assert artefact is not None
            first, self._first = self._first, None
            self._worker = await (first or self._forked())
            request = {
                "do": "load",
                "mode": self.mode,
                "artefact": str(artefact),
                "sources": self._exported.sources,
            }
            try:
                answer = raise_fault(await self._worker.call(request, limits.load_s))["ok"]
            except WorkerLost as lost:
                self._lost = lost if lost.ended == "timeout" else None
                raise
            self._unloadable = take(ErrorFacts, answer, "error") if "error" in answer else None
        return self._worker

    async def _forked(self) -> Worker:
        limits, nursery = self._spec.limits, self._setting.nursery
        reads = (self._references.tensors, self._setting.artefact(self.mode).parent)
        folder = self._setting.folder / f"clean-{self.mode}"
        return await nursery.fork("clean", folder, limits.memory_mib, limits.output_kib, reads=reads)

    async def close(self) -> None:
        for task in self._ahead.values():
            task.cancel()
        await asyncio.gather(*self._ahead.values(), return_exceptions=True)
        if self._first is not None:
            with contextlib.suppress(WorkerLost):
                self._worker = await self._first
        if self._worker is not None:
            await self._worker.kill()
