"""Latency figures: samples as they were taken, statistics as they were handed in."""

from __future__ import annotations

import numpy as np
import pytest

from tsdash import spec
from tsdash.plots import alt_text, latency_ecdf, latency_histogram, latency_timeline, paired_ratio
from tsdash.plots.latency import MOST_POINTS

FIGURES = [paired_ratio, latency_histogram, latency_ecdf, latency_timeline]


def measured(n: int = 40, eager_s: float = 2e-4, mode_s: float = 1e-4, warmup: int = 3) -> spec.Latency:
    """Samples that rise by 1 % from first to last, the export twice as fast."""
    rise = np.linspace(1, 1.01, n)
    arms = [
        spec.Arm(name=name, warmup_s=(seconds * 50,) * warmup, samples_s=tuple(map(float, seconds * rise)))
        for name, seconds in (("eager", eager_s), (spec.CONTROL, eager_s), ("trace", mode_s))
    ]
    return spec.Latency(case=spec.Case(id="c1", dims={}), arms=tuple(arms))


@pytest.mark.parametrize("make", FIGURES)
@pytest.mark.parametrize("latency", [None, measured()])
def test_a_mode_that_was_not_timed_is_said(make, latency: spec.Latency | None) -> None:  # type: ignore[no-untyped-def]
    """Without samples of this mode every figure says so."""
    assert "script was not timed" in alt_text(make(latency, "script", False))


@pytest.mark.parametrize("make", FIGURES)
def test_a_single_sample_can_be_drawn(make) -> None:  # type: ignore[no-untyped-def]
    """One call of each is little, but no reason to fail."""
    assert make(measured(1, warmup=0), "trace", True).layout.height == 250


@pytest.mark.parametrize("make", FIGURES)
def test_many_samples_stay_below_a_megabyte(make) -> None:  # type: ignore[no-untyped-def]
    """Fifty thousand calls give a figure that loads at once."""
    assert len(make(measured(50_000), "trace", False).to_json()) < 1_000_000


def test_ratios_are_eager_over_exported() -> None:
    """Twice as fast is 2×, in every pair."""
    fig = paired_ratio(measured(), "trace", False, speed_up=(2.0, 1.9, 2.1), control=(0.98, 1.02))
    assert list(fig.data[0].y) == pytest.approx([2.0] * 40)
    assert "median 2.00× [1.90, 2.10]" in alt_text(fig)


def test_the_interval_the_control_and_1_are_always_in_view() -> None:
    """What the judgement rests on is never outside the axis."""
    low, high = paired_ratio(
        measured(), "trace", False, speed_up=(2.0, 1.5, 3.0), control=(0.5, 1.5)
    ).layout.yaxis.range
    assert low <= 0.5
    assert high >= 3.0


def test_both_histograms_share_their_bins_and_lose_no_call() -> None:
    """The slowest calls are in the last bin, so the counts add up to the calls."""
    fig = latency_histogram(measured(100), "trace", False, medians_s={"eager": 2e-4, "trace": 1e-4})
    assert list(fig.data[0].x) == list(fig.data[1].x)
    assert [int(sum(bars.y)) for bars in fig.data] == [100, 100]


def test_far_apart_contenders_share_a_log_axis() -> None:
    """Where one is forty times slower a linear axis would show two bars only."""
    assert latency_histogram(measured(mode_s=8e-3), "trace", False).layout.xaxis.type == "log"
    assert latency_histogram(measured(), "trace", False).layout.xaxis.type is None


def test_the_ecdf_ends_at_all_calls() -> None:
    """The share rises to 1 at the slowest call."""
    for line in latency_ecdf(measured(1000), "trace", False).data:
        assert line.y[-1] == 1
        assert line.x[-1] == max(line.x)


def test_the_warm_up_is_shown_and_named() -> None:
    """Warm-up calls come first, shaded, and the words say that they do not count."""
    fig = latency_timeline(measured(), "trace", False)
    assert list(fig.data[0].x[:4]) == [1, 2, 3, 4]
    assert any("warm-up, 3 calls, not counted" in note.text for note in fig.layout.annotations)


def test_the_call_after_which_the_mode_is_steady_is_marked() -> None:
    """A line inside the warm-up, and words for it; none where the mode was steady from the first call."""
    fig = latency_timeline(measured(), "trace", False, steady=2)
    assert "trace is steady after 2 calls" in alt_text(fig)
    assert any(note.text == " trace steady" for note in fig.layout.annotations)
    assert "steady" not in alt_text(latency_timeline(measured(), "trace", False, steady=0))


def test_thinning_never_loses_the_slowest_call() -> None:
    """Of many neighbours the slowest is drawn, and the axis says so."""
    latency = measured(10_000, warmup=0)
    spiked = list(latency.arms[0].samples_s)
    spiked[4321] = 1.0
    eager = spec.Arm(name="eager", warmup_s=(), samples_s=tuple(spiked))
    fig = latency_timeline(spec.Latency(case=latency.case, arms=(eager, *latency.arms[1:])), "trace", False)
    assert len(fig.data[0].y) <= MOST_POINTS
    assert max(fig.data[0].y) == pytest.approx(1.0 / 1e-6)
    assert "slowest of every" in fig.layout.xaxis.title.text
