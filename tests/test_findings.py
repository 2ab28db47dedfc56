"""Headings derived from facts: each fact pattern has its sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tsdash import findings
from tsdash.spec import Case, Cause, Latency, OutputFacts, Verdict
from tsdash.stats import BreakEven

BASE = Case(id="c1", dims={"batch": 2})
NEGATIVE = Case(id="c2", dims={"batch": 2}, values="negative", varied="values")
TRAINING = Case(id="c3", dims={"batch": 2}, training=True, varied="training")
BATCH = Case(id="c4", dims={"batch": 4}, varied="batch")
CASES = (BASE, NEGATIVE, TRAINING, BATCH)


def cells(**outcomes: str) -> list[findings.Cell]:
    """Outcomes of CASES by mode, one letter each: i(dentical), n(oise), m(ismatch), c(rash), .(not run)."""
    names = {"i": "identical", "n": "within_noise", "m": "mismatch", "c": "crash", ".": "not_run"}
    return [(mode, case, names[o]) for mode, row in outcomes.items() for case, o in zip(CASES, row, strict=True)]


def verdict(kind: str, *reasons: str) -> Verdict:
    return Verdict(outcome="identical", verdict=kind, reasons=reasons)


def output(**changes: object) -> OutputFacts:
    facts = {"path": "output", "shape": (4, 8), "dtype": "float32", "elements": 32, "identical": False}
    return OutputFacts(**{**facts, **changes})  # type: ignore[arg-type]


def test_a_mode_with_the_same_bits_is_recommended() -> None:
    """Same bits everywhere and a speed-up are named with their numbers."""
    text = findings.recommendation(
        {"script": verdict("ship")}, cells(script="iiii"), speed_ups={"script": (1.08, 1.05, 1.11)}
    )
    assert text == "Ship script: same bits in 4 of 4 cases, 1.08× as fast."


def test_without_a_finished_mode_there_is_no_verdict() -> None:
    """A run that was stopped early recommends nothing."""
    assert findings.recommendation({}, cells(script="i...")) == "No verdict yet: no mode has run all of its cases."


def test_cases_in_which_both_raise_are_not_counted_as_answers() -> None:
    """Of equal bits and of noise alike."""
    found = {"script": replace(verdict("ship"), raised=1)}
    assert findings.recommendation(found, cells(script="iiii")) == (
        "Ship script: same bits in 3 of 4 cases, both raise in 1."
    )
    assert findings.recommendation(found, cells(script="iinn")) == (
        "Ship script: same answers in 3 of 4 cases, bit for bit in 1, both raise in 1."
    )


def test_noise_is_told_from_equal_bits() -> None:
    """Within noise is the same answer, not the same bits."""
    text = findings.recommendation({"script": verdict("ship")}, cells(script="iinn"))
    assert text == "Ship script: same answers in 4 of 4 cases, bit for bit in 2."


def test_the_recommended_mode_wins_over_the_first() -> None:
    """Of several that may be shipped the one that was chosen is named."""
    both = {"trace": verdict("ship"), "script": verdict("ship")}
    assert findings.recommendation(both, cells(trace="iiii", script="iiii"), recommended="script").startswith(
        "Ship script"
    )


def test_reasons_are_sentences() -> None:
    """Each reason ends, and those that are left out are counted."""
    assert findings.reasons(verdict("ship", "One", "Two.", "Three")) == ("One. Two.", ("Three.",))


def test_a_single_failing_mode_says_why() -> None:
    """With one mode the decisive reason is the heading."""
    text = findings.recommendation(
        {"trace": verdict("do_not_ship", "Wrong answers in 1 of 4 cases.")}, cells(trace="imii")
    )
    assert text == "Do not ship trace: wrong answers in 1 of 4 cases."


def test_two_failing_modes_are_both() -> None:
    """Nothing to ship, and how many were tried."""
    bad = {mode: verdict("do_not_ship", "x") for mode in ("trace", "script")}
    assert findings.recommendation(bad, []) == "Ship none of them: both modes fail."


def test_doubt_is_not_called_failure() -> None:
    """All inconclusive is inconclusive, with the reason."""
    unsure = {mode: verdict("inconclusive", "Eager is not deterministic.") for mode in ("trace", "script")}
    assert findings.recommendation(unsure, []) == "Inconclusive: eager is not deterministic."


def test_failure_and_doubt_are_both_told() -> None:
    """One fails, one cannot be judged."""
    mixed = {"trace": verdict("do_not_ship", "x"), "script": verdict("inconclusive", "y")}
    assert findings.recommendation(mixed, []) == "Ship none of them: 1 mode fails. script could not be judged."


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ({"trace": "...."}, "The model is being loaded and exported."),
        ({"trace": "ii.."}, "trace agrees with eager in all 2 cases so far."),
        ({"trace": "i..."}, "trace agrees with eager in the one case so far."),
        ({"trace": "im..", "script": "ii.."}, "trace fails in 1 of 2; script agrees so far."),
        (
            {"a": "m...", "b": "mm..", "c": "m...", "d": "m...", "e": "m...", "f": "i..."},
            "a fails in 1 of 1; b fails in 2 of 2; c fails in 1 of 1; d fails in 1 of 1; 1 more fails; f agrees so far.",
        ),
        (
            {"a": "i...", "b": "i...", "c": "i...", "d": "i...", "e": "i...", "f": "i..."},
            "a, b, c, d and 2 more agree with eager in all 6 cases so far.",
        ),
    ],
)
def test_so_far(rows: dict[str, str], sentence: str) -> None:
    """A run in progress counts only what has run."""
    assert findings.so_far(cells(**rows)) == sentence


def test_all_equal_elements() -> None:
    """Equal bits are said as such."""
    assert findings.elements(output(identical=True)) == "All 32 elements are equal, bit for bit."


def test_nothing_but_nan_is_not_called_equal() -> None:
    """There was no number to be equal."""
    facts = output(identical=True, only_nan=True)
    assert findings.elements(facts) == "All 32 elements are NaN on both sides: no number was compared."


def test_wrong_elements_are_counted() -> None:
    """How many, how far, and what it does to the predicted class."""
    facts = output(elements=65_536, over_plain=11_523, max_abs=11.3, argmax_rows=256, argmax_flips=48)
    assert findings.elements(facts).replace("\u202f", " ") == (
        "11 523 of 65 536 elements differ by more than 10⁻⁵, at most by 11. The predicted class changes in 48 of 256 rows."
    )


def test_small_differences_are_not_called_wrong() -> None:
    """Below the plain bound the largest is named."""
    text = findings.elements(output(max_abs=3.1e-6))
    assert text == "None of 32 elements differs by more than 10⁻⁵; the largest |Δ| is 3.1×10⁻⁶."


def test_nan_on_one_side_comes_first() -> None:
    """NaN or infinity on one side outweighs any size."""
    assert findings.elements(output(nan_disagree=2, inf_disagree=1, max_abs=1.0)).startswith("3 of 32 elements are NaN")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"max_abs": 3.1e-6}, "Plain rule holds: max |Δ| 3.1×10⁻⁶ < 10⁻⁵."),
        ({"max_abs": 1e-5}, "Plain rule fails: max |Δ| 1.0×10⁻⁵ ≥ 10⁻⁵."),
        (
            {"max_abs": 1e-7, "argmax_rows": 4, "argmax_flips": 0},
            "Plain rule holds: max |Δ| 1.0×10⁻⁷ < 10⁻⁵, same class in 4 of 4 rows.",
        ),
        (
            {"max_abs": 1e-7, "argmax_rows": 4, "argmax_flips": 1},
            "Plain rule fails: max |Δ| 1.0×10⁻⁷ < 10⁻⁵, same class in 3 of 4 rows.",
        ),
        ({"nan_disagree": 1}, "Plain rule fails: NaN or ∞ on one side."),
    ],
)
def test_the_plain_rule(changes: dict[str, object], sentence: str) -> None:
    """max |Δ| < 10⁻⁵ and the same predicted class."""
    assert findings.plain_rule(output(**changes)) == sentence


def test_a_claimed_speed_up() -> None:
    """Both medians, the ratio with its interval, and the warm-up that is not in them."""
    text = findings.faster("trace", mode_s=152e-6, eager_s=219e-6, speed_up=(1.44, 1.43, 1.45), claimed=True, warmup=8)
    assert text == "trace answers in 152 µs, eager in 219 µs: 1.44× [1.43, 1.45] as fast, after 8 warm-up calls."


def test_a_speed_up_that_the_control_also_shows_is_not_claimed() -> None:
    """What eager shows against itself is no speed-up."""
    text = findings.faster("trace", mode_s=2e-4, eager_s=2.02e-4, speed_up=(1.01, 0.99, 1.03), claimed=False)
    assert "no more than eager differs from itself" in text


def test_the_best_cause_is_the_reason() -> None:
    """A known cause speaks; without one the case's own detail does."""
    causes = (
        Cause(cause="unknown", message="?"),
        Cause(cause="baked_control_flow", message="The branch on line 22 was decided while tracing"),
    )
    assert findings.why(causes, "mismatch", "max |Δ| is 11.") == "The branch on line 22 was decided while tracing."
    assert findings.why((), "mismatch", "max |Δ| is 11.") == "max |Δ| is 11."


def test_nothing_is_explained_where_nothing_is_wrong() -> None:
    """A cause of other cases does not speak about a case that agrees."""
    causes = (Cause(cause="baked_control_flow", message="The branch"),)
    assert findings.why(causes, "identical", "") == "Nothing to explain: this case gives the same bits."
    assert findings.why(causes, "identical", "", raised=True) == (
        "Both raise: eager refuses this input, and so does the export."
    )


def test_progress_is_one_line() -> None:
    """Done of all, what runs, time left; what is not known is left out."""
    assert findings.progress(done=137, planned=320, current="trace · negative", left_s=9.2) == (
        "137 of 320 cases · trace · negative · about 9 s left"
    )
    assert findings.progress(done=0, planned=320) == "0 of 320 cases"


def test_the_plan_says_cases_modes_and_time() -> None:
    """What Run would do, before it is pressed."""
    assert findings.plan(40, 8, 16) == "40 planned cases for each of 8 modes, about 16 s."
    assert findings.plan(1, 1) == "1 planned case."


def test_the_tab_tells_the_end_of_a_run() -> None:
    """A mode to ship, none, or nothing known."""
    assert findings.title("running", "mlp", None, ()) == "… mlp is running"
    assert findings.title("done", "mlp", "script", ("ship", "do_not_ship")) == "✓ mlp: ship script"
    assert findings.title("done", "mlp", None, ("inconclusive", "do_not_ship")) == "✗ mlp: ship none"
    assert findings.title("done", "mlp", None, ("inconclusive",)) == "? mlp: inconclusive"


def test_an_export_has_paid_for_itself_after_calls_that_are_known_to_save_time() -> None:
    """The calls with what they follow from; no number where no saving is claimed."""
    paid = findings.paid_back(BreakEven(calls=367, cost_s=11.0, saving_s=0.003))
    assert paid == (
        "It pays for itself after 367 calls: exporting, loading and the first call take 11.0 s, "
        "and each later call saves 3.00 ms."
    )
    assert findings.paid_back(BreakEven(calls=None, cost_s=11.0, saving_s=-0.003)) == (
        "It does not pay for itself: exporting, loading and the first call take 11.0 s, "
        "and no call is known to save any of it."
    )


def test_what_the_machine_did_is_said_as_far_as_it_tells() -> None:
    """Load, interruptions and clock rate; a rate that cannot be read is not passed over."""
    quiet = Latency(case=BASE, arms=(), load_average=0.25, cpus=2, involuntary_switches=1)
    assert findings.machine(quiet) == (
        "While measuring: load average 0.2 on 2 processors, 1 involuntary context switch, clock rate not readable."
    )
    assert "clock 2\u202f200 MHz before, 1\u202f800 MHz after" in findings.machine(
        replace(quiet, frequency_mhz=(2200.0, 1800.0))
    )
