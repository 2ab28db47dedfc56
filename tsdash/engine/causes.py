"""The causes of a mode's failures, found in an author worker of their own: explaining runs the user's code again and again."""

from __future__ import annotations

from tsdash.engine.answers import take_all
from tsdash.engine.divergence import localized
from tsdash.engine.exports import Exported
from tsdash.engine.references import loaded_author, raise_fault
from tsdash.engine.setting import Setting
from tsdash.engine.workers import Worker, WorkerLost
from tsdash.errors import ModelError
from tsdash.spec import CaseResult, Cause, to_json

LIMIT_S = 60.0
MOST_EXPLAINED = 64  # failing cases that a diagnosis looks at


async def causes(
    setting: Setting, exported: Exported, failures: tuple[CaseResult, ...], beside: bool
) -> tuple[Cause, ...]:
    """Best explained first; a search that does not end is one cause, unknown. `beside`: the failures differ beside their
    answers alone."""
    mode, artefact = exported.facts.mode, exported.artefact
    worker: Worker | None = None
    try:
        reads = () if artefact is None else (artefact.parent,)
        worker, _ = await loaded_author(
            setting.nursery, setting.spec, setting.folder / f"diagnosis-{mode}", reads=reads
        )
        request = {
            "do": "diagnose",
            "mode": mode,
            "case": to_json(setting.base),
            "export": to_json(exported.facts),
            "failures": to_json(failures[:MOST_EXPLAINED]),
            "beside": beside,
            "artefact": None if artefact is None else str(artefact),
        }
        answer = raise_fault(await worker.call(request, LIMIT_S))["ok"]
        found = take_all(Cause, answer, "causes")
        return await localized(worker, mode, setting.base, failures, found)
    except (WorkerLost, ModelError) as error:
        return (Cause(cause="unknown", message=f"The search for the cause did not finish: {error}"),)
    finally:
        if worker is not None:
            await worker.kill()
