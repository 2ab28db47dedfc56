"""Exporting in one mode, in an author worker of its own: what TorchScript compiles depends on what the process compiled before."""

from __future__ import annotations

import asyncio
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tsdash.engine.answers import take, take_all
from tsdash.engine.references import loaded_author, raise_fault
from tsdash.engine.setting import Setting
from tsdash.engine.workers import Worker, WorkerLost
from tsdash.errors import ModelError
from tsdash.spec import ContractChange, ErrorFacts, Export, ExportWarning, to_json
from tsdash.tracebacks import SourceMap

SAVED_CALL_S = 0.5  # a model whose call takes longer is not called again to see what saving changed
SAVED_LIMIT_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What exporting gave, with the file it left and the names by which its error messages call the user's source."""

    facts: Export
    artefact: Path | None = None
    sources: Any = None


async def export(setting: Setting, mode: str) -> Exported:
    """Export from the inputs of the base case; an export that fails is a fact like any other."""
    limits, base = setting.spec.limits, (await setting.references.of(setting.base)).side
    if base.ended in ("timeout", "crash"):  # exporting runs the model too, and would end the same way
        return Exported(facts=Export(mode=mode, seconds=0.0, error=base.error, ended=base.ended))
    artefact = setting.artefact(mode)
    if setting.saved is not None:
        return await asyncio.to_thread(_given, setting, setting.saved, mode)
    began = time.monotonic()
    worker: Worker | None = None
    try:
        worker, answer = await loaded_author(
            setting.nursery, setting.spec, setting.folder / f"author-{mode}", writes=(artefact.parent,)
        )
        request = {"do": "export", "mode": mode, "case": to_json(setting.base), "artefact": str(artefact)}
        facts = take(Export, raise_fault(await worker.call(request, limits.export_s)), "ok")
        sources = to_json(take(SourceMap, answer, "sources"))
        if facts.error is None:
            facts = await _with_saved(setting, worker, facts, request)
    except (WorkerLost, ModelError) as error:
        ended = error.ended if isinstance(error, WorkerLost) else "raised"
        output = worker.output if worker is not None else ""
        kind = ended if isinstance(error, WorkerLost) else "ModelError"
        told = ErrorFacts(type=kind, message=str(error), traceback=output[-8192:])
        return Exported(facts=Export(mode=mode, seconds=time.monotonic() - began, error=told, ended=ended))
    finally:
        if worker is not None:
            await worker.kill()
    if facts.error is not None:
        return Exported(facts=facts, sources=sources)
    if artefact.is_symlink() or not artefact.is_file():
        told = ErrorFacts(type="MissingArtefact", message="the export said that it was saved, and left no file")
        return Exported(facts=replace(facts, error=told, ended="raised"), sources=sources)
    return Exported(facts=facts, artefact=artefact, sources=sources)


def _given(setting: Setting, saved: Path, mode: str) -> Exported:
    """An artefact that was exported elsewhere, as if it had been here."""
    assert setting.spec.saved is not None
    name, model = setting.spec.saved.name, setting.spec.model.filename
    try:
        artefact = Path(shutil.copyfile(saved, setting.artefact(mode)))
    except OSError as error:
        told = ErrorFacts(
            type="MissingArtefact", message=f"{name} is no longer kept: {error.strerror}. Check it again."
        )
        return Exported(facts=Export(mode=mode, seconds=0.0, error=told, ended="raised"))
    note = f"{name} was exported elsewhere. It is held against {model} as it is; nothing was exported here."
    facts = Export(
        mode=mode,
        seconds=0.0,
        artefact_bytes=artefact.stat().st_size,
        warnings=(ExportWarning(message=note, category="Note"),),
    )
    return Exported(facts=facts, artefact=artefact, sources=to_json(SourceMap()))


async def _with_saved(setting: Setting, worker: Worker, facts: Export, request: dict[str, Any]) -> Export:
    """`facts` with what saving and loading changed in the answer; as they are for a model that takes long, or where the
    worker is lost over it: what was saved is judged elsewhere."""
    side = (await setting.references.of(setting.base)).side
    if side.ended != "returned" or (side.seconds or 0.0) > SAVED_CALL_S:
        return facts
    try:
        answer = raise_fault(await worker.call({**request, "do": "saved"}, SAVED_LIMIT_S))["ok"]
        return replace(facts, contract=(*facts.contract, *take_all(ContractChange, answer, "contract")))
    except (WorkerLost, ModelError):
        return facts
