"""What a verdict says beside its outcomes: what was not tried, and how far agreement proves anything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tsdash.spec import Case, CaseResult, Description, ErrorFacts, OutputFacts, Side
from tsdash.verdicts import verdict

RETURNED = Side(ended="returned")
RAISED = Side(ended="raised", error=ErrorFacts(type="RuntimeError", message="mat1 and mat2"))
SAME = OutputFacts(path="output", shape=(2,), dtype="float32", elements=2, identical=True)
NAN = replace(SAME, only_nan=True)
PLAIN = Description(parameters=1, dims={}, inputs=(), training=False)


def result(
    *outputs: OutputFacts, mode: str = "trace", eager: Side = RETURNED, exported: Side = RETURNED, **case: object
):
    made = Case(**{"id": "c", "dims": {}, **case})  # type: ignore[arg-type]
    return CaseResult(case=made, mode=mode, eager=eager, exported=exported, outputs=outputs)


def absent(device: str) -> CaseResult:
    missing = ErrorFacts(type="ModelError", message=f"This machine has no {device}.")
    return result(device=device, varied="device", eager=Side(ended="no_inputs", error=missing), exported=Side())


def test_a_device_that_was_asked_for_and_is_not_there_leaves_the_verdict_open() -> None:
    """Part of what was asked was not tried."""
    found = verdict([result(SAME), absent("cuda")])
    assert (found.verdict, found.outcome) == ("inconclusive", "identical")
    assert found.reasons == ("It was not tried on cuda, which was asked for: this machine has no cuda.",)


def test_a_failure_still_forbids_shipping_whatever_was_not_tried() -> None:
    """The failure comes first."""
    found = verdict([result(exported=RAISED), absent("cuda")])
    assert found.verdict == "do_not_ship"
    assert "The export raises" in found.reasons[0]
    assert "not tried on cuda" in found.reasons[1]


def test_a_case_on_meta_that_cannot_be_run_leaves_the_verdict_as_it_is() -> None:
    """tsdash planned it itself, and it can say nothing of a model that needs values."""
    assert verdict([result(SAME), absent("meta")]).verdict == "ship"


def test_a_device_on_which_some_case_ran_was_tried() -> None:
    assert verdict([result(SAME), absent("cuda"), result(SAME, device="cuda")]).verdict == "ship"


def test_where_nothing_but_nan_was_compared_nothing_is_known() -> None:
    """Whatever its bits: NaN is like any other NaN."""
    found = verdict([result(NAN), result(NAN, NAN), result(device="meta")])
    assert found.verdict == "inconclusive"
    assert found.reasons[0] == "In all 2 compared cases every output is NaN on both sides: not one number was compared."


def test_cases_of_nothing_but_nan_are_counted() -> None:
    """Not those whose inputs were made NaN or infinite on purpose: NaN is what eager answers there."""
    found = verdict(
        [result(SAME), result(NAN), result(NAN, SAME), result(NAN, values="nan"), result(NAN, values="inf")]
    )
    assert found.verdict == "ship"
    assert found.reasons[1] == "In 1 of 5 cases every output is NaN on both sides: there no number was compared."
    assert len(verdict([result(SAME), result(NAN, values="nan")]).reasons) == 1


def test_random_numbers_are_told_where_everything_agrees() -> None:
    """The one seed is why."""
    random = replace(PLAIN, draws=("torch", "numpy.random"))
    said = "Forward draws random numbers from torch and numpy.random: "
    assert verdict([result(SAME)], description=random).reasons[1] == (
        f"{said}the answers agree because both sides start from one seed."
    )
    failing = verdict([result(SAME), result(exported=RAISED)], description=random)
    assert failing.reasons[1] == f"{said}both sides start from one seed."
    assert verdict([result(SAME, mode="onnx")], description=random).reasons[1] == (
        f"{said}the runtime of onnx draws its own, which no seed of torch's reaches."
    )
    assert not any(said in reason for reason in verdict([result(exported=RAISED)], description=random).reasons)


@pytest.mark.parametrize(
    ("mode", "ends"),
    [
        ("trace", "stays in it."),
        ("script", "stays in it until eval() is called."),
        ("export", "stays in it."),
        ("script+optimize", ""),
    ],
)
def test_a_model_that_was_left_in_training_mode_is_told(mode: str, ends: str) -> None:
    """Where it matters to its answers. A frozen artefact has no training mode."""
    found = verdict([result(SAME, mode=mode)], description=replace(PLAIN, training=True, switchable=True))
    assert found.verdict == "ship"
    told = [reason for reason in found.reasons if "training mode, as make_model leaves it" in reason]
    assert [reason.endswith(ends) for reason in told] == ([True] if ends else [])
    unaffected = verdict([result(SAME, mode=mode)], description=replace(PLAIN, training=True))
    assert len(unaffected.reasons) == 1


def test_cases_in_which_both_raise_are_not_the_same_bits() -> None:
    """They agree, and are counted apart."""
    both = result(eager=RAISED, exported=RAISED)
    found = verdict([result(SAME), result(SAME), both])
    assert (found.verdict, found.raised) == ("ship", 1)
    assert found.reasons == ("The same bits in 2 of 3 cases; in 1 both raise.",)


def test_a_file_that_eager_raises_on_does_not_fit_the_model() -> None:
    """In eager's words, once a file."""
    mine = result(eager=RAISED, exported=RAISED, varied="inputs", inputs="/somewhere/mine.npz")
    assert verdict([result(SAME), mine]).reasons[1:] == (
        "mine.npz does not fit the model: eager raises on it, RuntimeError: mat1 and mat2",
    )


def test_one_case_is_not_all_cases() -> None:
    """And where no case has the same bits, that is not counted."""
    noisy = replace(SAME, identical=False, max_abs=1e-7)
    assert verdict([result(SAME)]).reasons == ("The same bits in the one case.",)
    assert verdict([result(noisy)] * 2).reasons == ("Within the noise of the arithmetic in all 2 cases.",)
    both = result(eager=RAISED, exported=RAISED)
    assert verdict([result(noisy), both]).reasons == (
        "Within the noise of the arithmetic in 1 of 2 cases; in 1 both raise.",
    )
    assert verdict([result(SAME), result(noisy)]).reasons == (
        "The same bits in 1 of 2 cases, the other 1 within the noise of the arithmetic.",
    )
    assert verdict([result(SAME), result(noisy), both]).reasons == (
        "The same bits in 1 of 3 cases, in 1 within the noise of the arithmetic; in 1 both raise.",
    )
