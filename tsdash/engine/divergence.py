"""Where a wrong answer leaves eager, module by module, added to the cause that explains it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tsdash.engine.answers import take, take_all
from tsdash.engine.references import raise_fault
from tsdash.engine.workers import Worker, WorkerLost
from tsdash.errors import ModelError
from tsdash.judge import judge
from tsdash.spec import GIVEN, Case, CaseResult, Cause, Divergence, to_json

LIMIT_S = 20.0


async def localized(
    worker: Worker, mode: str, base: Case, failures: Sequence[CaseResult], causes: tuple[Cause, ...]
) -> tuple[Cause, ...]:
    """`causes`, the leading one with the modules of the first wrong answer that differs from the export in its inputs alone.

    Unchanged where there is none, or where `worker`, which has loaded the model, does not end.
    """
    cases = [result.case for result in failures if judge(result).outcome == "mismatch" and result.outputs]
    plain = [c for c in cases if (c.dtype, c.device, c.training, c.call) == (GIVEN, "cpu", None, 1)]
    if not causes or not plain:
        return causes
    request = {"do": "localize", "mode": mode, "base": to_json(base), "case": to_json(plain[0])}
    try:
        answer = raise_fault(await worker.call(request, LIMIT_S))["ok"]
        found = take_all(Divergence, answer, "divergence")
        said = (take(str, answer, "said"),) if "said" in answer else ()
    except (WorkerLost, ModelError):
        return causes
    return (replace(causes[0], divergence=found, evidence=(*causes[0].evidence, *said)), *causes[1:])
