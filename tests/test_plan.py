"""Choices become cases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdash import plan
from tsdash.errors import OptionError
from tsdash.spec import EFFORTS, Sweep
from tsdash.transforms import LAYOUTS, TRANSFORMS

DIMS = {"batch": 2, "seq": 8}


def test_the_base_case_comes_first_and_has_the_defaults():
    assert plan.cases(Sweep(), DIMS)[0].dims == DIMS


def test_one_respect_changes_at_a_time():
    """Every case differs from the base in one field only."""
    base, *others = plan.cases(Sweep(dims={"batch": (2, 3)}, values=("nan",), grad=(True,)), DIMS)
    assert [(case.dims, case.values, case.grad) for case in others] == [
        ({"batch": 3, "seq": 8}, "given", False),
        (DIMS, "nan", False),
        (DIMS, "given", True),
    ]
    assert [case.varied for case in (base, *others)] == ["base", "batch", "values", "grad"]


def test_sizes_that_leave_out_the_default_move_the_base():
    """--dim height=64,96 on a default of 224 runs nothing at 224."""
    cases = plan.cases(Sweep(dims={"height": (64, 96)}), {"height": 224})
    assert [case.dims["height"] for case in cases] == [64, 96]


def test_dims_that_only_fail_together_are_grown_together():
    cases = plan.cases(Sweep(dims={"batch": (2, 4), "seq": (8, 12)}), DIMS)
    assert {"batch": 4, "seq": 12} in [case.dims for case in cases]


def test_the_product_crosses_all_axes():
    cases = plan.cases(Sweep(dims={"batch": (2, 4), "seq": (8, 16)}, values=("nan",), product=True), DIMS)
    assert len(cases) == 2 * 2 * 2


def test_the_product_names_all_that_varies():
    cases = plan.cases(Sweep(dims={"batch": (2, 4)}, values=("nan",), product=True), DIMS)
    assert {case.varied for case in cases} == {"base", "batch", "values", "batch · values"}


@pytest.mark.parametrize("effort", EFFORTS)
@given(dims=st.dictionaries(st.sampled_from(["batch", "seq", "height"]), st.integers(0, 300), max_size=3))
def test_the_own_plan_has_no_case_twice_and_no_size_below_one(effort, dims):
    """Whatever the defaults are; a default of 0 stays where it is."""
    cases = plan.cases(plan.own_plan(dims, effort), dims)
    keys = [
        (tuple(c.dims.items()), c.values, c.dtype, c.device, c.layout, c.training, c.grad, c.call, c.seed)
        for c in cases
    ]
    assert len(keys) == len(set(keys))
    assert all(size >= 1 or size == dims[name] for case in cases for name, size in case.dims.items())


def test_an_unknown_dim_names_the_nearest():
    with pytest.raises(OptionError, match="Did you mean batch"):
        plan.cases(Sweep(dims={"bach": (2,)}), DIMS)


@pytest.mark.parametrize("size", [0, -3])
def test_a_size_below_one_is_refused(size):
    with pytest.raises(OptionError, match="from 1 up"):
        plan.cases(Sweep(dims={"batch": (size,)}), DIMS)


def test_a_product_beyond_all_reason_is_refused():
    with pytest.raises(OptionError, match="at most"):
        plan.cases(Sweep(dims={name: tuple(range(1, 200)) for name in DIMS}, product=True), DIMS)


@pytest.mark.parametrize(
    ("text", "sizes"),
    [("1,2,4", (1, 2, 4)), ("8:11", (8, 9, 10, 11)), ("8:24:8", (8, 16, 24)), ("1, 8:10 ,1", (1, 8, 9, 10)), ("", ())],
)
def test_sizes_are_read_as_lists_and_ranges(text, sizes):
    assert plan.parse_sizes(text) == sizes


def test_a_range_too_long_is_refused_unread():
    """A billion sizes are not made to be counted."""
    with pytest.raises(OptionError, match="too many sizes"):
        plan.parse_sizes("1:1000000000")


def test_calls_are_counted_from_one():
    with pytest.raises(OptionError, match="Call 0 is not allowed"):
        plan.cases(Sweep(calls=(0, 2)), DIMS)


@pytest.mark.parametrize("text", ["two", "1.5", "4:2", "1:9:0", "1:2:3:4"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(OptionError, match="Cannot read"):
        plan.parse_sizes(text)


def test_a_case_is_described_by_what_is_special():
    base, nan = plan.cases(Sweep(values=("nan",)), DIMS)
    assert (plan.describe(base, base), plan.describe(nan, base)) == ("the base case", "nan values")


def test_a_thorough_plan_has_every_transform_layout_and_kind_of_dtype():
    """What is registered is tried: each transform of values, each layout, dtypes of the module and of the inputs alone."""
    sweep = plan.own_plan(DIMS, "thorough")
    assert set(sweep.values) == set(TRANSFORMS) - {"given"}
    assert set(sweep.layouts) == set(LAYOUTS) - {"given"}
    assert set(sweep.dtypes) >= {"float16", "bfloat16", "float64", "inputs:float16", "inputs:int32"}
