"""The sentences of all modes side by side, from facts worked out by hand."""

from __future__ import annotations

from tsdash import contrast
from tsdash.spec import Cause, ErrorFacts

ERROR = ErrorFacts(type="UserError", message="no")


def test_costs_name_the_smallest_artefact_and_the_soonest_first_call() -> None:
    text = contrast.costs({"trace": 2048, "script": 1024, "export": None}, {"trace": 0.003, "script": 0.004})
    assert text == (
        "script has the smallest artefact, 1.00 KiB against 2.00 KiB of trace; "
        "trace answers its first call soonest, in 3.00 ms."
    )
    assert contrast.costs({"trace": 2048}, {}, {"trace": 345}).endswith("; trace has paid for itself after 345 calls.")
    assert contrast.costs({"export": None}, {}) == "Nothing: no mode could be exported."


def test_needs_say_that_the_maintained_mode_does_not_export() -> None:
    text = contrast.needs(["trace", "script"], ["export"], ["export"], 3)
    assert text == "2 of 3 modes run without Python; export is maintained, but cannot take this model."


def test_a_faster_mode_that_is_wrong_is_named_but_does_not_win() -> None:
    claimed = {"trace": (2.8, 2.7, 2.9), "script": (1.5, 1.4, 1.6)}
    assert contrast.fastest(claimed, ["script"], 2) == (
        "script is the fastest that can be shipped, 1.50× [1.40, 1.60] as fast as eager; "
        "trace would be faster, 2.80×, and cannot be shipped."
    )
    assert contrast.fastest({"script": (0.5, 0.4, 0.6)}, ["script"], 1) == (
        "None of 1 mode is measurably faster than eager."
    )


def test_the_furthest_mode_is_named_beside_those_that_are_equal() -> None:
    assert contrast.far_off({"trace": 11.0, "script": 0.0, "export": None}) == (
        "trace is furthest off, by at most 11; script is not off at all."
    )


def test_what_keeps_a_model_from_export_is_its_cause_else_its_error() -> None:
    cause = Cause(cause="unsupported_python", message="A decision on a value")
    assert contrast.move([cause], ERROR, wrong=4, judged=4) == "A decision on a value."
    assert contrast.move([], ERROR, wrong=4, judged=4) == "torch.export refuses the model: UserError."
    assert contrast.move([], None, wrong=0, judged=4) == "Nothing: export gives the same answers in all 4 cases."


def test_a_mode_alone_is_not_compared() -> None:
    """Nothing is the smallest, soonest or furthest of one."""
    assert (
        contrast.costs({"trace": 2048}, {"trace": 0.02})
        == "trace has an artefact of 2.00 KiB; trace answers its first call in 20.0 ms."
    )
    assert contrast.far_off({"trace": 483.0}) == "trace is off, by at most 483."
