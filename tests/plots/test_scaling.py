"""Latency at several sizes."""

from dataclasses import replace

import pytest

from tsdash.plots import Point, alt_text, latency_by_size, latency_by_threads, visits
from tsdash.spec import Alternation, Case

POINTS = [
    Point(arm=arm, size=size, median_s=seconds, low_s=0.9 * seconds, high_s=1.2 * seconds)
    for arm, size, seconds in (("eager", 1, 1e-3), ("eager", 10, 5e-3), ("trace", 1, 5e-4), ("trace", 10, 4e-3))
]
ALTERNATION = Alternation(
    mode="trace", cases=(Case(id="c1", dims={}), Case(id="c2", dims={})), visits_s=((1e-2, 1e-4), (2e-2, 3e-4))
)


@pytest.mark.parametrize("dark", [False, True])
def test_a_line_for_each_contender_goes_through_its_medians(dark):
    fig = latency_by_size(POINTS, "batch", dark)
    drawn = {trace.name: list(trace.y) for trace in fig.data}
    assert drawn == {"eager": pytest.approx([1000, 5000]), "trace": pytest.approx([500, 4000])}
    assert "eager at 10: 5.00 ms" in alt_text(fig)


def test_the_cost_of_an_item_is_the_time_divided_by_the_size():
    """5 ms for a batch of ten is 500 µs an item, and the intervals shrink with it."""
    fig = latency_by_size(POINTS, "batch", False, per_item=True)
    eager = next(trace for trace in fig.data if trace.name == "eager")
    assert list(eager.y) == pytest.approx([1000, 500])
    assert list(eager.error_y.array) == pytest.approx([200, 100])


@pytest.mark.parametrize("dark", [False, True])
def test_latency_by_threads_says_what_more_threads_bring(dark):
    """The title is the finding on the export: 500 µs with one, 250 µs with four."""
    points = [*POINTS[:1], POINTS[2], replace(POINTS[2], size=4, median_s=2.5e-4), replace(POINTS[0], size=4)]
    fig = latency_by_threads([points[0], points[3], *points[1:3]], dark)
    assert fig.layout.title.text == "Threads: trace is 2.00× as fast with 4 as with 1"
    assert list(fig.layout.xaxis.tickvals) == [1, 4]
    assert "One number of threads" in alt_text(latency_by_threads(POINTS[:1], dark))


def test_one_size_is_nothing_to_draw():
    assert "Only one size was timed" in alt_text(latency_by_size(POINTS[:1], "batch", False))


@pytest.mark.parametrize("dark", [False, True])
def test_each_shape_is_a_line_over_its_visits(dark):
    fig = visits(ALTERNATION, ["base", "batch 10"], dark)
    assert [(trace.name, list(trace.x)) for trace in fig.data] == [("base", [1, 2]), ("batch 10", [1, 2])]
    assert "batch 10: first 20.0 ms, last 300 µs" in alt_text(fig)


def test_without_alternation_the_figure_says_why():
    assert "only where a sweep has several sizes" in alt_text(visits(None, [], False))
