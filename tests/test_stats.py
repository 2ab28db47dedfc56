"""Statistics of latency samples: hand-worked answers, then properties that hold for any samples."""

from __future__ import annotations

import math
import random
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsdash import stats
from tsdash.spec import CONTROL, EAGER, Arm, Case, Latency

times = st.floats(min_value=1e-7, max_value=10.0, allow_nan=False)
some_times = st.lists(times, min_size=1, max_size=60)
paired_times = st.lists(st.tuples(times, times), min_size=1, max_size=60)
briefly = settings(max_examples=60)
BASE = Case(id="base", dims={})


def arm(name: str, samples: list[float]) -> Arm:
    return Arm(name=name, warmup_s=(), samples_s=tuple(samples))


def latency(eager: list[float], control: list[float], **facts: object) -> Latency:
    return Latency(case=BASE, arms=(arm(EAGER, eager), arm(CONTROL, control)), **facts)


def noisy(level: float, n: int, seed: int) -> list[float]:
    """Times around `level`, skewed to the right by a few per cent."""
    rng = random.Random(seed)
    return [level * math.exp(0.03 * abs(rng.gauss(0, 1))) for _ in range(n)]


def test_the_tail_is_told_by_the_highest_percentile_that_all_can_know() -> None:
    """60 samples know p95, the 57th smallest, and not p99; 20 know none."""
    rising = [float(i) for i in range(1, 61)]
    assert stats.tail(latency(rising, rising[:59]), EAGER, CONTROL) == (0.95, {EAGER: 57.0, CONTROL: 57.0})
    assert stats.tail(latency(rising, rising[:20]), EAGER, CONTROL) is None
    assert stats.tail(latency(rising, rising), EAGER, "trace") is None


class TestMedian:
    def test_the_middle_of_an_odd_number(self) -> None:
        """The median of 5, 1, 3 is 3."""
        assert stats.median([5.0, 1.0, 3.0]) == 3.0

    def test_the_mean_of_the_two_middle_ones_of_an_even_number(self) -> None:
        """The median of 4, 1, 3, 2 is 2.5."""
        assert stats.median([4.0, 1.0, 3.0, 2.0]) == 2.5

    def test_no_samples_are_an_error(self) -> None:
        """A median of nothing is a mistake of the caller, not a NaN."""
        with pytest.raises(ValueError, match="no samples"):
            stats.median([])


class TestPercentile:
    @pytest.mark.parametrize(("q", "n"), [(0.90, 29), (0.95, 59), (0.99, 299), (0.5, 5), (0.01, 299), (0.999, 2995)])
    def test_the_number_of_samples_it_takes(self, q: float, n: int) -> None:
        """Wilks: n is the first number with 1 − qⁿ ≥ 0.95, and one sample fewer falls short."""
        assert stats.samples_needed(q) == n
        far = max(q, 1 - q)
        assert 1 - far**n >= 0.95 > 1 - far ** (n - 1)

    def test_the_ninetieth_of_a_hundred(self) -> None:
        """Of 1 … 100 the 90th percentile is 90, the 95th 95."""
        samples = [float(i) for i in range(100, 0, -1)]
        assert stats.percentile(samples, 0.90) == 90.0
        assert stats.percentile(samples, 0.95) == 95.0

    def test_too_few_samples_give_none(self) -> None:
        """A hundred samples do not know the 99th percentile; 298 do not either, 299 do: it is the 297th."""
        assert stats.percentile([1.0] * 100, 0.99) is None
        assert stats.percentile([1.0] * 298, 0.99) is None
        assert stats.percentile([float(i) for i in range(1, 300)], 0.99) == 297.0

    @pytest.mark.parametrize("q", [0.0, 1.0, 99.0])
    def test_a_percentile_is_a_share(self, q: float) -> None:
        """99 instead of 0.99 is told, not computed."""
        with pytest.raises(ValueError, match=r"0\.99"):
            stats.percentile([1.0] * 400, q)

    @briefly
    @given(st.lists(times, min_size=29, max_size=80))
    def test_it_is_a_sample_with_the_share_at_or_below_it(self, samples: list[float]) -> None:
        """At least 90 % of the samples are at most p90, and fewer than 90 % are below it."""
        p90 = stats.percentile(samples, 0.9)
        assert p90 in samples
        assert sum(sample <= p90 for sample in samples) >= 0.9 * len(samples)
        assert sum(sample < p90 for sample in samples) < 0.9 * len(samples)


class TestQuantileInterval:
    def test_five_samples_are_too_few_and_six_are_enough(self) -> None:
        """1 − 2·0.5⁵ = 0.9375 and 1 − 2·0.5⁶ = 0.969: with six samples the interval is all of them."""
        assert stats.median_interval([1.0, 2.0, 3.0, 4.0, 5.0]) is None
        assert stats.median_interval([6.0, 5.0, 4.0, 3.0, 2.0, 1.0]) == stats.Estimate(value=3.5, low=1.0, high=6.0)

    def test_ten_samples(self) -> None:
        """P(B ≤ 1) = 11/1024 = 0.011 and P(B ≤ 2) = 56/1024 = 0.055: the 2nd and the 9th."""
        assert stats.median_interval([float(i) for i in range(1, 11)]) == stats.Estimate(value=5.5, low=2.0, high=9.0)

    def test_a_hundred_samples(self) -> None:
        """The tables give the 40th and the 61st for the median of a hundred at 95 % (Le Boudec, 2010, appendix A)."""
        found = stats.median_interval([float(i) for i in range(1, 101)])
        assert (found.low, found.high) == (40.0, 61.0)

    def test_the_upper_end_of_a_high_quantile_takes_more_samples(self) -> None:
        """0.99³⁶⁷ = 0.02502 is more than 2.5 %, 0.99³⁶⁸ = 0.0248 is less: then the largest sample is the upper end."""
        samples = [float(i) for i in range(1, 369)]
        assert stats.quantile_interval(samples[:-1], 0.99) is None
        assert stats.quantile_interval(samples, 0.99).high == 368.0

    @briefly
    @given(st.lists(times, min_size=6, max_size=60))
    def test_it_contains_the_sample_median(self, samples: list[float]) -> None:
        """The interval lies around the estimate, whatever the samples."""
        found = stats.median_interval(samples)
        assert found.low <= found.value <= found.high
        assert found.value == statistics.median(samples)

    def test_it_holds_the_true_median_in_95_of_100_trials(self) -> None:
        """The coverage over 2,000 seeded draws of an exponential is at least 95 %, less the noise of counting."""
        rng = np.random.default_rng(1)
        found = [stats.median_interval(rng.exponential(size=25)) for _ in range(2000)]
        assert np.mean([f.low <= math.log(2) <= f.high for f in found]) >= 0.94


class TestPairedRatio:
    def test_the_median_of_the_ratios_not_the_ratio_of_the_medians(self) -> None:
        """2/1, 9/3, 8/2: the median ratio is 3, while 8/2 of the medians is 4."""
        assert stats.paired_ratio([2.0, 9.0, 8.0], [1.0, 3.0, 2.0]).value == 3.0

    def test_one_pair_is_its_own_interval(self) -> None:
        """With nothing to resample the ends are the value."""
        assert stats.paired_ratio([3.0], [2.0]) == stats.Estimate(value=1.5, low=1.5, high=1.5)

    def test_two_pairs(self) -> None:
        """A resample of two is both small, both large (a quarter each) or one of each: the ends are the two ratios."""
        assert stats.paired_ratio([1.0, 2.0], [1.0, 1.0]) == stats.Estimate(value=1.5, low=1.0, high=2.0)

    def test_a_slow_round_cancels(self) -> None:
        """Where whole rounds are 1×, 5× and 40× slower, the ratio is still exact."""
        assert stats.paired_ratio([2.0, 10.0, 80.0], [1.0, 5.0, 40.0]) == stats.Estimate(value=2.0, low=2.0, high=2.0)

    def test_unequal_numbers_are_an_error(self) -> None:
        """Samples that belong to no round are not dropped in silence."""
        with pytest.raises(ValueError, match="paired by round"):
            stats.paired_ratio([1.0, 2.0], [1.0])

    @pytest.mark.parametrize("n", [7, 20])
    def test_its_medians_are_distributed_as_those_of_real_resamples(self, n: int) -> None:
        """The order-statistics shortcut and plain resampling agree on the distribution of the median."""
        ordered = np.arange(1.0, n + 1)
        plain = np.median(np.random.default_rng(5).choice(ordered, (20_000, n)), axis=1)
        quick = stats._bootstrap_medians(ordered, seed=6)
        levels = np.arange(0.5, n + 1, 0.5)
        gap = [abs(np.mean(plain <= level) - np.mean(quick <= level)) for level in levels]
        assert (
            max(gap) < 0.02
        )  # Kolmogorov–Smirnov at 1 % for 20,000 and 10,000 draws: 1.63·√(1/20000 + 1/10000) = 0.02

    @briefly
    @given(paired_times, st.integers(min_value=0, max_value=99))
    def test_the_order_of_the_rounds_does_not_matter(self, pairs: list[tuple[float, float]], seed: int) -> None:
        """Shuffling the rounds changes neither the estimate nor the interval."""
        shuffled = random.Random(seed).sample(pairs, len(pairs))
        assert stats.paired_ratio(*zip(*pairs, strict=True)) == stats.paired_ratio(*zip(*shuffled, strict=True))

    @briefly
    @given(paired_times, st.sampled_from([0.25, 2.0, 8.0]))
    def test_twice_the_time_is_twice_the_ratio(self, pairs: list[tuple[float, float]], factor: float) -> None:
        """Scaling one arm scales the estimate and both ends; powers of two do so exactly."""
        slow, fast = zip(*pairs, strict=True)
        once, scaled = stats.paired_ratio(slow, fast), stats.paired_ratio([factor * t for t in slow], fast)
        assert (scaled.value, scaled.low, scaled.high) == (factor * once.value, factor * once.low, factor * once.high)

    @briefly
    @given(paired_times)
    def test_the_interval_contains_the_median(self, pairs: list[tuple[float, float]]) -> None:
        """The estimate lies between the ends, and the ends between the extreme ratios."""
        slow, fast = zip(*pairs, strict=True)
        found = stats.paired_ratio(slow, fast)
        ratios = [s / f for s, f in pairs]
        assert min(ratios) <= found.low <= found.value <= found.high <= max(ratios)


class TestSpeedup:
    def test_twice_as_fast_is_claimed(self) -> None:
        """An export that takes half the time, with a control at 1, is a speed-up of 2."""
        found = stats.speedup(arm(EAGER, [2.0] * 10), arm("trace", [1.0] * 10), arm(CONTROL, [2.0] * 10))
        assert found == stats.Speedup(ratio=2.0, low=2.0, high=2.0, control_low=1.0, control_high=1.0, claimed=True)

    def test_twice_as_slow_is_claimed_too(self) -> None:
        """A difference counts in both directions."""
        found = stats.speedup(arm(EAGER, [1.0] * 10), arm("trace", [2.0] * 10), arm(CONTROL, [1.0] * 10))
        assert (found.ratio, found.claimed) == (0.5, True)

    def test_no_speedup_smaller_than_the_control_is_claimed(self) -> None:
        """Eager seems 10 % slower than itself; an export 5 % faster is no news."""
        eager = [1.1] * 10
        found = stats.speedup(arm(EAGER, eager), arm("trace", [1.1 / 1.05] * 10), arm(CONTROL, [1.0] * 10))
        assert found.low > 1.04
        assert not found.claimed

    def test_the_control_counts_to_either_side(self) -> None:
        """Eager seems 10 % faster than itself; an export that is 5 % faster than eager is no news either."""
        found = stats.speedup(arm(EAGER, [1.0] * 10), arm("trace", [1 / 1.05] * 10), arm(CONTROL, [1.1] * 10))
        assert found.low > found.control_high
        assert not found.claimed

    def test_less_than_one_per_cent_is_never_claimed(self) -> None:
        """Half a per cent is what memory placement does to two builds of one model, however exact the samples."""
        found = stats.speedup(arm(EAGER, [1.005] * 10), arm("trace", [1.0] * 10), arm(CONTROL, [1.005] * 10))
        assert not found.claimed

    def test_nothing_is_claimed_from_five_samples(self) -> None:
        """Fewer samples than an interval of the median needs are no evidence."""
        found = stats.speedup(arm(EAGER, [2.0] * 5), arm("trace", [1.0] * 5), arm(CONTROL, [2.0] * 5))
        assert not found.claimed

    def test_eager_against_itself_is_not_claimed(self) -> None:
        """A third arm from the same distribution is claimed in none of 50 seeded runs."""
        runs = [
            [arm(name, noisy(1e-5, 200, seed)) for name, seed in zip("exc", range(3 * k, 3 * k + 3), strict=True)]
            for k in range(50)
        ]
        assert not any(stats.speedup(*run).claimed for run in runs)

    def test_every_mode_of_a_measurement_has_its_own(self) -> None:
        """`speedups` takes eager and its control from the arms by name."""
        both = latency([2.0] * 8, [2.0] * 8)
        more = Latency(case=BASE, arms=(arm("script", [1.0] * 8), *both.arms, arm("trace", [2.0] * 8)))
        assert {mode: found.ratio for mode, found in stats.speedups(more).items()} == {"script": 2.0, "trace": 1.0}


class TestOutliers:
    def test_hand_worked_fences(self) -> None:
        """Of 1 … 8 and 100 the quartiles are 3 and 7, the fences −3 and 13, and 100 is the one outlier."""
        found = stats.outliers([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 100.0])
        assert found == stats.Outliers(low_fence=-3.0, high_fence=13.0, below=0, above=1)
        assert found.count == 1

    def test_equal_samples_have_none(self) -> None:
        """A spread of zero does not make every sample an outlier."""
        assert stats.outliers([0.3] * 12).count == 0

    @briefly
    @given(some_times, st.sampled_from([0.5, 4.0]))
    def test_their_number_does_not_depend_on_the_unit(self, samples: list[float], factor: float) -> None:
        """Seconds or half seconds: the same samples are outside."""
        assert stats.outliers(samples).count == stats.outliers([factor * sample for sample in samples]).count


class TestSteadyFrom:
    def test_a_slow_first_call(self) -> None:
        """One call that takes a thousand times longer is the whole warm-up."""
        assert stats.steady_from([1.0, *noisy(1e-3, 20, seed=0)]) == 1

    def test_three_slow_calls_of_a_torchscript_module(self) -> None:
        """0.55 s and 1.9 s, a call at twice the time, then 0.8 ms: steady from the fourth."""
        assert stats.steady_from([0.55, 1.9, 1.6e-3, *noisy(0.8e-3, 20, seed=1)]) == 3

    def test_two_phases(self) -> None:
        """Three very slow calls, ten slower by half: the last phase begins at the fourteenth."""
        assert stats.steady_from([1.0, 1.1, 0.9, *noisy(1.5e-3, 10, seed=2), *noisy(1e-3, 20, seed=3)]) == 13

    def test_an_interruption_in_the_middle_is_no_phase(self) -> None:
        """Single slow calls after the first do not move the beginning of the steady phase."""
        samples = noisy(1e-3, 30, seed=4)
        samples[11], samples[20], samples[29] = 0.1, 0.02, 0.5
        assert stats.steady_from(samples) == 0

    @pytest.mark.parametrize("seed", range(20))
    def test_noise_alone_is_one_phase(self, seed: int) -> None:
        """Skewed noise of a few per cent has no change-point."""
        assert stats.steady_from(noisy(1e-4, 100, seed)) == 0

    def test_drift_below_five_per_cent_is_no_phase(self) -> None:
        """The machine's clock rate moves by so much without any warm-up."""
        assert stats.steady_from([1.04] * 20 + [1.0] * 20) == 0

    def test_a_warm_up_has_settled_where_its_last_phase_is_half_of_it(self) -> None:
        """What a note calls still changing is nowhere called steady: ten slow calls of 20 are half, eleven are more."""
        assert stats.settled_after([1.0] * 10 + [1e-3] * 10) == 10
        assert stats.settled_after([1.0] * 11 + [1e-3] * 9) is None
        assert stats.settled_after([1e-3] * 20) == 0
        assert stats.settled_after([]) is None

    @briefly
    @given(some_times)
    def test_the_steady_phase_is_never_empty(self, samples: list[float]) -> None:
        """Either all samples are steady, or at least the last five."""
        begin = stats.steady_from(samples)
        assert begin == 0 or len(samples) - begin >= 5

    @briefly
    @given(st.lists(st.floats(min_value=-20, max_value=3), min_size=1, max_size=40))
    def test_the_running_deviations_are_those_of_each_beginning(self, values: list[float]) -> None:
        """The two-heap sum equals Σ|x − median| computed for every prefix from scratch."""
        expected = [sum(abs(v - statistics.median(values[:k])) for v in values[:k]) for k in range(1, len(values) + 1)]
        assert stats._absolute_deviations(np.array(values)) == pytest.approx(expected, abs=1e-9)


class TestEcdf:
    def test_four_samples(self) -> None:
        """A quarter of 3, 1, 2, 4 is at most 1, and so on."""
        found = stats.ecdf([3.0, 1.0, 2.0, 4.0])
        assert found == stats.Ecdf(values=(1.0, 2.0, 3.0, 4.0), fractions=(0.25, 0.5, 0.75, 1.0))

    def test_many_samples_become_few_points(self) -> None:
        """10,000 samples are drawn with 500 points, the fastest and the slowest among them."""
        found = stats.ecdf([float(i) for i in range(1, 10_001)])
        assert len(found.values) == 500
        assert (found.values[0], found.values[-1], found.fractions[-1]) == (1.0, 10_000.0, 1.0)

    @briefly
    @given(some_times)
    def test_fractions_rise_to_one(self, samples: list[float]) -> None:
        """Values and fractions never fall, and the last fraction is 1."""
        found = stats.ecdf(samples, points=7)
        assert list(found.values) == sorted(found.values)
        assert list(found.fractions) == sorted(found.fractions)
        assert found.fractions[-1] == 1.0


class TestHistogram:
    def test_hand_worked_width(self) -> None:
        """For 0 … 26 the IQR is 13 and the width 2·13/3 = 8⅔: three bins of nine."""
        found = stats.histogram([float(i) for i in range(27)])
        assert found.counts == (9, 9, 9)
        assert (found.edges[0], found.edges[-1]) == (0.0, 26.0)

    def test_far_samples_do_not_flatten_it(self) -> None:
        """A call a thousand times slower is counted beside the bins, not inside them."""
        found = stats.histogram([*[float(i) for i in range(27)], 1e6])
        assert found.above == 1
        assert found.edges[-1] == 26.0

    def test_equal_samples_are_one_bin(self) -> None:
        """No spread, no width: one bin holds all."""
        assert stats.histogram([0.5] * 9).counts == (9,)

    @briefly
    @given(some_times)
    def test_no_sample_is_lost(self, samples: list[float]) -> None:
        """Bins, below and above add up to all samples, in no more bins than allowed."""
        found = stats.histogram(samples, most=10)
        assert sum(found.counts) + found.below + found.above == len(samples)
        assert len(found.edges) == len(found.counts) + 1 <= 11


class TestDisturbances:
    def test_a_quiet_run_has_none(self) -> None:
        """Equal arms on an idle machine."""
        quiet = latency(
            [1.0] * 20, [1.0] * 20, load_average=0.9, cpus=2, stolen_share=0.0, frequency_mhz=(2000.0, 2000.0)
        )
        assert stats.disturbances(quiet) == ()

    @pytest.mark.parametrize(
        ("facts", "word"),
        [
            ({"preempted": (0, 4, 9)}, "kernel"),
            ({"stolen_share": 0.03}, "hypervisor"),
            ({"load_average": 5.0, "cpus": 2}, "2 processors"),
            ({"frequency_mhz": (3000.0, 2000.0)}, "2000 MHz"),
        ],
    )
    def test_each_fact_of_the_machine_speaks(self, facts: dict[str, object], word: str) -> None:
        """One fact beyond its threshold gives one sentence."""
        (said,) = stats.disturbances(latency([1.0] * 20, [1.0] * 20, **facts))
        assert word in said

    def test_eager_that_differs_from_itself(self) -> None:
        """A control at 5 % is more than the 2 % that a quiet machine shows."""
        (said,) = stats.disturbances(latency([1.05] * 20, [1.0] * 20))
        assert "5.0%" in said

    def test_samples_that_are_far_out(self) -> None:
        """Five of twenty samples ten times slower are no longer a tail."""
        samples = [1.0 + i / 1000 for i in range(40)]
        slow = [10.0 * s if i % 8 == 0 else s for i, s in enumerate(samples)]
        (said,) = stats.disturbances(latency(slow, slow))
        assert said == "5 of eager's 40 samples are far out."
