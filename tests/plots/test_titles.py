"""The title of a figure states what it found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.plots.test_elements import NOISE, histogram
from tests.plots.test_latency import measured
from tests.plots.test_scaling import ALTERNATION, POINTS
from tsdash.plots import (
    Figure,
    Sizes,
    agreement,
    along_axis,
    call_by_call,
    delta_histogram,
    frontier,
    growing_delta,
    latency_by_size,
    latency_ecdf,
    latency_histogram,
    latency_timeline,
    paired_ratio,
    parting_curves,
    reference_density,
    run_changes,
    speed_changes,
    visits,
    where_map,
)

EDGES = np.array([0.0, 1.0, 2.0, 3.0])
FALLING = np.array([1e-3, 1e-3, 4e-3])


def title(fig: Figure) -> str:
    return str(fig.layout.title.text)


@pytest.mark.parametrize(
    ("counts", "special", "expected"),
    [
        ({70: 3, 75: 5, 90: 1}, {"zero": 2}, "10⁻⁵ or more in 6 of 11"),
        ({74: 3}, {"zero": 2}, "Less than 10⁻⁵ in all of 5 elements"),
        ({}, {"zero": 1000}, "All of 1\u202f000 elements equal"),
        ({75: 3}, {"nonfinite": 1}, "|Δ| is NaN or ∞ in 1 of 4"),
    ],
)
def test_how_large_is_told_by_the_plain_bound(counts: dict[int, int], special: dict[str, int], expected: str) -> None:
    """The bin that begins at 10⁻⁵ is the 75th of five a decade from 10⁻²⁰ on."""
    assert title(delta_histogram(histogram(counts, **special), NOISE, False)) == expected


def test_where_names_the_worst_element() -> None:
    """Its index, or that of the first element of its block; nothing where all are equal."""
    largest = np.array([[0.0, 1e-6], [3.0, 0.0]])
    full = where_map(largest, False, rows=("batch", 2), columns=("class", 2))
    assert title(full) == "Where: the worst is at [1, 0]"
    reduced = where_map(largest, False, rows=("batch", 8), columns=("class", 2), reduced=True)
    assert title(reduced) == "Where: the worst is near [4, 0]"
    equal = where_map(np.zeros((2, 2)), False, rows=("batch", 2), columns=("class", 2))
    assert title(equal) == "Where: every element is equal"


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (np.eye(3), "|Δ| grows with |eager|"),
        (np.eye(3)[::-1], "|Δ| falls as |eager| grows"),
        (np.ones((3, 3)), "|Δ| is alike at every |eager|"),
        (np.diag([0, 1, 0]), "|Δ| is alike at every |eager|"),
    ],
)
def test_against_what_is_a_slope(counts: np.ndarray, expected: str) -> None:  # type: ignore[type-arg]
    """A decade of |Δ| for each of |eager|, one less for each, none, and one size of eager alone."""
    assert title(reference_density(counts, EDGES, EDGES - 7, NOISE, False)) == f"Against what: {expected}"


@pytest.mark.parametrize(
    ("largest", "extent", "expected"),
    [
        (FALLING, 3, "Along axis 0: largest at index 2"),
        (FALLING, 300, "Along axis 0: largest near index 200"),
        (np.array([1e-3, 1.5e-3]), 2, "Along axis 0: alike at every index"),
        (np.array([1e-3, np.nan]), 2, "Along axis 0: largest at index 1"),
        (np.array([1e-3]), 1, "Along axis 0: largest at index 0"),
    ],
)
def test_along_an_axis_the_peak_is_named(largest: np.ndarray, extent: int, expected: str) -> None:  # type: ignore[type-arg]
    """Where it is less than twice the least there is none; NaN is larger than any number."""
    assert title(along_axis(largest, largest, NOISE, False, axis="axis 0", extent=extent)) == expected


def test_latency_is_told_four_ways() -> None:
    """By the statistics that are handed in, and the slowest call of those that are drawn."""
    latency = measured()
    faster = paired_ratio(latency, "trace", False, speed_up=(2.0, 1.9, 2.1))
    assert title(faster) == "Pair by pair: trace is 2.00× as fast as eager"
    middles = latency_histogram(latency, "trace", False, medians_s={"eager": 2e-4, "trace": 1e-4})
    assert title(middles) == "Half of the calls within 100 µs, eager's 200 µs"
    tail = latency_ecdf(latency, "trace", False, tail=(0.99, {"eager": 3e-4, "trace": 2e-4}))
    assert title(tail) == "99 % of the calls within 200 µs, eager's 300 µs"
    assert title(latency_timeline(latency, "trace", False)) == "Call by call: the slowest took 202 µs, by eager"


def test_sizes_are_told_by_the_speed_up_and_the_cost_of_an_item() -> None:
    """1 ms against 500 µs is 2×, 5 ms against 4 ms is 1.25×; ten items in 4 ms take 400 µs each."""
    assert title(latency_by_size(POINTS, "batch", False)) == "1.25× to 2.00× as fast, by batch"
    assert title(latency_by_size(POINTS, "batch", False, per_item=True)) == (
        "An item: 400 µs at 10, 500 µs at 1, by batch"
    )
    assert title(latency_by_size(POINTS[:2], "<b>", False)) == "1.00 ms and up, by &lt;b&gt;"


def test_shapes_in_turn_are_told_by_the_dearest_first_visit() -> None:
    """10 ms and then 100 µs is a hundred times the last visit."""
    assert title(visits(ALTERNATION, ["a", "b"], False)) == "A first visit takes up to 100× the last"


def test_sizes_that_were_tried_are_counted() -> None:
    """One that fails, several, none."""
    found = Sizes(dim="batch", base=2, agree=(1, 2), fail=(3,))
    assert title(frontier([found], False)) == "1 of 3 sizes tried fails, all else as in the base case"
    assert title(frontier([found, found], False)).startswith("2 of 6 sizes tried fail,")
    assert title(frontier([Sizes(dim="batch", base=2, agree=(1,), fail=())], False)).startswith("None of 1 size tried")


def test_two_runs_are_told_by_what_changed() -> None:
    """Cases that changed of those that both have, and the mode whose speed changed most, up or down."""
    changes = pd.DataFrame(
        {"before": ["identical"] * 3 + ["absent"], "after": ["identical", "mismatch", "crash", "crash"]}
    )
    assert title(run_changes(changes, False)) == "Before → after: 2 of 3 cases changed"
    assert title(speed_changes({"trace": 2.0, "script": 1.5}, {"trace": 1.0, "script": 1.6}, False)).endswith(
        "trace moves most, 2.00× to 1.00×"
    )


def test_lessons_tell_what_they_found() -> None:
    """Where curves part, how many classes flip, the slowest call, and from which size the rule fails."""
    curves = parting_curves([0, 1, 2], {"eager": [0, 1, 2], "trace": [0, 5, 6]}, False, at=1, axes=("x", "y"))
    assert title(curves) == "y against x: they part from 1.0 to 2.0"
    same = parting_curves([0, 1], {"eager": [0, 1], "trace": [0, 1]}, False, at=1, axes=("x", "y"))
    assert title(same) == "y against x: one curve"
    assert title(agreement([[5, 1], [2, 4]], False)) == "Predicted class: 3 of 12 differ"
    assert title(call_by_call({"eager": [3e-3, 1e-3], "trace": [2e-3]}, False)) == (
        "Call by call: the slowest took 3.00 ms, by eager"
    )
    assert title(growing_delta([(1, 1e-6), (100, 1e-4)], 1e-5, False)) == (
        "Larger outputs, larger |Δ|: beyond the rule from 100"
    )
