"""Facts become outcomes, and outcomes a verdict."""

from dataclasses import replace

import pytest

from tsdash.judge import Tolerance, judge, plain_rule
from tsdash.spec import (
    Case,
    CaseResult,
    Description,
    ErrorFacts,
    Noise,
    Oracle,
    OutputFacts,
    Reach,
    Side,
    SourceLine,
    StructureDifference,
    Verdict,
)
from tsdash.verdicts import verdict

ERROR = ErrorFacts(type="ValueError", message="no\nmore")
SAME = OutputFacts(
    path="output", shape=(2, 3), dtype="float32", elements=6, identical=True, argmax_rows=2, argmax_flips=0
)
DIFFERENT = replace(SAME, identical=False, max_abs=1e-6, max_rel=1e-6)


def oracle(expected: float, actual: float) -> Oracle:
    return Oracle(
        expected_rms=expected, actual_rms=actual, expected_max=expected, actual_max=actual, scale_rms=1.0, scale_max=1.0
    )


def result(*outputs, eager="returned", exported="returned", structure=(), varied="base", **fields):
    return CaseResult(
        case=Case(id="c1", dims={}, varied=varied),
        mode="trace",
        eager=Side(ended=eager, error=None if eager == "returned" else ERROR),
        exported=Side(ended=exported, error=None if exported == "returned" else ERROR),
        outputs=outputs,
        structure=structure,
        **fields,
    )


@pytest.mark.parametrize(
    ("eager", "exported", "outcome"),
    [
        ("raised", "raised", "identical"),
        ("raised", "returned", "mismatch"),
        ("returned", "raised", "runtime_error"),
        ("returned", "timeout", "timeout"),
        ("returned", "crash", "crash"),
        ("crash", "not_run", "crash"),
        ("timeout", "not_run", "timeout"),
        ("not_run", "export_error", "export_error"),
        ("no_inputs", "not_run", "not_run"),
    ],
)
def test_how_both_sides_end_decides_first(eager, exported, outcome):
    assert judge(result(eager=eager, exported=exported)).outcome == outcome


def test_the_type_of_an_error_is_named_once():
    """TorchScript's messages begin with it."""
    error = ErrorFacts(type="RuntimeError", message="\nRuntimeError: select(): index 4 out of range\n")
    judgement = judge(replace(result(), exported=Side(ended="raised", error=error)))
    assert judgement.detail == "Eager returns, the export raises: RuntimeError: select(): index 4 out of range"


def test_who_is_nearer_to_float64_is_told_with_its_measure():
    """By the largest error it may be the other side, and that stands in the table beside it."""
    one = Oracle(expected_rms=1e-7, actual_rms=2e-7, expected_max=2e-6, actual_max=1e-6, scale_rms=1.0, scale_max=1.0)
    assert judge(result(replace(DIFFERENT, oracle=one))).detail.endswith(
        "eager is nearer to float64, by the rms error."
    )


def test_the_same_bits_are_identical():
    assert judge(result(SAME)).outcome == "identical"


def test_where_nothing_was_compared_the_detail_says_so():
    """NaN on both sides; and an export that could not be tried, since eager raises on the inputs that it is made from."""
    assert judge(result(replace(SAME, only_nan=True))).detail == "Every output is NaN on both sides, and nothing else."
    refused = judge(result(eager="raised", exported="export_error"))
    assert (refused.outcome, refused.detail) == (
        "export_error",
        "Eager itself raises here, so nothing could be exported: ValueError: no",
    )


def test_another_structure_is_a_mismatch_however_equal_the_values():
    change = StructureDifference(path="output", what="type", expected="Gauss", actual="tuple")
    judgement = judge(result(SAME, structure=(change,)))
    assert judgement.outcome == "mismatch"
    assert "tuple instead of Gauss" in judgement.detail


def test_an_export_as_near_to_float64_as_eager_is_within_noise():
    assert judge(result(replace(DIFFERENT, oracle=oracle(1e-5, 1.9e-5)))).outcome == "within_noise"


def test_an_export_nearer_to_float64_than_eager_passes_whatever_the_difference():
    """A frozen conv net once differed by 1,792 ULP and was the better one."""
    facts = replace(DIFFERENT, max_abs=0.5, max_rel=1.0, oracle=oracle(0.5, 1e-7))
    assert judge(result(facts)).outcome == "within_noise"


def test_an_export_far_from_float64_where_eager_is_near_is_a_mismatch():
    assert judge(result(replace(DIFFERENT, oracle=oracle(1e-7, 1e-4)))).outcome == "mismatch"


def test_one_wrong_element_among_millions_is_a_mismatch():
    """The root mean square does not see it, the maximum does."""
    one = Oracle(expected_rms=1e-7, actual_rms=1.5e-7, expected_max=1e-6, actual_max=0.4, scale_rms=1.0, scale_max=3.0)
    assert judge(result(replace(DIFFERENT, oracle=one))).outcome == "mismatch"


def test_a_nan_on_one_side_is_a_mismatch_even_if_all_else_agrees():
    assert judge(result(replace(DIFFERENT, nan_disagree=1, oracle=oracle(0.0, 0.0)))).outcome == "mismatch"


def test_integers_have_no_noise():
    assert judge(result(replace(DIFFERENT, dtype="int64", max_abs=1.0))).outcome == "mismatch"


def test_a_flip_between_classes_further_apart_than_noise_is_a_mismatch():
    facts = replace(DIFFERENT, argmax_flips=1, flip_gap=0.1, oracle=oracle(1e-6, 1e-6))
    assert "predicted class" in judge(result(facts)).detail


def test_a_flip_between_tied_classes_is_noise():
    facts = replace(DIFFERENT, argmax_flips=1, argmax_ties=1, flip_gap=1e-7, oracle=oracle(1e-6, 1e-6))
    assert judge(result(facts)).outcome == "within_noise"


def test_without_a_referee_the_tolerances_of_torch_testing_decide():
    close, far = replace(DIFFERENT, max_abs=1e-3, max_rel=1e-6), replace(DIFFERENT, max_abs=1e-3, max_rel=1e-2)
    assert [judge(result(facts)).outcome for facts in (close, far)] == ["within_noise", "mismatch"]


def test_a_tolerance_of_the_users_own_takes_the_referees_place():
    facts = replace(DIFFERENT, max_abs=1e-3, oracle=oracle(1e-9, 1.0))
    assert judge(result(facts), Tolerance(absolute=1e-2)).outcome == "within_noise"
    assert judge(result(facts), Tolerance(absolute=1e-4)).outcome == "mismatch"


def test_the_plain_rule_is_strict_about_both_halves():
    """Below 1e-5 and the same class."""
    assert plain_rule(result(DIFFERENT)) is True
    assert plain_rule(result(replace(DIFFERENT, max_abs=1e-5))) is False
    assert plain_rule(result(replace(DIFFERENT, argmax_flips=1))) is False
    assert plain_rule(result(eager="raised")) is None


def test_all_cases_good_is_ship():
    found = verdict([result(SAME), result(replace(DIFFERENT, oracle=oracle(1e-6, 1e-6)))])
    assert (found.verdict, found.outcome) == ("ship", "within_noise")


def test_one_bad_case_is_do_not_ship_and_says_on_what():
    found = verdict([result(SAME), result(exported="raised", varied="batch")])
    assert (found.verdict, found.outcome) == ("do_not_ship", "runtime_error")
    assert "1 of 2 cases (varying batch)" in found.reasons[0]


def test_eagers_own_crash_does_not_count_against_the_export():
    """Nor is it what the mode comes to, unless there is nothing else."""
    lost = result(eager="crash", exported="not_run")
    assert (verdict([result(SAME), lost]).verdict, verdict([result(SAME), lost]).outcome) == (
        "inconclusive",
        "identical",
    )
    assert (verdict([lost]).verdict, verdict([lost]).outcome) == ("inconclusive", "crash")


def test_nothing_but_errors_on_both_sides_is_inconclusive():
    assert verdict([result(eager="raised", exported="raised")]).verdict == "inconclusive"


def test_no_case_at_all_is_inconclusive():
    assert verdict([], planned=5).verdict == "inconclusive"


def test_a_model_that_does_not_repeat_itself_is_not_an_export_failure():
    restless = Description(parameters=0, dims={}, inputs=(), training=False, deterministic=False)
    found = verdict([result(replace(DIFFERENT, oracle=oracle(1e-9, 1.0)))], description=restless)
    assert found.verdict == "inconclusive"
    assert "not deterministic" in found.reasons[0]


@pytest.mark.parametrize(
    ("eager", "message", "outcome"),
    [
        ("raised", "Tensor.item() cannot be called on meta tensors", "not_run"),
        ("returned", "Tensor.item() cannot be called on meta tensors", "not_run"),
        (
            "returned",
            "Traceback of TorchScript:\n  y = x.to(torch.device(1))\nNotImplementedError: Cannot copy out of meta",
            "not_run",
        ),
        ("returned", "Expected all tensors to be on the same device, but found meta and cpu", "runtime_error"),
        ("returned", "Expected divisor (b) to be on the same device (cpu) as dividend (a)", "not_run"),
    ],
)
def test_on_the_meta_device_only_a_complaint_about_devices_counts(eager, message, outcome):
    """It has no values, so whatever needs one fails there on either side."""
    probe = result(eager=eager, exported="raised")
    probe = replace(
        probe,
        case=replace(probe.case, device="meta"),
        exported=Side(ended="raised", error=ErrorFacts(type="RuntimeError", message=message)),
    )
    assert judge(probe).outcome == outcome


def test_what_a_mode_cannot_do_by_design_is_not_run_and_says_so():
    """A frozen artefact keeps its dtype: no failure, and no evidence either."""
    refused = Side(error=ErrorFacts(type="note", message="trace+freeze keeps the dtype it was exported in."))
    judgement = judge(replace(result(), eager=Side(), exported=refused))
    assert (judgement.outcome, judgement.detail) == ("not_run", "trace+freeze keeps the dtype it was exported in.")


@pytest.mark.parametrize(
    ("eager", "exported", "says"),
    [
        ("raised", "export_error", "raises"),
        ("timeout", "timeout", "does not come to an end"),
        ("crash", "crash", "ends its process"),
    ],
)
def test_a_model_that_fails_on_its_own_base_inputs_has_nothing_to_export_from(eager, exported, says):
    """Whatever became of the export, and of the other cases with it."""
    others = result(eager="not_run", exported=exported, varied="batch")
    found = verdict([result(eager=eager, exported=exported), replace(others, eager=Side())])
    assert found.verdict == "inconclusive"
    assert f"Eager itself {says} on the base inputs" in found.reasons[0]


ONE_SIDED = Reach(
    lines=6,
    lines_run=5,
    branches=2,
    branches_run=1,
    not_run=(SourceLine(file="m.py", line=30, code="return early"),),
    one_sided=(SourceLine(file="m.py", line=29, code="if sure.any():"),),
)


def _reached(reach: Reach, mode: str) -> Verdict:
    described = Description(parameters=1, dims={}, inputs=(), training=False, reach=reach)
    agreed = CaseResult(
        case=Case(id="c1", dims={}), mode=mode, eager=Side(ended="returned"), exported=Side(ended="returned")
    )
    return verdict([agreed], description=described)


def test_a_decision_that_went_one_way_leaves_a_trace_undecided() -> None:
    """The trace keeps that way alone, and no case says what it does on the other; the line is named."""
    found = _reached(ONE_SIDED, "trace+freeze")
    assert found.verdict == "inconclusive"
    assert "m.py line 29, `if sure.any():`" in found.reasons[0]


def test_a_script_ships_and_names_what_was_not_reached() -> None:
    """A script compiles both ways: how much the verdict speaks for is said, and no more."""
    found = _reached(ONE_SIDED, "script")
    assert found.verdict == "ship"
    assert "5 of 6 lines and 1 of 2 branches" in found.reasons[-1]
    assert "m.py line 30 `return early`" in found.reasons[-1]


def test_a_sweep_that_reaches_everything_says_so() -> None:
    """Nothing of forward is left out of the verdict."""
    found = _reached(Reach(lines=4, lines_run=4, branches=2, branches_run=2), "trace")
    assert found.verdict == "ship"
    assert found.reasons[-1] == "The cases run every line and every branch of forward."


def test_float64_is_no_referee_of_a_model_that_decides_by_dtype():
    """Eager is far from float64, and the export from both; what moves eager little shows that this is no rounding."""
    off = Oracle(expected_rms=0.9, actual_rms=0.0, expected_max=0.9, actual_max=0.0, scale_rms=1.0, scale_max=1.0)
    output = replace(DIFFERENT, max_abs=0.9, max_rel=0.9, oracle=off)
    still = Noise(kind="jitter", words="given inputs moved by 1 ULP", path="output", elements=6, max_abs=1e-7)
    assert judge(result(output, noise=(still,))).outcome == "mismatch"
    assert judge(result(output, noise=(replace(still, max_abs=0.8),))).outcome == "within_noise"
    assert judge(result(output)).outcome == "within_noise"
