"""A study from its spec to what it found: eager in one worker, every mode in a fresh one, all of them confined."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

from tsdash.engine import folders
from tsdash.engine.answers import take, take_all
from tsdash.engine.conduct import Lanes
from tsdash.engine.nursery import Nursery
from tsdash.engine.references import loaded_author, raise_fault
from tsdash.engine.workers import Worker, WorkerLost
from tsdash.errors import ModelError
from tsdash.exporters import EXPORTERS
from tsdash.spec import Description, ErrorFacts, Export, Latency, RunSpec, to_json
from tsdash.study import Answer, Array, ModeStudy, NaiveBlock, Study, StudySpec, TiedLine

OVERRUN = 10  # times the time for timing, then the worker is killed


async def study(spec: StudySpec, *, nursery: Nursery, lanes: Lanes) -> Study:
    """Carry out `spec`. Raises ModelError when the model cannot be loaded; a mode that fails is a fact like any other, and
    where eager itself is lost no mode is asked.
    Cancelling the task kills its workers."""
    began = time.monotonic()
    needs = [*spec.needs, *(module for mode in spec.modes for module in EXPORTERS[mode].needs)]
    needs += ["torchvision"] if spec.model.kind == "torchvision" else []
    if needs:
        await nursery.preload(tuple(dict.fromkeys(needs)))
    folder, lock = folders.create(nursery.root)
    work = _Study(spec, nursery, lanes, folder)
    try:
        found = await work.eager()
        asked = (
            () if found.get("lost") else spec.modes
        )  # without eager's answers there is nothing to hold a mode against
        modes = {mode: await work.mode(mode) for mode in asked}
    finally:
        await asyncio.shield(asyncio.to_thread(folders.release, folder, lock))
    return Study(**found, modes=modes, seconds=time.monotonic() - began)


class _Study:
    def __init__(self, spec: StudySpec, nursery: Nursery, lanes: Lanes, folder: Path) -> None:
        self._spec = spec
        self._nursery = nursery
        self._lanes = lanes
        self._folder = folder
        self._run = RunSpec(model=spec.model, modes=spec.modes, cases=(spec.example.case,), limits=spec.limits)
        self._questions = {"questions": to_json(spec.questions), "labelled": spec.labelled}
        self._example = to_json(spec.example)

    async def eager(self) -> dict[str, Any]:
        """The fields of a Study that are eager's."""
        async with self._place(), self._author("eager") as (worker, loaded):
            description = take(Description, loaded, "description")
            facts: dict[str, Any] = {"inputs": description.inputs, "parameters": description.parameters}
            try:
                request = {"do": "study", "example": self._example, **self._questions}
                answer = await self._ask(worker, request, self._spec.limits.case_s)
            except WorkerLost as lost:
                return {**facts, "lost": str(lost)}
            steps, labels = take(tuple[int, ...], answer, "steps"), take(tuple[int, ...], answer, "labels")
            facts |= {"steps": steps, "labels": labels, "examples": take_all(Array, answer, "examples")}
            return {**facts, "eager": take_all(Answer, answer, "answers")}

    async def mode(self, mode: str) -> ModeStudy:
        """Export in a fresh worker, save, load what was saved and ask it the same."""
        artefact = self._folder / f"artefact-{mode}" / f"{mode}{EXPORTERS[mode].suffix}"
        artefact.parent.mkdir()
        async with self._place():
            try:
                async with self._author(f"author-{mode}", artefact.parent) as (worker, _):
                    export = await self._export(worker, mode, artefact)
                    found = ModeStudy(export=export)
                    if export.error is None:
                        found = await self._asked(worker, found, artefact)
            except ModelError as error:
                return ModeStudy(export=_failed(mode, "raised", str(error)))
        if self._spec.latency_s and found.answers:
            return await self._timed(found, artefact)
        return found

    async def _export(self, worker: Worker, mode: str, artefact: Path) -> Export:
        example = self._spec.example
        request = {
            "do": "export",
            "mode": mode,
            "case": to_json(example.case),
            "arguments": to_json(example.arguments),
            "artefact": str(artefact),
        }
        try:
            return take(Export, await self._ask(worker, request, self._spec.limits.export_s))
        except WorkerLost as lost:
            return _failed(mode, lost.ended, str(lost))

    async def _asked(self, worker: Worker, found: ModeStudy, artefact: Path) -> ModeStudy:
        mode, printed = found.export.mode, found.export.code or ""
        request = {"do": "ask", "mode": mode, "artefact": str(artefact), "printed": printed, **self._questions}
        try:
            answer = await self._ask(worker, request, self._spec.limits.case_s)
            code, graph = take_all(TiedLine, answer, "code"), take_all(TiedLine, answer, "graph")
            return ModeStudy(export=found.export, code=code, graph=graph, answers=take_all(Answer, answer, "answers"))
        except WorkerLost as lost:
            return ModeStudy(export=found.export, lost=str(lost))

    async def _timed(self, found: ModeStudy, artefact: Path) -> ModeStudy:
        """`found` with times, taken while nothing else of ours runs."""
        mode, budget_s = found.export.mode, self._spec.latency_s or 0.0
        request = {"do": "compete", "mode": mode, "artefact": str(artefact), "example": self._example}
        async with self._lanes.measuring.alone(), self._author(f"timing-{mode}", artefact.parent) as (worker, _):
            try:
                answer = await self._ask(worker, {**request, "budget_s": budget_s}, OVERRUN * budget_s + 10)
            except WorkerLost as lost:
                return ModeStudy(export=found.export, lost=str(lost))
        naive, latency = take_all(NaiveBlock, answer, "naive"), take(Latency, answer, "latency")
        return ModeStudy(
            export=found.export,
            code=found.code,
            graph=found.graph,
            answers=found.answers,
            naive=naive,
            latency=latency,
        )

    def _place(self) -> contextlib.AbstractAsyncContextManager[None]:
        return self._lanes.correctness.place(self._lanes.session)

    @contextlib.asynccontextmanager
    async def _author(self, name: str, *writes: Path) -> Any:
        """A worker that has loaded the model, and its answer; killed when the block is left."""
        worker, answer = await loaded_author(self._nursery, self._run, self._folder / name, writes=writes)
        try:
            yield worker, answer
        finally:
            await worker.kill()

    async def _ask(self, worker: Worker, request: dict[str, Any], limit_s: float) -> Any:
        return raise_fault(await worker.call(request, limit_s))["ok"]


def _failed(mode: str, ended: str, why: str) -> Export:
    return Export(mode=mode, seconds=0.0, error=ErrorFacts(type=ended, message=why), ended=ended)
