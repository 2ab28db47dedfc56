"""Stored runs → tidy DataFrames: one row a case, a sample, an element. Judged anew each time, so a tolerance re-colours all."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd

from tsdash import findings, plan
from tsdash.judge import NOT_RUN, judge, plain_rule
from tsdash.records import Record, Summary
from tsdash.spec import (
    BINS_A_DECADE,
    OUTCOMES,
    Case,
    CaseResult,
    Classes,
    Histogram,
    Judgement,
    Latency,
    OutputFacts,
    RunSpec,
)

HISTORY_COLUMNS = (
    "run",
    "started",
    "model",
    "source",
    "name",
    "verdict",
    "ship",
    "same",
    "cases",
    "speedups",
    "seconds",
    "torch",
    "modes",
    "pinned",
    "note",
)
NOT_YET = "Not run yet."
CHANGES = ("worse", "better", "same", "new", "gone")
CASE_COLUMNS = ("mode", "case", "varied", "label", "outcome", "detail", "hover", "max_abs", "plain_rule")


Judgements = Mapping[tuple[str, str], Judgement]  # by mode and case, as `rejudge` has them


def outcomes(record: Record, judgements: Judgements | None = None) -> pd.DataFrame:
    """Every planned (mode, case) of a run, one row each, grouped by what was varied; `not_run` until its result is there.

    Columns: CASE_COLUMNS. `label` is the short tick, `hover` the sentences for a pointer. `judgements` under another rule
    than that of `judge` take its place.
    """
    results = {(result.mode, result.case.id): result for result in record.results}
    known = judgements if judgements is not None else {key: judge(result) for key, result in results.items()}
    return _outcomes(record.spec, results, known)


def planned(spec: RunSpec) -> pd.DataFrame:
    """The same table for a run that has not begun."""
    return _outcomes(spec, {}, {})


def recoloured(table: pd.DataFrame, judgements: Judgements) -> pd.DataFrame:
    """The table of `outcomes` under other `judgements`, in a moment: all that does not depend on them is kept."""
    unknown = Judgement(outcome=NOT_RUN, detail=NOT_YET)
    found = [judgements.get(key, unknown) for key in zip(table["mode"].tolist(), table["case"].tolist(), strict=True)]
    heads = (hover.partition("\n")[0] for hover in table["hover"].tolist())
    return table.assign(
        outcome=[judgement.outcome for judgement in found],
        detail=[judgement.detail for judgement in found],
        hover=[f"{head}\n{judgement.detail}" for head, judgement in zip(heads, found, strict=True)],
    )


def _outcomes(spec: RunSpec, results: dict[tuple[str, str], CaseResult], judgements: Judgements) -> pd.DataFrame:
    rows = [
        _row(mode, case, spec.cases[0], results.get((mode, case.id)), judgements.get((mode, case.id)))
        for mode in spec.modes
        for case in spec.cases
    ]
    return pd.DataFrame(rows, columns=list(CASE_COLUMNS))


def _row(mode: str, case: Case, base: Case, result: CaseResult | None, judgement: Judgement | None) -> dict[str, Any]:
    outcome, detail = (NOT_RUN, NOT_YET) if judgement is None else (judgement.outcome, judgement.detail)
    words = plan.describe(case, base)
    return {
        "mode": mode,
        "case": case.id,
        "varied": case.varied,
        "label": label(case, base),
        "outcome": outcome,
        "detail": detail,
        "hover": f"{case.id}: {words}\n{detail}",
        "max_abs": max_abs(result),
        "plain_rule": None if result is None else plain_rule(result),
    }


def label(case: Case, base: Case) -> str:
    """The shortest text that tells a case from the others of its group."""
    if case.varied in case.dims:
        return str(case.dims[case.varied])
    if case.varied == "base":
        return "·".join(str(size) for size in case.dims.values()) or "base"
    if case.varied == "all dims":
        return "·".join(str(size) for size in case.dims.values())
    words = {
        "values": case.values,
        "dtype": case.dtype,
        "device": case.device,
        "layout": case.layout,
        "call": str(case.call),
        "seed": str(case.seed),
        "inputs": PurePath(case.inputs).name,
    }
    words |= {"training": "train" if case.training else "eval", "grad": "grad"}
    return words.get(case.varied) or plan.describe(case, base)


def max_abs(result: CaseResult | None) -> float | None:
    """The largest |Δ| of all outputs of a case; None where nothing was compared."""
    return max((facts.max_abs for facts in result.outputs), default=None) if result is not None else None


def cells(record: Record, judgements: Judgements | None = None) -> list[findings.Cell]:
    """(mode, case, outcome) of every planned cell, for the sentences that sum a run up; `judgements` as for `outcomes`."""
    known = judgements
    if known is None:
        known = {(result.mode, result.case.id): judge(result) for result in record.results}
    return [
        (mode, case, known[mode, case.id].outcome if (mode, case.id) in known else NOT_RUN)
        for mode in record.spec.modes
        for case in record.spec.cases
    ]


def changes(before: Record, after: Record) -> pd.DataFrame:
    """What became of every case that either run has, cases matched by their inputs, not by their number.

    Columns: mode, words, before, after (outcomes, or "absent"), change, one of CHANGES, and the number of the case in either
    run, case_before and case_after.
    """
    sides = [
        {(result.mode, plan.identity(result.case)): result for result in record.results} for record in (before, after)
    ]
    rows = []
    for key in dict.fromkeys((*sides[0], *sides[1])):
        results = [side.get(key) for side in sides]
        outcomes = ["absent" if result is None else judge(result).outcome for result in results]
        case = next(result.case for result in results if result is not None)
        rows.append(
            (
                key[0],
                plan.describe(case, case if case.varied == "base" else after.spec.cases[0]),
                *outcomes,
                _change(*outcomes),
                *(result.case.id if result else None for result in results),
            )
        )
    return pd.DataFrame(rows, columns=["mode", "words", "before", "after", "change", "case_before", "case_after"])


def _change(before: str, after: str) -> str:
    ranks = [OUTCOMES.index(outcome) if outcome in OUTCOMES else None for outcome in (before, after)]
    if ranks[0] is None or ranks[1] is None:
        return "same" if before == after else "new" if ranks[0] is None else "gone"
    return "same" if ranks[0] == ranks[1] else "worse" if ranks[1] > ranks[0] else "better"


def history(runs: Sequence[Summary]) -> pd.DataFrame:
    """Past runs, one row each, the newest first: run, started, model, source, name, verdict, ship, same (a share), cases, speedups,
    seconds, torch, modes, pinned, note. `verdict` is the state of a run that has none."""
    rows = [
        {
            "run": run.id,
            "started": datetime.datetime.fromtimestamp(run.created_at).strftime("%Y-%m-%d %H:%M"),
            "model": run.model,
            "source": run.source,
            "name": run.name,
            "verdict": run.digest["verdict"] if run.state == "done" and run.digest else run.state,
            "ship": (run.digest.get("ship") if run.state == "done" else None) or "—",
            "same": run.digest["same"] / run.digest["judged"] if run.digest.get("judged") else None,
            "cases": run.cases * len(run.modes),
            "speedups": list(run.digest.get("speedups", {}).values()),
            "seconds": run.seconds,
            "torch": run.torch,
            "modes": ", ".join(run.modes),
            "pinned": run.pinned,
            "note": run.note,
        }
        for run in runs
    ]
    return pd.DataFrame(rows, columns=list(HISTORY_COLUMNS))


def worst_elements(facts: OutputFacts) -> pd.DataFrame:
    """The elements that differ most: index, eager, exported, Δ."""
    rows = [
        (", ".join(map(str, element.index)), element.expected, element.actual, element.delta) for element in facts.worst
    ]
    return pd.DataFrame(rows, columns=["index", "eager", "exported", "delta"])


def pooled(results: Sequence[CaseResult]) -> Histogram | None:
    """All elements of all cases by |Δ| in one histogram; None where nothing was compared."""
    found = [facts.histogram for result in results for facts in result.outputs if facts.histogram is not None]
    if not found:
        return None
    low = min(one.low for one in found)
    counts = np.zeros(max((one.low - low) * BINS_A_DECADE + len(one.counts) for one in found), dtype=np.int64)
    for one in found:
        start = (one.low - low) * BINS_A_DECADE
        counts[start : start + len(one.counts)] += np.asarray(one.counts, dtype=np.int64)
    return Histogram(
        low=low,
        counts=tuple(counts.tolist()),
        zero=sum(one.zero for one in found),
        below=sum(one.below for one in found),
        above=sum(one.above for one in found),
        nonfinite=sum(one.nonfinite for one in found),
    )


def cases(record: Record) -> pd.DataFrame:
    """Every case with its choices, the facts of its worst output, and on a file of the user's own how often each side is right,
    for CSV and Parquet."""
    rows = []
    for result in record.results:
        judgement = judge(result)
        worst = max(result.outputs, key=lambda facts: facts.max_abs, default=None)
        facts = (
            {}
            if worst is None
            else {
                name: getattr(worst, name)
                for name in (
                    "path",
                    "max_abs",
                    "mean_abs",
                    "l2",
                    "max_rel",
                    "one_minus_cosine",
                    "max_ulp",
                    "over_plain",
                    "nan_disagree",
                    "inf_disagree",
                    "argmax_flips",
                )
            }
        )
        case = result.case
        choices = {
            name: getattr(case, name)
            for name in ("values", "dtype", "device", "layout", "training", "grad", "call", "seed", "varied")
        }
        rows.append(
            {
                "run": record.id,
                "mode": result.mode,
                "case": case.id,
                **case.dims,
                **choices,
                "outcome": judgement.outcome,
                "detail": judgement.detail,
                "plain_rule": plain_rule(result),
                **facts,
                "inputs": PurePath(case.inputs).name,
                **right(result.classes),
            }
        )
    return pd.DataFrame(rows)


def right(classes: Classes | None) -> dict[str, int | None]:
    """Of the rows of a file of inputs: how many there are, in how many both sides predict the same class, and where labels are
    known, in how many eager and the export are right. None is not known."""
    if classes is None:
        return dict.fromkeys(("rows", "same_class", "eager_right", "exported_right"))
    labels = classes.labels
    return {
        "rows": len(classes.expected),
        "same_class": findings.right(classes.actual, classes.expected),
        "eager_right": findings.right(classes.expected, labels) if labels else None,
        "exported_right": findings.right(classes.actual, labels) if labels else None,
    }


def samples(latencies: Sequence[Latency]) -> pd.DataFrame:
    """Every timed call, warm-up included: case, arm, phase, number, seconds."""
    rows = [
        (latency.case.id, arm.name, phase, number, seconds)
        for latency in latencies
        for arm in latency.arms
        for phase, series in (("warm-up", arm.warmup_s), ("steady", arm.samples_s))
        for number, seconds in enumerate(series, 1)
    ]
    return pd.DataFrame(rows, columns=["case", "arm", "phase", "call", "seconds"])
