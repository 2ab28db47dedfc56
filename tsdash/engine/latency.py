"""The timed part of a run: every mode beside eager, on the base case and at every other size that the sweep has.

The budget is shared: the base case gets half, the sizes the other half, each the same time, so that a cheap case gets more
calls than a dear one. Half a budget is never so small that a median would have no interval: `timing` sees to that.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from tsdash.engine.answers import take
from tsdash.engine.nursery import Nursery
from tsdash.engine.references import References, loaded_author, raise_fault
from tsdash.engine.workers import Worker, WorkerLost
from tsdash.errors import ModelError
from tsdash.spec import Alternation, CaseResult, Footprint, Latency, RunSpec, to_json

BUDGET_S = 3.0  # for each arm, where the user names no budget
MOST_SIZES = 12
MOST_ALTERNATING = 3
OVERRUN = 10  # times the budget, then the worker is killed

T = TypeVar("T")


async def measure(
    spec: RunSpec,
    nursery: Nursery,
    references: References,
    folder: Path,
    artefacts: dict[str, str],
    results: list[CaseResult],
) -> list[Latency]:
    """One Latency for each timed case, the base case first. It carries the footprints and the alternations of the run; with
    no arms and a note where nothing could be timed."""
    timed = _timed_cases(spec, artefacts, results)
    budget_s = spec.latency_s or BUDGET_S * (2 + len(artefacts))
    base = spec.cases[0]
    if not timed.get(base.id):
        return [
            Latency(case=base, arms=(), notes=("Latency could not be measured: no export returns on the base case.",))
        ]
    try:
        reads = [Path(artefact).parent for artefact in artefacts.values()]
        worker, _ = await loaded_author(nursery, spec, folder / "latency", reads=reads)
    except ModelError as error:
        return [Latency(case=base, arms=(), notes=(f"Latency could not be measured: {error}",))]
    found: list[Latency] = []
    alternations: tuple[Alternation, ...] = ()
    try:
        for case in (case for case in spec.cases if case.id in timed):
            share = 1.0 if len(timed) == 1 else 0.5 if case is base else 0.5 / (len(timed) - 1)
            request = {"do": "time", "case": to_json(case), "artefacts": timed[case.id], "budget_s": budget_s * share}
            found.append(await _ask(worker, request, Latency, OVERRUN * budget_s + spec.limits.case_s))
        alternations = await _alternations(spec, worker, artefacts, timed)
    except (WorkerLost, ModelError) as error:
        return found or [Latency(case=base, arms=(), notes=(f"Latency could not be measured: {error}",))]
    finally:
        await worker.kill()
    footprints = [await _footprint(spec, nursery, references, folder, mode, artefacts[mode]) for mode in timed[base.id]]
    found[0] = replace(found[0], alternations=alternations, footprints=tuple(taken for taken in footprints if taken))
    return found


async def _alternations(
    spec: RunSpec, worker: Worker, artefacts: dict[str, str], timed: dict[str, dict[str, str]]
) -> tuple[Alternation, ...]:
    """Every mode visited by turns at the base case and at its first other sizes."""
    found = []
    for mode in timed[spec.cases[0].id]:
        cases = [case for case in spec.cases if mode in timed.get(case.id, ())][:MOST_ALTERNATING]
        if len(cases) > 1:
            request = {"do": "alternate", "mode": mode, "artefact": artefacts[mode], "cases": to_json(cases)}
            found.append(await _ask(worker, request, Alternation, OVERRUN * spec.limits.case_s))
    return tuple(found)


def _timed_cases(spec: RunSpec, artefacts: dict[str, str], results: list[CaseResult]) -> dict[str, dict[str, str]]:
    """{case: {mode: artefact}}: the base case and the sizes, each with the modes that returned on it."""
    base = spec.cases[0]
    sizes = [base, *(case for case in spec.cases if case.varied in case.dims)][: MOST_SIZES + 1]
    returned = {(r.mode, r.case.id) for r in results if r.eager.ended == r.exported.ended == "returned"}
    timed = {case.id: {mode: path for mode, path in artefacts.items() if (mode, case.id) in returned} for case in sizes}
    return {case: modes for case, modes in timed.items() if modes}


async def _footprint(
    spec: RunSpec, nursery: Nursery, references: References, folder: Path, mode: str, artefact: str
) -> Footprint | None:
    """What the artefact takes in a process that has nothing else: seconds to load, of the first call, bytes at the peak."""
    reference = await references.of(spec.cases[0])
    if reference.inputs is None:
        return None
    place = folder / f"footprint-{mode}"
    place.mkdir(exist_ok=True)
    worker: Worker | None = None
    try:
        reads = [Path(artefact).parent, reference.inputs.parent]
        worker = await nursery.fork("clean", place, spec.limits.memory_mib, spec.limits.output_kib, reads=reads)
        request = {
            "do": "footprint",
            "mode": mode,
            "artefact": artefact,
            "case": to_json(spec.cases[0]),
            "inputs": str(reference.inputs),
        }
        return await _ask(worker, request, Footprint, spec.limits.load_s)
    except (WorkerLost, ModelError):
        return None
    finally:
        if worker is not None:
            await worker.kill()


async def _ask(worker: Worker, request: dict[str, Any], kind: type[T], limit_s: float) -> T:
    return take(kind, raise_fault(await worker.call(request, limit_s)), "ok")
