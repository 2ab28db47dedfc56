"""Facts → the outcome of a case. Nothing here runs anything, so every stored run can be judged again.

The rule for numbers guesses no tolerance. Eager is run once more in float64, as the referee. The export passes when its error
against the referee is no more than a small factor of eager's own error plus a floor of a few roundings of the output's dtype:

    rms(actual − oracle) ≤ RMS_FACTOR · rms(expected − oracle) + RMS_FLOOR · eps · rms(oracle)
    max|actual − oracle| ≤ MAX_FACTOR · max|expected − oracle| + MAX_FLOOR · eps · max|oracle|

The first line is that of torch._dynamo.utils.same (multiplier 2, 3 for half precision, root mean square errors, a share of the
tolerance as floor); the second is ours, because a mean over 10⁷ elements does not see one that is wrong. eps is the spacing of
the dtype at 1. Where float64 does not run, or evidently computes something else, the tolerances of torch.testing.assert_close for the dtype decide, and the detail says so.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tsdash import contract, formats
from tsdash.spec import (
    PLAIN_TOLERANCE,
    CaseResult,
    ErrorFacts,
    Judgement,
    Noise,
    OutputFacts,
    Side,
)

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
DISTRUST_SHARE = 0.1  # see `_trusting`
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
    """A limit that the user sets in place of the referee: |Δ| ≤ absolute everywhere.

    It has no say over NaN, integers and structure. A class that changes within it needs no rule of its own: the two
    candidates are then no further apart than twice the limit.
    """

    absolute: float

    @functools.cached_property
    def words(self) -> str:
        return formats.delta(self.absolute)


@dataclass(frozen=True, kw_only=True)
class Margin:
    """An output as a tolerance sees it. `words` begin the sentence that says on which side of the tolerance it lies."""

    max_abs: float
    words: str


def judge(result: CaseResult, tolerance: Tolerance | None = None) -> Judgement:
    """The outcome of one case, and the sentence that says why."""
    if tolerance is not None and (limits := margins(result)):
        return hold(limits, tolerance)
    eager, exported = result.eager, result.exported
    if exported.ended == "export_error":
        why = (
            "Eager itself raises here, so nothing could be exported" if eager.ended == "raised" else "The export failed"
        )
        return Judgement(outcome="export_error", detail=f"{why}: {first_line(exported.error)}")
    if eager.ended == exported.ended == "not_run" and exported.error is not None:
        return Judgement(outcome=NOT_RUN, detail=exported.error.message)
    if eager.ended in ("no_inputs", "not_run") and exported.ended not in ("timeout", "crash"):
        return Judgement(outcome=NOT_RUN, detail=f"Not run: {first_line(eager.error)}" if eager.error else "Not run.")
    for name, side in (("eager", eager), ("the export", exported)):
        if side.ended == "bug":
            return Judgement(
                outcome=NOT_RUN, detail=f"tsdash itself failed while running {name}: {_last_line(side.error)}"
            )
        if side.ended in ("timeout", "crash"):
            return Judgement(outcome=side.ended, detail=f"In {name}: {first_line(side.error)}.")
    if result.case.device == "meta":
        blind = _blind_probe(eager, exported)
        if blind:
            return Judgement(outcome=NOT_RUN, detail=blind)
    if both_raise(result):
        return Judgement(outcome="identical", detail=f"Both raise; eager: {first_line(eager.error)}")
    if eager.ended == "raised":
        return Judgement(
            outcome="mismatch", detail=f"Eager raises and the export returns. Eager: {first_line(eager.error)}"
        )
    if exported.ended == "raised":
        return Judgement(
            outcome="runtime_error", detail=f"Eager returns, the export raises: {first_line(exported.error)}"
        )
    return _compared(result)


def _blind_probe(eager: Side, exported: Side) -> str:
    """Why a run on the meta device says nothing; empty where it speaks. It has shapes but no values, so whatever asks for a
    value fails there, and only a complaint about devices tells that one was baked."""
    if eager.ended == "raised":
        return f"The meta device says nothing here: eager itself needs values. {first_line(eager.error)}"
    message = _complaint(exported.error)
    # A size divided by a constant: loading moves the constant to meta and leaves the size, which no real device does.
    if exported.ended == "raised" and ("device" not in message or "expected divisor (b)" in message):
        return f"The meta device says nothing here: the export needs values. {first_line(exported.error)}"
    return ""


def _complaint(error: ErrorFacts | None) -> str:
    """What an error says in the end, in small letters: TorchScript's quotes code first, which may speak of devices itself."""
    message = error.message if error is not None else ""
    return (message.rpartition("Error: ")[2] if "Traceback of TorchScript" in message else message).lower()


def _compared(result: CaseResult) -> Judgement:
    if result.structure:
        first = result.structure[0]
        more = f", and {len(result.structure) - 1} more" if len(result.structure) > 1 else ""
        return Judgement(
            outcome="mismatch",
            detail=f"{first.path} has another {first.what}: {first.actual} instead of {first.expected}{more}.",
        )
    differing = [_trusting(facts, result.noise) for facts in result.outputs if not facts.identical]
    if not differing:
        what = (
            "Every output is NaN on both sides, and nothing else."
            if only_nan(result)
            else "The same bits in every output."
        )
        return Judgement(outcome="identical", detail=f"{what}{_beside(result)}")
    for reason in (_broken, _beyond_noise):
        for facts in differing:
            if wrong := reason(facts):
                return Judgement(outcome="mismatch", detail=f"{facts.path}: {wrong}")
    worst = max(differing, key=lambda facts: facts.max_abs)
    return Judgement(
        outcome="within_noise",
        detail=f"{worst.path}: {_excuse(worst)}{_measured(result.noise, worst)}{_beside(result)}",
    )


def margins(result: CaseResult) -> tuple[Margin, ...]:
    """What a tolerance decides the case by: every output that differs. Empty where a tolerance has no say."""
    if result.eager.ended != "returned" or result.exported.ended != "returned" or result.structure:
        return ()
    differing = [facts for facts in result.outputs if not facts.identical]
    if any(_broken(facts) for facts in differing):
        return ()
    return tuple(
        Margin(max_abs=facts.max_abs, words=f"{facts.path}: max |Δ| is {formats.delta(facts.max_abs)}")
        for facts in differing
    )


def hold(limits: Sequence[Margin], tolerance: Tolerance) -> Judgement:
    """The outcome of a case by the user's own tolerance."""
    for margin in limits:
        if not margin.max_abs <= tolerance.absolute:
            return Judgement(outcome="mismatch", detail=f"{margin.words}, beyond {tolerance.words}.")
    worst = max(limits, key=lambda margin: margin.max_abs)
    return Judgement(outcome="within_noise", detail=f"{worst.words}, within {tolerance.words}.")


def _trusting(facts: OutputFacts, noise: Sequence[Noise]) -> OutputFacts:
    """The facts without their referee where float64 evidently computes something else: a model that decides by dtype.

    Then eager is off by a large share of the output itself, and yet hardly moves when its inputs do.
    """
    oracle, moved = facts.oracle, [other.max_abs for other in noise if other.path == facts.path]
    if oracle is None or not moved or oracle.expected_rms <= DISTRUST_SHARE * oracle.scale_rms:
        return facts
    return replace(facts, oracle=None) if max(moved) < DISTRUST_SHARE * facts.max_abs else facts


def _broken(facts: OutputFacts) -> str:
    """Why the output is wrong whatever the tolerance; empty where it is not."""
    for name, count in (("NaN", facts.nan_disagree), ("Inf", facts.inf_disagree)):
        if count:
            return f"{name} on one side only in {formats.count(count)} of {formats.count(facts.elements)} elements."
    if facts.dtype not in EPS:
        return f"{facts.dtype} values differ by up to {formats.delta(facts.max_abs)}, and this dtype has no rounding."
    return ""


def _beyond_noise(facts: OutputFacts) -> str:
    """Why the output is wrong by the referee; empty where the arithmetic explains the difference."""
    if not within_noise(facts):
        return f"max |Δ| is {formats.delta(facts.max_abs)}, {_referee(facts)}."
    flips = (facts.argmax_flips or 0) - facts.argmax_ties
    if flips > 0 and facts.flip_gap > noise_floor(facts):
        return f"the predicted class changes in {formats.count(flips)} of {formats.count(facts.argmax_rows or 0)} rows."
    return ""


def _beside(result: CaseResult) -> str:
    """What a caller sees beside the outputs, where the export differs in it."""
    change = next((change for change in result.contract if contract.counts(change)), None)
    return "" if change is None else f" But {contract.sentence(change)}"


def _measured(noise: Sequence[Noise], facts: OutputFacts) -> str:
    """What moves eager itself as far as the export is off, where that was measured."""
    enough = [moved for moved in noise if moved.path == facts.path and moved.max_abs >= facts.max_abs]
    if not enough:
        return ""
    least = min(enough, key=lambda moved: moved.max_abs)
    return f" Eager itself moves by {formats.delta(least.max_abs)} when {least.words}."


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
        return f"beyond torch.testing's tolerance for {facts.dtype} (float64 is no referee here)"
    return f"and against float64 the export is off by {formats.delta(facts.oracle.actual_max)}, eager by {formats.delta(facts.oracle.expected_max)}"


def _excuse(facts: OutputFacts) -> str:
    delta = formats.delta(facts.max_abs)
    if facts.oracle is None:
        return f"max |Δ| is {delta}, within torch.testing's tolerance for {facts.dtype}."
    nearer = "the export" if facts.oracle.actual_rms < facts.oracle.expected_rms else "eager"
    return f"max |Δ| is {delta}, no more than {facts.dtype} arithmetic explains; {nearer} is nearer to float64, by the rms error."


def only_nan(result: CaseResult) -> bool:
    """Whether both sides give NaN in every element of every output: agreement without a number."""
    filled = [facts for facts in result.outputs if facts.elements]
    return bool(filled) and all(facts.only_nan for facts in filled)


def both_raise(result: CaseResult) -> bool:
    """Whether eager refuses the input, and so does the export: agreement without an answer."""
    return result.eager.ended == result.exported.ended == "raised"


def counts_against(result: CaseResult, judgement: Judgement) -> bool:
    """Whether this case alone forbids shipping: it went wrong, and on the export's side."""
    if judgement.outcome in ("identical", "within_noise", NOT_RUN):
        return False
    return not eager_lost(result, judgement)


def eager_lost(result: CaseResult, judgement: Judgement) -> bool:
    """Whether eager itself came to no end, so that the case says nothing about the export."""
    return judgement.outcome in ("timeout", "crash") and result.eager.ended in ("timeout", "crash")


def altered(result: CaseResult) -> bool:
    """Whether a caller sees a difference beside the outputs that counts (see `contract`)."""
    return any(map(contract.counts, result.contract))


def _last_line(error: ErrorFacts | None) -> str:
    return error.message.strip().rpartition("\n")[2] if error is not None else "no message"


def first_line(error: ErrorFacts | None) -> str:
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
    if error.type in ("timeout", "crash", "ModelError") or shown.startswith(
        f"{error.type}: "
    ):  # TorchScript repeats it
        return shown
    return f"{error.type}: {shown}"
