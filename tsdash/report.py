"""What a user takes away: the report of CONTRACT, schema tsdash.check/1, made from a stored run."""

from __future__ import annotations

import datetime
import math
from typing import Any

from tsdash import contract, findings, stats, tables
from tsdash.exporters import EXPORTERS
from tsdash.judge import NOT_RUN, Tolerance, plain_rule
from tsdash.libraries import libraries
from tsdash.records import Record
from tsdash.rejudge import Rejudged, rejudge
from tsdash.search import sentences
from tsdash.search.found import Found
from tsdash.search.found import found as found_by_search
from tsdash.spec import CONTROL, EAGER, CaseResult, Cause, Export, Latency, to_json
from tsdash.verdicts import recommendation

SCHEMA = "tsdash.check/1"


def check_report(record: Record, tolerance: Tolerance | None = None) -> dict[str, Any]:
    """The run as CONTRACT's JSON, judged by `tolerance` where there is one. Numbers that are not finite are null: their counts
    say how many there were."""
    judged = rejudge(record, tolerance)
    found = judged.verdicts
    report = {
        "schema": SCHEMA,
        "tsdash": record.environment.get("tsdash"),
        "created_at": datetime.datetime.fromtimestamp(record.created_at, datetime.timezone.utc).isoformat(
            timespec="seconds"
        ),
        "run": record.id,
        "state": record.state,
        "environment": record.environment,
        "model": _model(record),
        "sweep": {
            **record.sweep,
            "planned": len(record.spec.cases) * len(record.spec.modes),
            "done": len(record.swept),
        },
        "tolerance": None if tolerance is None else tolerance.absolute,
        "modes": {mode: _mode(record, mode, judged, tolerance) for mode in record.spec.modes},
        "recommendation": to_json(recommendation(record, found)),
    }
    return dict(_finite(report))


def _model(record: Record) -> dict[str, Any]:
    source, description = record.spec.model, record.description
    facts: dict[str, Any] = {
        "name": source.name,
        "source": source.filename,
        "kind": source.kind,
        "sha256": source.sha256,
    }
    if record.spec.saved is not None:
        facts["artefact"] = to_json(record.spec.saved)
    if description is None:
        return {**facts, "parameters": None, "dims": {}}
    return {**facts, **to_json(description)}


def _mode(record: Record, mode: str, rejudged: Rejudged, tolerance: Tolerance | None) -> dict[str, Any]:
    found = rejudged.verdicts[mode]
    judged = [(result, rejudged.judgements[mode, result.case.id]) for result in record.of(mode)]
    return {
        "outcome": found.outcome,
        "verdict": found.verdict,
        "reasons": list(found.reasons),
        "export": _export(record.exports.get(mode)),
        "runtime": runtime(record, mode),
        "cases": [
            _case(result, judgement.outcome, judgement.detail)
            for result, judgement in judged
            if judgement.outcome != NOT_RUN
        ],
        "skipped": [
            {**to_json(result.case), "detail": judgement.detail}
            for result, judgement in judged
            if judgement.outcome == NOT_RUN
        ],
        "contract": {
            "kept": list(contract.kept(record.exports.get(mode), judged)),
            "notable": list(contract.notable(record.exports.get(mode), judged)),
            "changes": to_json(record.exports[mode].contract) if mode in record.exports else [],
        },
        "causes": [_cause(cause) for cause in record.causes.get(mode, ())],
        "divergence": [module for cause in record.causes.get(mode, ()) for module in to_json(cause.divergence)],
        "coverage": _coverage(record),
        "latency": _latency(record, mode) if record.latencies else {},
        "search": _search(found_by_search(record, mode, tolerance)),
    }


def _search(found: Found) -> dict[str, Any]:
    """What narrowing the failures down found, each with its sentence; `torch_export` is the range that torch.export allows."""
    return {
        "sentences": list(found.sentences),
        "frontiers": [
            {
                **to_json(edge),
                "monotone": edge.monotone,
                "torch_export": to_json(found.allowed.get(edge.dim)),
                "sentence": sentences.frontier(edge, found.allowed.get(edge.dim)),
            }
            for edge in found.frontiers
        ],
        "flips": [{**to_json(flip), "sentence": sentences.flip(flip)} for flip in found.flips],
        "smallest": [{**to_json(case), "sentence": sentences.shrunk(case, found.base)} for case in found.smallest],
        "cases": found.cases,
    }


def _coverage(record: Record) -> dict[str, Any] | None:
    """What of the user's own forward the sweep ran; None where it was not measured."""
    reach = record.description.reach if record.description is not None else None
    if reach is None:
        return None
    return {
        "lines": {"run": reach.lines_run, "total": reach.lines},
        "branches": {"run": reach.branches_run, "total": reach.branches},
        "not_run": to_json(reach.not_run),
        "one_sided": to_json(reach.one_sided),
    }


def runtime(record: Record, mode: str) -> dict[str, Any] | None:
    """What the artefact needs where it runs, and what becomes of the mode; None for a mode that this version lacks."""
    exporter, export = EXPORTERS.get(mode), record.exports.get(mode)
    if exporter is None:
        return None
    return {
        "needs": [*exporter.runtime, *(libraries(export) if export else ())],
        "without_python": exporter.without_python,
        "deprecated": exporter.deprecated,
        "future": exporter.future,
    }


def _cause(cause: Cause) -> dict[str, Any]:
    facts = to_json(cause)
    return {name: facts[name] for name in facts if name != "divergence"}


def _export(export: Export | None) -> dict[str, Any] | None:
    if export is None:
        return None
    facts = to_json(export)
    return {name: facts[name] for name in ("seconds", "artefact_bytes", "warnings", "error", "ended")}


def _case(result: CaseResult, outcome: str, detail: str) -> dict[str, Any]:
    return {
        **to_json(result.case),
        "outcome": outcome,
        "detail": detail,
        "plain_rule": plain_rule(result),
        "outputs": to_json(result.outputs),
        "structure": to_json(result.structure),
        "eager": to_json(result.eager),
        "exported": to_json(result.exported),
        "notes": list(result.notes),
        "contract": [{**to_json(change), "counts": contract.counts(change)} for change in result.contract],
        "noise": to_json(result.noise),
        "classes": None if result.classes is None else {**to_json(result.classes), **tables.right(result.classes)},
    }


def _latency(record: Record, mode: str) -> dict[str, Any]:
    """The mode beside eager on the base case and at other sizes, its footprint, and when it has paid for itself. Seconds."""
    base = record.latencies[0]
    facts = _timed(base, mode)
    footprint = next((taken for taken in base.footprints if taken.mode == mode), None)
    export = record.exports.get(mode)
    if footprint is not None:
        facts["footprint"] = to_json(footprint)
    if export is not None and "exported" in facts:
        found = stats.break_even(base, mode, export_s=export.seconds)
        if found is not None:
            facts["break_even_calls"] = found.calls
            facts["break_even"] = {**to_json(found), "sentence": findings.paid_back(found)}
    facts["by_threads"] = [_timed(latency, mode) for latency in base.by_threads]
    facts["sizes"] = [
        {"dims": latency.case.dims, "device": latency.case.device, **_timed(latency, mode)}
        for latency in record.latencies[1:]
    ]
    facts["alternation"] = to_json([taken for taken in base.alternations if taken.mode == mode])
    return facts


def _timed(latency: Latency, mode: str) -> dict[str, Any]:
    """Median and percentiles of the mode and of eager in seconds, and the speed-up with its interval."""
    arms = {arm.name: arm for arm in latency.arms}
    if mode not in arms or EAGER not in arms or CONTROL not in arms:
        return {"notes": list(latency.notes)}
    facts: dict[str, Any] = {
        "case": latency.case.id,
        "threads": latency.threads,
        "calls_per_sample": latency.calls_per_sample,
        "speedup": to_json(stats.speedup(arms[EAGER], arms[mode], arms[CONTROL])),
        "notes": [*latency.notes, *stats.disturbances(latency)],
        "noisy": bool(stats.disturbances(latency)),
        "same_as": arms[mode].same_as,
        "machine": {
            "load_average": latency.load_average,
            "cpus": latency.cpus,
            "involuntary_switches": latency.involuntary_switches,
            "frequency_mhz": latency.frequency_mhz,
            "stolen_share": latency.stolen_share,
            "sentence": findings.machine(latency),
        },
    }
    for name, arm in (("eager", arms[EAGER]), ("exported", arms[mode])):
        percentiles = {f"p{round(100 * q)}_s": stats.percentile(arm.samples_s, q) for q in stats.PERCENTILES}
        facts[name] = {
            "samples": len(arm.samples_s),
            "first_call_s": arm.warmup_s[0] if arm.warmup_s else None,
            "warmup_calls": len(arm.warmup_s),
            "steady_after": stats.settled_after(arm.warmup_s),
            "median_s": stats.median(arm.samples_s),
            **percentiles,
        }
    return facts


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value
