"""Facts → the outcome of a case → the verdict of a mode. Nothing here runs anything, so every stored run can be judged again.

The rule for numbers guesses no tolerance. Eager is run once more in float64, as the referee. The export passes when its error
against the referee is no more than a small factor of eager's own error plus a floor of a few roundings of the output's dtype:

    rms(actual − oracle) ≤ RMS_FACTOR · rms(expected − oracle) + RMS_FLOOR · eps · rms(oracle)
    max|actual − oracle| ≤ MAX_FACTOR · max|expected − oracle| + MAX_FLOOR · eps · max|oracle|

The first line is that of torch._dynamo.utils.same (multiplier 2, 3 for half precision, root mean square errors, a share of the
tolerance as floor); the second is ours, because a mean over 10⁷ elements does not see one that is wrong. eps is the spacing of
the dtype at 1. Where float64 does not run, the tolerances of torch.testing.assert_close for the dtype decide, and the detail says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tsdash import formats
from tsdash.spec import (
    OUTCOMES,
    PLAIN_TOLERANCE,
    CaseResult,
    Description,
    ErrorFacts,
    Judgement,
    OutputFacts,
    Side,
    Verdict,
)

NO_ARTEFACT = ("export_error", "timeout", "crash")
EAGERS_FAULT = {"raised": "raises", "timeout": "does not come to an end", "crash": "ends its process"}
MOST_LINES = 5  # of source that a reason names
GOOD = ("identical", "within_noise")  # outcomes that agree with eager
NOT_RUN = "not_run"  # no outcome: the case could not be made, or has not been reached

EPS = {
    "float16": 2.0**-10,
    "bfloat16": 2.0**-7,
    "float32": 2.0**-23,
    "float64": 2.0**-52,
    "complex64": 2.0**-23,
    "complex128": 2.0**-52,
}
RMS_FACTOR = 2.0  # torch._dynamo.utils.same: multiplier
HALF_RMS_FACTOR = 3.0  # … for float16 and bfloat16
RMS_FLOOR = 4.0
MAX_FACTOR = 4.0
MAX_FLOOR = 8.0
TESTING_TOLERANCES = {  # (rtol, atol) of torch.testing.assert_close
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """A limit that the user sets in place of the referee: |Δ| ≤ absolute everywhere."""

    absolute: float


def judge(result: CaseResult, tolerance: Tolerance | None = None) -> Judgement:
    """The outcome of one case, and the sentence that says why."""
    eager, exported = result.eager, result.exported
    if exported.ended == "export_error":
        return Judgement(outcome="export_error", detail=f"The export failed: {_first_line(exported.error)}")
    if eager.ended == exported.ended == "not_run" and exported.error is not None:
        return Judgement(outcome=NOT_RUN, detail=exported.error.message)
    if eager.ended in ("no_inputs", "not_run") and exported.ended not in ("timeout", "crash"):
        return Judgement(outcome=NOT_RUN, detail=f"Not run: {_first_line(eager.error)}" if eager.error else "Not run.")
    for name, side in (("eager", eager), ("the export", exported)):
        if side.ended == "bug":
            return Judgement(
                outcome=NOT_RUN, detail=f"tsdash itself failed while running {name}: {_last_line(side.error)}"
            )
        if side.ended in ("timeout", "crash"):
            return Judgement(outcome=side.ended, detail=f"In {name}: {_first_line(side.error)}.")
    if result.case.device == "meta":
        blind = _blind_probe(eager, exported)
        if blind:
            return Judgement(outcome=NOT_RUN, detail=blind)
    if eager.ended == "raised" and exported.ended == "raised":
        return Judgement(outcome="identical", detail=f"Both raise; eager: {_first_line(eager.error)}")
    if eager.ended == "raised":
        return Judgement(
            outcome="mismatch", detail=f"Eager raises and the export returns. Eager: {_first_line(eager.error)}"
        )
    if exported.ended == "raised":
        return Judgement(
            outcome="runtime_error", detail=f"Eager returns, the export raises: {_first_line(exported.error)}"
        )
    return _compared(result, tolerance)


def _blind_probe(eager: Side, exported: Side) -> str:
    """Why a run on the meta device says nothing; empty where it speaks. It has shapes but no values, so whatever asks for a
    value fails there, and only a complaint about devices tells that one was baked."""
    if eager.ended == "raised":
        return f"The meta device says nothing here: eager itself needs values. {_first_line(eager.error)}"
    message = exported.error.message.lower() if exported.error is not None else ""
    # A size divided by a constant: loading moves the constant to meta and leaves the size, which no real device does.
    if exported.ended == "raised" and ("device" not in message or "expected divisor (b)" in message):
        return f"The meta device says nothing here: the export needs values. {_first_line(exported.error)}"
    return ""


def _compared(result: CaseResult, tolerance: Tolerance | None) -> Judgement:
    if result.structure:
        first = result.structure[0]
        more = f", and {len(result.structure) - 1} more" if len(result.structure) > 1 else ""
        return Judgement(
            outcome="mismatch",
            detail=f"{first.path} has another {first.what}: {first.actual} instead of {first.expected}{more}.",
        )
    differing = [facts for facts in result.outputs if not facts.identical]
    if not differing:
        return Judgement(outcome="identical", detail="The same bits in every output.")
    for facts in differing:
        wrong = _wrong(facts, tolerance)
        if wrong:
            return Judgement(outcome="mismatch", detail=f"{facts.path}: {wrong}")
    worst = max(differing, key=lambda facts: facts.max_abs)
    return Judgement(outcome="within_noise", detail=f"{worst.path}: {_excuse(worst, tolerance)}")


def _wrong(facts: OutputFacts, tolerance: Tolerance | None) -> str:
    """Why the output is wrong; empty where the arithmetic explains the difference."""
    delta = formats.delta(facts.max_abs)
    if facts.nan_disagree:
        return (
            f"NaN on one side only in {formats.count(facts.nan_disagree)} of {formats.count(facts.elements)} elements."
        )
    if facts.inf_disagree:
        return (
            f"Inf on one side only in {formats.count(facts.inf_disagree)} of {formats.count(facts.elements)} elements."
        )
    if facts.dtype not in EPS:
        return f"{facts.dtype} values differ by up to {delta}, and this dtype has no rounding."
    if tolerance is not None:
        return (
            f"max |Δ| is {delta}, beyond {formats.delta(tolerance.absolute)}."
            if facts.max_abs > tolerance.absolute
            else ""
        )
    if not within_noise(facts):
        return f"max |Δ| is {delta}, {_referee(facts)}."
    flips = (facts.argmax_flips or 0) - facts.argmax_ties
    if flips > 0 and facts.flip_gap > noise_floor(facts):
        return f"the predicted class changes in {formats.count(flips)} of {formats.count(facts.argmax_rows or 0)} rows."
    return ""


def within_noise(facts: OutputFacts) -> bool:
    """Whether the arithmetic of the output's dtype explains the difference; see the module's docstring for the rule."""
    if facts.identical:
        return True
    if facts.dtype not in EPS:
        return False
    oracle, eps = facts.oracle, EPS[facts.dtype]
    if oracle is None:
        rtol, atol = TESTING_TOLERANCES[facts.dtype]
        return facts.max_abs <= atol or facts.max_rel <= rtol
    factor = HALF_RMS_FACTOR if eps > EPS["float32"] else RMS_FACTOR
    rms_ok = oracle.actual_rms <= factor * oracle.expected_rms + RMS_FLOOR * eps * oracle.scale_rms
    return rms_ok and oracle.actual_max <= MAX_FACTOR * oracle.expected_max + MAX_FLOOR * eps * oracle.scale_max


def noise_floor(facts: OutputFacts) -> float:
    """The largest |Δ| that the judge would excuse: both sides may be off by their own error."""
    if facts.dtype not in EPS:
        return 0.0
    if facts.oracle is None:
        return TESTING_TOLERANCES[facts.dtype][1]
    return (1 + MAX_FACTOR) * facts.oracle.expected_max + MAX_FLOOR * EPS[facts.dtype] * facts.oracle.scale_max


def plain_rule(result: CaseResult) -> bool | None:
    """The rule that every learner meets first: max |Δ| < 1e-5 and the same predicted class. None: nothing to compare."""
    if result.eager.ended != "returned" or result.exported.ended != "returned" or not result.outputs:
        return None
    return all(
        f.max_abs < PLAIN_TOLERANCE and not f.nan_disagree and not f.inf_disagree and not f.argmax_flips
        for f in result.outputs
    )


def _referee(facts: OutputFacts) -> str:
    if facts.oracle is None:
        return f"beyond torch.testing's tolerance for {facts.dtype} (float64 does not run here)"
    return f"and against float64 the export is off by {formats.delta(facts.oracle.actual_max)}, eager by {formats.delta(facts.oracle.expected_max)}"


def _excuse(facts: OutputFacts, tolerance: Tolerance | None) -> str:
    delta = formats.delta(facts.max_abs)
    if tolerance is not None:
        return f"max |Δ| is {delta}, within {formats.delta(tolerance.absolute)}."
    if facts.oracle is None:
        return f"max |Δ| is {delta}, within torch.testing's tolerance for {facts.dtype}."
    nearer = (
        "the export is nearer to float64"
        if facts.oracle.actual_rms < facts.oracle.expected_rms
        else "eager is nearer to float64"
    )
    return f"max |Δ| is {delta}, no more than {facts.dtype} arithmetic explains; {nearer}."


def verdict(
    results: Sequence[CaseResult],
    *,
    description: Description | None = None,
    planned: int | None = None,
    tolerance: Tolerance | None = None,
) -> Verdict:
    """What the cases of one mode come to. `planned` is how many cases the sweep has, where not all have run."""
    judged = [(result, judge(result, tolerance)) for result in results]
    judged = [(result, judgement) for result, judgement in judged if judgement.outcome != NOT_RUN]
    counts = Counter(judgement.outcome for _, judgement in judged)
    outcome = max(counts, key=OUTCOMES.index, default=NOT_RUN)
    fatal = [(result, judgement) for result, judgement in judged if counts_against(result, judgement)]
    doubts = _doubts(judged, description, planned)
    if _eagers_own_fault(judged, description):
        return Verdict(outcome=outcome, verdict="inconclusive", reasons=tuple(doubts))
    if fatal:
        return Verdict(outcome=outcome, verdict="do_not_ship", reasons=(*_against(fatal, len(judged)), *doubts))
    if doubts:
        return Verdict(outcome=outcome, verdict="inconclusive", reasons=tuple(doubts))
    return Verdict(outcome=outcome, verdict="ship", reasons=(*_in_favour(judged, counts), *_reached(description)))


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


def counts_against(result: CaseResult, judgement: Judgement) -> bool:
    """Whether this case alone forbids shipping: it went wrong, and on the export's side."""
    if judgement.outcome in ("identical", "within_noise", NOT_RUN):
        return False
    return not (judgement.outcome in ("timeout", "crash") and result.eager.ended in ("timeout", "crash"))


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
        return [*doubts, f"{fault}, so there is nothing to export from: {_first_line(base.error)}"]
    lost = [
        result
        for result, judgement in judged
        if judgement.outcome in ("timeout", "crash") and result.eager.ended in ("timeout", "crash")
    ]
    if lost:
        doubts.append(
            f"Eager itself did not finish in {len(lost)} of {len(judged)} cases, so they say nothing about the export."
        )
    if planned is not None and len(judged) < planned:
        skipped = planned - len(judged)
        if not judged or skipped > planned / 2:
            doubts.append(f"Only {len(judged)} of {planned} cases ran.")
    if (
        judged
        and not any(result.eager.ended == "returned" for result, _ in judged if result.exported.ended != "export_error")
        and not any(j.outcome == "export_error" for _, j in judged)
    ):
        doubts.append(f"Eager returned in none of the {len(judged)} cases: there is nothing to compare.")
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
        return ["They run every line and every branch of forward."]
    lines = f"{reach.lines_run} of {reach.lines} lines and {reach.branches_run} of {reach.branches} branches"
    named = ", ".join(f"{line.file} line {line.line} `{line.code}`" for line in reach.not_run[:MOST_LINES])
    more = f" and {len(reach.not_run) - MOST_LINES} more" if len(reach.not_run) > MOST_LINES else ""
    return [f"They run {lines} of forward" + (f", and never {named}{more}." if named else ".")]


def _against(fatal: Sequence[tuple[CaseResult, Judgement]], total: int) -> list[str]:
    """A sentence for each kind of failure, the worst kind first."""
    reasons = []
    for outcome in sorted({judgement.outcome for _, judgement in fatal}, key=OUTCOMES.index, reverse=True):
        group = [(result, judgement) for result, judgement in fatal if judgement.outcome == outcome]
        if outcome == "export_error":
            return [group[0][1].detail]
        axes = ", ".join(dict.fromkeys(result.case.varied for result, _ in group if result.case.varied != "base"))
        where = f" (varying {axes})" if axes and len(group) < total else ""
        reasons.append(f"{OUTCOME_WORDS[outcome]} in {len(group)} of {total} cases{where}: {group[0][1].detail}")
    return reasons


OUTCOME_WORDS = {
    "mismatch": "Wrong answers",
    "runtime_error": "The export raises where eager returns",
    "timeout": "Killed at the time limit",
    "crash": "The process died",
}


def _in_favour(judged: Sequence[tuple[CaseResult, Judgement]], counts: Counter[str]) -> list[str]:
    both_raise = sum(result.eager.ended == "raised" for result, _ in judged)
    total = len(judged)
    if counts["identical"] == total:
        reasons = [f"The same bits in all {total} cases."]
    else:
        reasons = [
            f"The same bits in {counts['identical']} of {total} cases, the other {counts['within_noise']} within the noise of the arithmetic."
        ]
    if both_raise:
        reasons.append(f"In {both_raise} of them both eager and the export raise.")
    return reasons


def _last_line(error: ErrorFacts | None) -> str:
    return error.message.strip().rpartition("\n")[2] if error is not None else "no message"


def _first_line(error: ErrorFacts | None) -> str:
    """The type and the first line of a message that says something."""
    if error is None:
        return "no message"
    lines = [line.strip() for line in error.message.splitlines() if line.strip()]
    telling = next(
        (line for line in lines if not line.startswith("The following operation failed in the TorchScript")),
        lines[0] if lines else "",
    )
    if "Traceback of TorchScript" in telling and len(lines) > 2:
        telling = lines[-1]
    shown = telling if len(telling) <= 240 else telling[:239] + "…"
    return shown if error.type in ("timeout", "crash", "ModelError") else f"{error.type}: {shown}"
