"""Where modes fail is told in one sentence, and only of what was tried."""

from __future__ import annotations

import pytest

from tests.test_findings import BASE, NEGATIVE, cells
from tsdash import failures
from tsdash.spec import Case


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ({"trace": "iiii", "script": "inii"}, "Never: both modes agree with eager in all 4 cases."),
        ({"trace": "iiii"}, "Never: trace agrees with eager in all 4 cases."),
        ({"trace": "imii"}, "trace fails on negative values."),
        ({"trace": "immi"}, "trace fails on negative values and in training."),
        ({"trace": "imii", "freeze": "imii"}, "Two modes fail on negative values."),
        ({"trace": "immi", "freeze": "imii"}, "Two modes fail on negative values, trace in training."),
        ({"trace": "imii", "freeze": "imim", "script": "iiim"}, "Two modes fail on negative values, two at batch 4."),
        ({"trace": "mmmm", "script": "iiii"}, "trace fails in every case."),
        ({"trace": "mmmm", "script": "cccc"}, "Every mode fails in every case."),
        ({"trace": "mmmm", "script": "iiim"}, "script fails at batch 4; trace fails in every case."),
        (
            {"trace": "iiii", "script": "ii.."},
            "Never: both modes agree with eager in every case that they ran, each in 2 or more of 4.",
        ),
        ({"trace": "i..."}, "Never: trace agrees with eager in the one case."),
        ({"trace": "...."}, "No case has run yet."),
        ({"trace": "m..."}, "trace fails in every case."),
    ],
)
def test_where_it_fails(rows: dict[str, str], sentence: str) -> None:
    """Modes are counted or named, places are told in words, what fails always comes last."""
    assert failures.where_it_fails(cells(**rows)) == sentence


def test_modes_that_fail_at_different_sizes_are_told_apart() -> None:
    """All fail at 1, and one of them at 5 alone: never that all fail at both."""
    sizes = [Case(id=f"b{n}", dims={"batch": n}, varied="batch") for n in (1, 5)]
    table = [(mode, sizes[0], "mismatch") for mode in ("trace", "export", "onnx")]
    table += [("trace", sizes[1], "identical"), ("export", sizes[1], "identical"), ("onnx", sizes[1], "mismatch")]
    table += [(mode, BASE, "identical") for mode in ("trace", "export", "onnx")]
    assert failures.where_it_fails(table) == "Three modes fail at batch 1, onnx at batch 5."


def test_many_values_are_summed_up() -> None:
    """A heading lists three names at most."""
    kinds = [Case(id=f"v{i}", dims={}, values=f"x{i}", varied="values") for i in range(6)]
    table = [("trace", case, "mismatch") for case in kinds] + [("trace", BASE, "identical")]
    assert failures.where_it_fails(table) == "trace fails on x0, x1, x2 and 3 other values."


def test_many_axes_are_summed_up() -> None:
    """A heading lists three places at most."""
    kinds = [Case(id=f"v{name}", dims={}, varied=name) for name in ("base", "values", "seed", "grad", "call", "layout")]
    table = [("trace", case, "mismatch") for case in kinds] + [("trace", NEGATIVE, "identical")]
    assert failures.where_it_fails(table) == (
        "trace fails on the base case, on given values, with seed 0 and in 3 other respects."
    )


@pytest.mark.parametrize(
    ("case", "phrase"),
    [
        (Case(id="a", dims={}, dtype="float16", varied="dtype"), "in float16"),
        (Case(id="a", dims={}, dtype="inputs:float64", varied="dtype"), "on float64 inputs"),
        (Case(id="a", dims={}, device="cuda", varied="device"), "on cuda"),
        (Case(id="a", dims={}, training=False, varied="training"), "in evaluation"),
        (Case(id="a", dims={}, call=3, varied="call"), "on call 3"),
        (Case(id="a", dims={}, seed=2, varied="seed"), "with seed 2"),
        (Case(id="a", dims={"h": 9}, varied="h"), "at h 9"),
        (Case(id="a", dims={"h": 1}, varied="h · values"), "where h · values change together"),
    ],
)
def test_places_end_a_sentence(case: Case, phrase: str) -> None:
    """What was varied is said as a person would say it."""
    assert failures.place([case]) == phrase


def test_the_sizes_that_fail_are_named_and_no_others() -> None:
    """Of a dim that was tried at six other sizes; of many the first few."""
    sizes = [Case(id=f"n{n}", dims={"n": n}, varied="n") for n in range(2, 8)]
    assert failures.place(sizes[3:4]) == "at n 5"
    assert failures.place(sizes) == "at n 2, 3, 4 and 3 other sizes"
