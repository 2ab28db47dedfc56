"""Outcomes → the verdict of a mode → what a whole run comes to: the mode to ship, and a digest for lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tsdash import caveats, contract, formats, stats
from tsdash.exporters import EXPORTERS
from tsdash.judge import GOOD, NOT_RUN, both_raise, counts_against, eager_lost, first_line, judge
from tsdash.libraries import libraries
from tsdash.recommendation import Contender, Recommendation, recommend
from tsdash.records import Record
from tsdash.spec import OUTCOMES, SEARCH, VERDICTS, CaseResult, Description, Judgement, Side, Verdict

NO_ARTEFACT = ("export_error", "timeout", "crash")
EAGERS_FAULT = {"raised": "raises", "timeout": "does not come to an end", "crash": "ends its process"}
MOST_LINES = 5  # of source that a reason names


def verdict(
    results: Sequence[CaseResult],
    *,
    description: Description | None = None,
    planned: int | None = None,
    judgements: Sequence[Judgement] | None = None,
) -> Verdict:
    """What the cases of one mode come to. `planned` is how many cases the sweep has, where not all have run; `judgements` are
    those of the results, where they have been judged already."""
    found = judgements if judgements is not None else [judge(result) for result in results]
    known = list(zip(results, found, strict=True))
    judged = [(result, judgement) for result, judgement in known if judgement.outcome != NOT_RUN]
    swept = [(result, judgement) for result, judgement in judged if result.case.varied != SEARCH]
    raised = sum(both_raise(result) for result, _ in swept)
    counts = Counter(judgement.outcome for _, judgement in judged)
    telling = [judgement.outcome for result, judgement in judged if not eager_lost(result, judgement)]
    outcome = max(telling or counts, key=OUTCOMES.index, default=NOT_RUN)
    fatal = [(result, judgement) for result, judgement in judged if counts_against(result, judgement)]
    doubts = [*_doubts(judged, description, planned), *caveats.untried_devices(known)]
    if _eagers_own_fault(judged, description):
        return Verdict(outcome=outcome, verdict="inconclusive", reasons=tuple(doubts), raised=raised)
    altered = _altered(judged)
    if fatal or altered:
        notes = caveats.caveats(swept, description, agree=False)
        reasons = (*_against(fatal, len(swept)), *altered, *doubts, *notes)
        return Verdict(outcome=outcome, verdict="do_not_ship", reasons=reasons, raised=raised)
    if empty := caveats.nothing_but_nan(judged):
        return Verdict(outcome=outcome, verdict="inconclusive", reasons=(empty, *doubts), raised=raised)
    notes = caveats.caveats(swept, description, agree=True)
    if doubts:
        return Verdict(outcome=outcome, verdict="inconclusive", reasons=(*doubts, *notes), raised=raised)
    reasons = (_in_favour(swept, raised), *notes, *_reached(description))
    return Verdict(outcome=outcome, verdict="ship", reasons=reasons, raised=raised)


def _eagers_own_fault(judged: Sequence[tuple[CaseResult, Judgement]], description: Description | None) -> bool:
    """Whether eager leaves nothing to judge an export by: it does not repeat itself, or raises where it is exported from."""
    failures = [result.exported.error for result, judgement in judged if judgement.outcome == "export_error"]
    restless = description is not None and not description.deterministic
    refused = any(error is not None and error.type != "TracingCheckError" for error in failures)
    return (restless and not refused) or _base_fails(judged) is not None


def _base_fails(judged: Sequence[tuple[CaseResult, Judgement]]) -> Side | None:
    """Eager's side of the base case, where it did not return from the inputs that the export was to be made from."""
    unexported = [r for r, _ in judged if r.case.varied == "base" and r.exported.ended in NO_ARTEFACT]
    return next((r.eager for r in unexported if r.eager.ended in EAGERS_FAULT), None)


def _doubts(
    judged: Sequence[tuple[CaseResult, Judgement]], description: Description | None, planned: int | None
) -> list[str]:
    doubts = []
    if description is not None and not description.deterministic:
        doubts.append(
            "Eager is not deterministic: two calls with the same inputs under one seed differ, so no export can be judged by its values."
        )
    base = _base_fails(judged)
    if base is not None:
        fault = f"Eager itself {EAGERS_FAULT[base.ended]} on the base inputs"
        return [*doubts, f"{fault}, so there is nothing to export from: {first_line(base.error)}"]
    lost = sum(eager_lost(result, judgement) for result, judgement in judged)
    if lost:
        doubts.append(
            f"Eager itself did not finish in {lost} of {formats.counted(len(judged), 'case')}: nothing is known of the export there."
        )
    ran = sum(result.case.varied != SEARCH for result, _ in judged)
    if planned is not None and ran < planned and (not ran or planned - ran > planned / 2):
        doubts.append(f"Only {ran} of {formats.counted(planned, 'case')} ran.")
    if (
        judged
        and not any(result.eager.ended == "returned" for result, _ in judged if result.exported.ended != "export_error")
        and not any(j.outcome == "export_error" for _, j in judged)
    ):
        doubts.append(f"Eager returned in none of {formats.counted(len(judged), 'case')}: there is nothing to compare.")
    if description is not None and description.reach is not None and judged and judged[0][0].mode.startswith("trace"):
        for line in description.reach.one_sided[:MOST_LINES]:
            doubts.append(
                f"{line.file} line {line.line}, `{line.code}`, goes the same way in every case, and a trace keeps only that way: nothing here says what it answers on the other."
            )
    return doubts


def _reached(description: Description | None) -> list[str]:
    """How much of forward a verdict speaks for, and the lines that it does not."""
    reach = description.reach if description is not None else None
    if reach is None:
        return []
    if not reach.not_run and reach.branches_run == reach.branches:
        return ["The cases run every line and every branch of forward."]
    lines = f"{reach.lines_run} of {reach.lines} lines and {reach.branches_run} of {reach.branches} branches"
    named = ", ".join(f"{line.file} line {line.line} `{line.code}`" for line in reach.not_run[:MOST_LINES])
    more = f" and {len(reach.not_run) - MOST_LINES} more" if len(reach.not_run) > MOST_LINES else ""
    return [f"The cases run {lines} of forward" + (f", and never {named}{more}." if named else ".")]


def _against(fatal: Sequence[tuple[CaseResult, Judgement]], total: int) -> list[str]:
    """A sentence for each kind of failure, the worst kind first. A search is told of where no planned case failed like that."""
    reasons = []
    for outcome in sorted({judgement.outcome for _, judgement in fatal}, key=OUTCOMES.index, reverse=True):
        alike = [(result, judgement) for result, judgement in fatal if judgement.outcome == outcome]
        group = [(result, judgement) for result, judgement in alike if result.case.varied != SEARCH]
        if not group:
            found = f"{len(alike)} more that the search made"
            reasons.append(f"{OUTCOME_WORDS[outcome]} in {found}: {alike[0][1].detail}")
            continue
        if outcome == "export_error":
            return [group[0][1].detail]
        axes = ", ".join(dict.fromkeys(result.case.varied for result, _ in group if result.case.varied != "base"))
        where = f" (varying {axes})" if axes and len(group) < total else ""
        of_all = f"{len(group)} of {formats.counted(total, 'case')}"
        reasons.append(f"{OUTCOME_WORDS[outcome]} in {of_all}{where}: {group[0][1].detail}")
    return reasons


OUTCOME_WORDS = {
    "mismatch": "Wrong answers",
    "runtime_error": "The export raises where eager returns",
    "timeout": "Killed at the time limit",
    "crash": "The process died",
}


def _altered(judged: Sequence[tuple[CaseResult, Judgement]]) -> list[str]:
    """A sentence for each difference beside the outputs that counts (see `contract`), with the number of its cases."""
    counting = Counter(
        contract.sentence(change) for result, _ in judged for change in result.contract if contract.counts(change)
    )
    total = len(judged)
    every = "every case" if total > 1 else "the one case"
    return [
        f"In {every if n == total else f'{n} of {total} cases'} a caller sees that {said}"
        for said, n in counting.most_common(MOST_LINES)
    ]


def _in_favour(swept: Sequence[tuple[CaseResult, Judgement]], raised: int) -> str:
    """In how many of the planned cases what agrees. `raised`: in so many both raise."""
    total, noisy = len(swept), sum(judgement.outcome == "within_noise" for _, judgement in swept)
    if raised == total:
        return f"In {formats.every(total, 'case')} both raise."
    agreeing = (("The same bits", total - noisy - raised), ("Within the noise of the arithmetic", noisy))
    (what, n), *others = [(what, n) for what, n in agreeing if n]
    text = f"{what} in {formats.every(total, 'case') if n == total else f'{n} of {total} cases'}"
    for what, n in others:
        text += f", {'in' if raised else 'the other'} {n} {what[0].lower()}{what[1:]}"
    return f"{text}; in {raised} both raise." if raised else f"{text}."


def verdicts(record: Record) -> dict[str, Verdict]:
    """The verdict of every mode of the run, in the order asked for."""
    planned = len(record.spec.cases)
    return {
        mode: verdict(record.of(mode), description=record.description, planned=planned) for mode in record.spec.modes
    }


def refusal(record: Record) -> str:
    """Why nothing could be judged: eager raises on the base inputs, and returned in no case. Else empty."""
    base = record.spec.cases[0]
    sides = [result.eager for result in record.results if result.case == base and result.eager.ended == "raised"]
    if not sides or any(result.eager.ended == "returned" for result in record.results):
        return ""
    error = sides[0].error
    line = f" ({error.file} line {error.line})" if error is not None and error.file and error.line else ""
    said = first_line(error).rstrip(".")
    return f"Nothing could be judged: eager itself raises on the base inputs: {said}{line}. Give inputs that forward takes."


def speed_ups(record: Record) -> dict[str, stats.Speedup]:
    """The speed-up of every mode on the base case; none where timing failed or was not asked for."""
    timed = next((latency for latency in record.latencies if latency.arms), None)
    return stats.speedups(timed) if timed else {}


def recommendation(
    record: Record, found: Mapping[str, Verdict], speeds: Mapping[str, stats.Speedup] | None = None
) -> Recommendation:
    """The mode to ship, with its reasons. `speeds` are those of `speed_ups`, where the caller has them already."""
    speeds = speed_ups(record) if speeds is None else speeds
    return recommend([_contender(record, mode, found[mode], speeds.get(mode)) for mode in found if mode in EXPORTERS])


def _contender(record: Record, mode: str, found: Verdict, speed_up: stats.Speedup | None) -> Contender:
    exporter, export = EXPORTERS[mode], record.exports.get(mode)
    answered = (result for result in record.swept if result.mode == mode and not both_raise(result))
    outcomes = [judge(result).outcome for result in answered]
    return Contender(
        mode=mode,
        verdict=found.verdict,
        reason=next(iter(found.reasons), ""),
        agreeing=sum(outcome in GOOD for outcome in outcomes),
        judged=sum(outcome != NOT_RUN for outcome in outcomes),
        runtime=(*exporter.runtime, *(libraries(export) if export else ())),
        without_python=exporter.without_python,
        deprecated=exporter.deprecated,
        future=exporter.future,
        keeps=(exporter.casts, exporter.branches),
        speed_up=speed_up,
    )


def digest(record: Record) -> dict[str, Any]:
    """A run in a line: the worst verdict, the mode to ship, how many of the cases agree, the speed-ups by mode."""
    found = verdicts(record)
    outcomes = [judge(result).outcome for result in record.swept]
    speeds = speed_ups(record)
    return {
        "verdict": max((verdict.verdict for verdict in found.values()), key=VERDICTS.index),
        "ship": recommendation(record, found, speeds).mode,
        "same": sum(outcome in GOOD for outcome in outcomes),
        "judged": sum(outcome != NOT_RUN for outcome in outcomes),
        "speedups": {mode: speedup.ratio for mode, speedup in speeds.items()},
    }
