"""The timed part of a run: every mode beside eager, on the base case, with other numbers of threads, at every other size and on
every other device.

`budget` says how the time is shared. Modes whose exports are the same program are timed once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from tsdash import formats, plan
from tsdash.engine import budget
from tsdash.engine.answers import take
from tsdash.engine.nursery import Nursery
from tsdash.engine.references import References, loaded_author, raise_fault
from tsdash.engine.workers import Worker, WorkerLost
from tsdash.errors import ModelError
from tsdash.spec import Alternation, Case, CaseResult, Footprint, Latency, RunSpec, to_json

MOST_SIZES = 12
MOST_ALTERNATING = 3
DEVICE = "device"  # what a case varies that is timed elsewhere
OVERRUN = 10  # times the budget, then the worker is killed

T = TypeVar("T")
M = TypeVar("M", Alternation, Footprint)  # what is measured of a mode


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
    alike: dict[str, str] = {}
    try:
        alike = await _alike(worker, timed[base.id], spec.limits.load_s)
        costs_s = await _costs_s(worker, [case for case in spec.cases if case.id in timed], spec.limits.case_s)
        await _time_all(_Timing(spec, worker, timed, alike, costs_s), found)
        distinct = {mode: path for mode, path in artefacts.items() if mode not in alike}
        alternations = await _alternations(spec, worker, distinct, timed)
    except (WorkerLost, ModelError) as error:
        return found or [Latency(case=base, arms=(), notes=(f"Latency could not be measured: {error}",))]
    finally:
        await worker.kill()
    modes = [mode for mode in timed[base.id] if mode not in alike]
    footprints = [await _footprint(spec, nursery, references, folder, mode, artefacts[mode]) for mode in modes]
    found[0] = replace(
        found[0],
        alternations=_with_alike(alternations, alike),
        footprints=_with_alike([taken for taken in footprints if taken], alike),
    )
    return found


@dataclass(frozen=True)
class _Timing:
    """What every measurement of a run needs."""

    spec: RunSpec
    worker: Worker
    timed: dict[str, dict[str, str]]  # case → mode → artefact
    alike: dict[str, str]  # mode → the mode whose export is the same
    costs_s: dict[str, float]  # case → what a call of eager takes

    async def one(self, case: Case, threads: int, budget_s: float) -> Latency:
        """Time one case; the same export once, under all its names."""
        artefacts = {mode: path for mode, path in self.timed[case.id].items() if mode not in self.alike}
        request = {"do": "time", "case": to_json(case), "artefacts": artefacts, "budget_s": budget_s}
        limit_s = OVERRUN * budget_s + self.spec.limits.case_s
        taken = await _ask(self.worker, {**request, "threads": threads}, Latency, limit_s)
        twins = {arm.name: arm for arm in taken.arms}
        more = [
            replace(twins[same], name=mode, same_as=same)
            for mode, same in self.alike.items()
            if same in twins and mode in self.timed[case.id]
        ]
        return replace(taken, arms=(*taken.arms, *more))


async def _time_all(timing: _Timing, found: list[Latency]) -> None:
    """Add to `found`: the base case, with what it takes by other numbers of threads, then the sizes."""
    spec, base = timing.spec, timing.spec.cases[0]
    budget_s = budget.whole_s(spec.latency_s, len(timing.timed[base.id]) - len(timing.alike))
    until = time.monotonic() + budget_s
    first, *more_threads = spec.threads
    cases = [case for case in spec.cases if case.id in timing.timed and case is not base]
    plan = [(base, threads) for threads in more_threads] + [(case, first) for case in cases]
    jobs = {_job(case, threads, timing): (case, threads) for case, threads in plan}
    own = _job(base, first, timing)
    kept, dropped = budget.affordable(own, list(jobs), budget_s)
    found.append(await timing.one(base, first, budget.base_share(own, kept, budget_s)))
    if dropped:
        words = f"Not timed, for {budget_s:g} s are too few: {formats.joined([job.name for job in dropped])}."
        found[0] = replace(found[0], notes=(*found[0].notes, words))
    for i, job in enumerate(kept):
        case, threads = jobs[job]
        taken = await timing.one(case, threads, budget.share(job, kept[i + 1 :], until - time.monotonic()))
        if case is base:
            found[0] = replace(found[0], by_threads=(*found[0].by_threads, taken))
        else:
            found.append(taken)


def _job(case: Case, threads: int, timing: _Timing) -> budget.Job:
    base = timing.spec.cases[0]
    name = plan.describe(case, base) if case is not base else f"{threads} threads"
    arms = 2 + len(timing.timed[case.id]) - len(timing.alike)
    return budget.Job(name=name, round_s=arms * timing.costs_s.get(case.id, 0.0))


async def _costs_s(worker: Worker, cases: Sequence[Case], limit_s: float) -> dict[str, float]:
    request = {"do": "costs", "cases": to_json(cases)}
    return take(dict[str, float], raise_fault(await worker.call(request, 2 * len(cases) * limit_s)), "ok")


async def _alike(worker: Worker, artefacts: dict[str, str], limit_s: float) -> dict[str, str]:
    """{mode: an earlier mode whose export is the same program on the same weights}."""
    request = {"do": "fingerprints", "artefacts": artefacts}
    prints = take(dict[str, str], raise_fault(await worker.call(request, len(artefacts) * limit_s)), "ok")
    first: dict[str, str] = {}
    return {
        mode: first[prints[mode]]
        for mode in artefacts
        if prints.get(mode) and first.setdefault(prints[mode], mode) != mode
    }


def _with_alike(taken: Sequence[M], alike: dict[str, str]) -> tuple[M, ...]:
    """What was measured once, under the name of each mode that it holds for."""
    found = list(taken)
    for mode, same in alike.items():
        found += [replace(one, mode=mode) for one in taken if one.mode == same]
    return tuple(found)


async def _alternations(
    spec: RunSpec, worker: Worker, artefacts: dict[str, str], timed: dict[str, dict[str, str]]
) -> tuple[Alternation, ...]:
    """Every mode visited by turns at the base case and at its first other sizes."""
    found = []
    for mode in (mode for mode in timed[spec.cases[0].id] if mode in artefacts):
        cases = [case for case in spec.cases if mode in timed.get(case.id, ()) and case.varied != DEVICE]
        cases = cases[:MOST_ALTERNATING]
        if len(cases) > 1:
            request = {"do": "alternate", "mode": mode, "artefact": artefacts[mode], "cases": to_json(cases)}
            found.append(await _ask(worker, request, Alternation, OVERRUN * spec.limits.case_s))
    return tuple(found)


def _timed_cases(spec: RunSpec, artefacts: dict[str, str], results: list[CaseResult]) -> dict[str, dict[str, str]]:
    """{case: {mode: artefact}}: the base case, the sizes and the devices, each with the modes that returned on it."""
    base = spec.cases[0]
    sizes = [base, *(case for case in spec.cases if case.varied in case.dims)][: MOST_SIZES + 1]
    elsewhere = [case for case in spec.cases if case.varied == DEVICE and case.device not in (base.device, "meta")]
    returned = {(r.mode, r.case.id) for r in results if r.eager.ended == r.exported.ended == "returned"}
    timed = {
        case.id: {mode: path for mode, path in artefacts.items() if (mode, case.id) in returned}
        for case in (*sizes, *elsewhere)
    }
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
