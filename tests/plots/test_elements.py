"""Figures of the elements of one output: nothing is lost, special values stand apart, every rank is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from tsdash import spec
from tsdash.plots import along_axis, alt_text, delta_histogram, reference_density, where_map
from tsdash.tokens import DELTA_LIGHT, OUTCOMES

NOISE = 2.1e-6


def histogram(counts: dict[int, int], **special: int) -> spec.Histogram:
    """A histogram from 10⁻²⁰ on; `counts` maps a bin's number, five a decade, to its count."""
    return spec.Histogram(low=-20, counts=tuple(counts.get(i, 0) for i in range(200)), **special)


def test_no_element_is_missing_from_the_histogram() -> None:
    """The bars add up to all elements: zeros, those outside the scale and what is not finite included."""
    fig = delta_histogram(histogram({50: 7, 75: 5}, zero=11, below=2, above=3, nonfinite=1), NOISE, False)
    assert sum(fig.data[0].y) == 7 + 5 + 11 + 2 + 3 + 1


def test_bars_have_the_colour_of_their_decade() -> None:
    """The bin [10⁻⁵, 10⁻⁴·⁸) is the first warm one; zeros are outside the scale."""
    fig = delta_histogram(histogram({75: 5}, zero=11), NOISE, False)
    assert list(fig.data[0].marker.color) == [OUTCOMES["identical"].fill[0], DELTA_LIGHT[4]]


def test_the_histogram_shows_both_bounds() -> None:
    """The noise floor is a solid line, 10⁻⁵ a dotted one."""
    fig = delta_histogram(histogram({75: 5}), NOISE, False)
    assert [(round(line.x0, 2), line.line.dash) for line in fig.layout.shapes] == [(-5.68, None), (-5.0, "dot")]


def test_without_a_noise_floor_only_the_plain_bound_is_shown() -> None:
    """Where the arithmetic has no noise, none is drawn."""
    assert len(delta_histogram(histogram({75: 5}), None, False).layout.shapes) == 1
    assert len(delta_histogram(histogram({75: 5}), 0.0, False).layout.shapes) == 1


def test_what_moves_eager_itself_is_drawn_over_the_same_bins() -> None:
    """A line for each kind that moves anything, at the places of the bars, and in words."""
    kinds = [
        spec.Noise(kind="jitter", words="given inputs moved by 1 ULP", path="output", elements=9, max_abs=1e-6, histogram=histogram({69: 4})),
        spec.Noise(kind="threads", words="computed by 2 threads", path="output", elements=9, max_abs=0.0, histogram=histogram({}, zero=9)),
    ]  # fmt: skip
    fig = delta_histogram(histogram({69: 7}, zero=0), NOISE, False, moved=kinds)
    assert [trace.type for trace in fig.data] == ["bar", "scatter"]
    assert list(fig.data[1].x) == list(fig.data[0].x)[-1:]
    assert "Eager itself moves by 1.0×10⁻⁶ when given inputs moved by 1 ULP and by 0 when" in alt_text(fig)


def test_names_of_lines_that_meet_stand_above_one_another() -> None:
    """Two kinds of noise with one peak; a third far from it stays at its own."""
    kinds = [
        spec.Noise(kind=kind, words="", path="output", elements=9, max_abs=1e-6, histogram=histogram({bin: 4}))
        for kind, bin in (("jitter", 69), ("row", 70), ("threads", 95))
    ]
    fig = delta_histogram(histogram({69: 7}), NOISE, False, moved=kinds)
    shifts = {note.text: note.yshift for note in fig.layout.annotations}
    assert (shifts["1 ULP jitter"], shifts["row alone"], shifts["other threads"]) == (0, 14, 0)


def test_one_element_is_still_a_bar() -> None:
    """On a log axis that begins below 1, a count of 1 has a height."""
    fig = delta_histogram(histogram({75: 1}), NOISE, False)
    assert 10 ** fig.layout.yaxis.range[0] < 1


@pytest.mark.parametrize("nothing", [None, histogram({})])
def test_no_elements_is_said(nothing: spec.Histogram | None) -> None:
    """Without elements the figure keeps its title and says why it is empty."""
    fig = delta_histogram(nothing, None, True)
    assert "Nothing to compare" in alt_text(fig)
    assert "How large" in fig.layout.title.text


def test_the_map_parts_zero_tiny_and_nan() -> None:
    """Zero, values below the scale, each decade and what is not finite are different steps."""
    largest = np.array([[0.0, 1e-15, 1e-5], [0.5, 3.0, np.nan]])
    heat = where_map(largest, False, rows=("batch", 2), columns=("class", 3)).data[0]
    assert np.asarray(heat.z).tolist() == [[0, 1, 5], [9, 10, 11]]
    assert heat.colorscale[-1][1] == OUTCOMES["crash"].fill[0]


def test_the_map_names_the_first_element_of_a_block() -> None:
    """Hovering a cell of 4 × 8 elements gives the index of its corner."""
    heat = where_map(np.ones((2, 2)), False, rows=("batch", 8), columns=("class", 16), reduced=True).data[0]
    assert np.asarray(heat.customdata)[1, 1].tolist() == [4, 8]


def test_a_reduced_map_says_that_it_takes_the_maximum() -> None:
    """The scale's name tells a reduced map from a full one."""
    reduced = where_map(np.ones((2, 2)), False, rows=("a", 8), columns=("b", 8), reduced=True)
    assert reduced.data[0].colorbar.title.text == "max |Δ|"
    full = where_map(np.ones((2, 2)), False, rows=("a", 2), columns=("b", 2))
    assert full.data[0].colorbar.title.text == "|Δ|"


@pytest.mark.parametrize("shape", [(1, 1), (1, 10), (10, 1), (64, 64)])
def test_tensors_of_any_rank_have_a_map(shape: tuple[int, int]) -> None:
    """A scalar is one cell, a vector one row."""
    fig = where_map(np.full(shape, 1e-3), False, rows=("row", shape[0]), columns=("column", shape[1]))
    assert np.asarray(fig.data[0].z).shape == shape


def test_an_empty_output_is_said_in_the_map() -> None:
    """An output without elements has words in place of cells."""
    assert "no elements" in alt_text(where_map(np.ones((0, 4)), False, rows=("a", 0), columns=("b", 4)))


def test_a_large_map_stays_below_a_megabyte() -> None:
    """128 × 128 cells with their values and places."""
    largest = np.random.default_rng(0).random((128, 128))
    assert len(where_map(largest, False, rows=("a", 9999), columns=("b", 9999), reduced=True).to_json()) < 1_000_000


def test_the_density_keeps_every_count() -> None:
    """All counts can be read on hover, empty cells are left blank."""
    counts = np.zeros((20, 20))
    counts[10, 12], counts[11, 5] = 3, 1
    edges = np.linspace(-10, 0, 21)
    heat = reference_density(counts, edges, edges, NOISE, False, half_ulp=2.0**-24).data[0]
    assert np.asarray(heat.customdata).sum() == 4
    assert np.isfinite(np.asarray(heat.z)).sum() == 2


def test_equal_elements_have_no_density() -> None:
    """Without a difference there is nothing to set against eager, and the figure says so."""
    assert "Every element is equal" in alt_text(
        reference_density(np.zeros((2, 2)), np.arange(3.0), np.arange(3.0), None, True)
    )


def test_the_axis_profile_shows_maximum_and_mean() -> None:
    """Both lines are drawn in log10 over the index, the largest is named in the alt text."""
    largest, mean = np.array([1e-6, 1e-3, 1e-6]), np.array([1e-7, 1e-5, 1e-7])
    fig = along_axis(largest, mean, NOISE, False, axis="seq", extent=30)
    lines = {trace.name: trace for trace in fig.data}
    assert list(lines["maximum"].y) == pytest.approx([-6, -3, -6])
    assert list(lines["maximum"].x) == [0, 10, 20]
    assert list(lines["mean"].y) == pytest.approx([-7, -5, -7])
    assert "near index 10 with 1.0×10⁻³" in alt_text(fig)


def test_what_is_not_finite_is_marked_on_the_profile() -> None:
    """A NaN cannot be drawn on the line, so it has a mark of its own."""
    fig = along_axis(np.array([1e-6, np.nan]), np.array([1e-7, np.nan]), None, False, axis="seq", extent=2)
    assert list(fig.data[-1].x) == [1]
    assert fig.data[-1].marker.symbol == "x"


def test_a_single_index_is_a_point() -> None:
    """A line needs two ends, one index is drawn as a mark."""
    fig = along_axis(np.array([1e-3]), np.array([1e-4]), None, False, axis="seq", extent=1)
    assert {trace.mode for trace in fig.data} == {"markers"}


def test_an_equal_axis_is_said() -> None:
    """No difference anywhere is said in words, not drawn as a line at the bottom."""
    assert "equal all along" in alt_text(along_axis(np.zeros(3), np.zeros(3), None, False, axis="seq", extent=3))
