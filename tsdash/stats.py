"""Latency samples to numbers: medians, intervals, percentiles, speed-ups, outliers, phases, break-even.

Every number is derived from the raw samples and can be derived again. Latencies are cut off on the left and long on the
right, so nothing here assumes a normal distribution. Times are seconds; a ratio is eager / exported, above 1 where the
export is faster.
"""

from __future__ import annotations

import functools
import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tsdash.spec import CONTROL, EAGER, Arm, Latency

Floats = npt.NDArray[np.float64]
Samples = Sequence[float] | Floats

CONFIDENCE = 0.95  # of every interval
PERCENTILES = (0.9, 0.95, 0.99)  # that are named, as far as the samples allow to know them
MEDIAN_SAMPLES = 6  # the fewest that give the median a 95 % interval: 1 − 2·0.5ⁿ ≥ 0.95
SMALLEST_CLAIM = 0.01  # builds of one model differ by 0.2 %, at times 0.8 %, in where their memory lies; see `speedup`
BOOTSTRAP_DRAWS = 10_000
TUKEY_FENCE = 1.5  # interquartile ranges beyond the quartiles: an outlier
TUKEY_FAR = 3.0  # … far out
STEADY_SAMPLES = 5  # the fewest calls that make a steady phase
STEADY_CHANGE = 0.05  # a smaller change of speed is drift of the machine, not a phase
ECDF_POINTS = 500
HISTOGRAM_BINS = 60

DISTURBED_CONTROL = 0.02  # eager against itself
DISTURBED_ROUNDS = 0.10  # of the rounds interrupted, or of eager's samples far out
DISTURBED_STEAL = 0.01  # of the processors' time
DISTURBED_FREQUENCY = 0.10


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value with the interval that holds it at 95 % confidence."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Speedup:
    """How many times faster the export is than eager, beside how far eager seems to differ from itself."""

    ratio: float
    low: float
    high: float
    control_low: float
    control_high: float
    claimed: bool  # the difference, faster or slower, is larger than any that the control shows


@dataclass(frozen=True, kw_only=True)
class BreakEven:
    """After how many calls an export has paid for itself."""

    calls: int | None  # None: never, as far as can be claimed; the control might explain what a call saves
    cost_s: float  # of the export, the load and the first call
    saving_s: float  # of each later call, by the medians; negative where eager is faster


@dataclass(frozen=True, kw_only=True)
class Outliers:
    """Samples beyond Tukey's fences: counted, never removed."""

    low_fence: float
    high_fence: float
    below: int
    above: int

    @property
    def count(self) -> int:
        return self.below + self.above


@dataclass(frozen=True, kw_only=True)
class Bins:
    """A histogram that ends where samples are far out; those are in `below` and `above`, so that none is lost."""

    edges: tuple[float, ...]  # one more than counts
    counts: tuple[int, ...]
    below: int
    above: int


@dataclass(frozen=True, kw_only=True)
class Ecdf:
    """A share of `fractions[i]` of the samples is at most `values[i]`."""

    values: tuple[float, ...]
    fractions: tuple[float, ...]


def median(samples: Samples) -> float:
    """The middle sample, or the mean of the two middle ones."""
    return float(np.median(_given(samples)))


def samples_needed(q: float, confidence: float = CONFIDENCE) -> int:
    """How many samples it takes to know the q-quantile: 29 for p90, 59 for p95, 299 for p99.

    The largest of n samples reaches the quantile with probability 1 − qⁿ (below the median, the smallest with 1 − (1 −
    q)ⁿ); n is the first for which that is at least `confidence`. Source: S. S. Wilks, "Determination of sample sizes
    for setting tolerance limits", Annals of Mathematical Statistics 12 (1941).
    """
    if not 0 < q < 1:
        raise ValueError(f"A quantile lies between 0 and 1, not at {q}. Write 0.99 for p99.")
    return math.ceil(math.log(1 - confidence) / math.log(max(q, 1 - q)))


def percentile(samples: Samples, q: float) -> float | None:
    """The q-quantile as the ⌈n·q⌉-th smallest sample; None where there are too few samples to know it.

    It is a sample that did occur, never a value between two modes. Source: definition 1 of Hyndman and Fan, "Sample
    quantiles in statistical packages", The American Statistician 50 (1996).
    """
    if len(samples) < samples_needed(q):
        return None
    rank = math.ceil(round(len(samples) * q, 9))  # 100 · 0.95 is 95, not the float above it
    return float(np.partition(_given(samples), rank - 1)[rank - 1])


def tail(latency: Latency, *names: str) -> tuple[float, dict[str, float]] | None:
    """The highest of PERCENTILES that the samples of all these contenders allow to know, with its seconds for each; None where
    they are too few for any."""
    samples = {arm.name: arm.samples_s for arm in latency.arms if arm.name in names}
    for q in reversed(PERCENTILES):
        known = {name: percentile(taken, q) for name, taken in samples.items()}
        found = {name: seconds for name, seconds in known.items() if seconds is not None}
        if len(found) == len(names):
            return q, found
    return None


def quantile_interval(samples: Samples, q: float) -> Estimate | None:
    """The q-quantile between two order statistics that hold it at 95 % confidence; None where n is too small for both.

    How many samples lie below the quantile is binomial(n, q), whatever the distribution; each side gives away half of
    the 5 %. Source: David and Nagaraja, "Order Statistics", 3rd ed. (2003), section 7.1.
    """
    ranks = _interval_ranks(len(samples), q)
    if ranks is None:
        return None
    ordered = np.sort(_given(samples))
    value = float(np.median(ordered)) if q == 0.5 else float(ordered[math.ceil(round(len(samples) * q, 9)) - 1])
    return Estimate(value=value, low=float(ordered[ranks[0] - 1]), high=float(ordered[ranks[1] - 1]))


def median_interval(samples: Samples) -> Estimate | None:
    """The median with its distribution-free interval; six samples are the fewest, the interval is then all of them."""
    return quantile_interval(samples, 0.5)


def paired_ratio(expected: Samples, actual: Samples, *, seed: int = 0) -> Estimate:
    """The median over all rounds of expectedᵢ / actualᵢ, with its percentile bootstrap interval.

    Both samples of a pair were taken in one round, so what slows a whole round (another program, a lower clock rate)
    cancels. Source of the interval: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3.
    """
    slower, faster = _given(expected), _given(actual)
    if slower.shape != faster.shape:
        raise ValueError(
            f"Samples are paired by round: {len(slower)} of one arm do not go with {len(faster)} of the other."
        )
    ratios = np.sort(slower / faster)
    low, high = np.quantile(_bootstrap_medians(ratios, seed), ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return Estimate(value=float(np.median(ratios)), low=float(low), high=float(high))


def speedup(eager: Arm, exported: Arm, control: Arm, *, seed: int = 0) -> Speedup:
    """How many times faster `exported` is than `eager`, claimed only where the A/A control cannot explain it.

    `control` is eager once more. Its interval, taken to either side of 1, is what measuring can get wrong; a difference
    is claimed where its own interval lies wholly beyond that and beyond 1 %, and where there are samples enough for an
    interval. The 1 % is for what repeating within one process cannot show, above all where memory lies: Mytkowicz et
    al., "Producing wrong data without doing anything obviously wrong!", ASPLOS (2009).
    """
    ratio = paired_ratio(eager.samples_s, exported.samples_s, seed=seed)
    itself = paired_ratio(eager.samples_s, control.samples_s, seed=seed)
    doubt = max(itself.high, 1 / itself.low, 1 + SMALLEST_CLAIM)
    return Speedup(
        ratio=ratio.value,
        low=ratio.low,
        high=ratio.high,
        control_low=itself.low,
        control_high=itself.high,
        claimed=len(eager.samples_s) >= MEDIAN_SAMPLES and (ratio.low > doubt or ratio.high < 1 / doubt),
    )


def speedups(latency: Latency) -> dict[str, Speedup]:
    """The speed-up of every mode that was measured beside eager and its control, by mode."""
    arms = {arm.name: arm for arm in latency.arms}
    eager, control = arms.pop(EAGER), arms.pop(CONTROL)
    return {name: speedup(eager, arm, control) for name, arm in arms.items()}


def outliers(samples: Samples, fence: float = TUKEY_FENCE) -> Outliers:
    """How many samples lie more than `fence` interquartile ranges beyond the quartiles.

    Source: J. W. Tukey, "Exploratory Data Analysis" (1977), section 2D. The quartiles are numpy's linear ones.
    """
    values = _given(samples)
    lower, upper = np.quantile(values, (0.25, 0.75))
    low, high = lower - fence * (upper - lower), upper + fence * (upper - lower)
    return Outliers(
        low_fence=float(low),
        high_fence=float(high),
        below=int(np.count_nonzero(values < low)),
        above=int(np.count_nonzero(values > high)),
    )


def steady_from(samples: Samples) -> int:
    """The index at which the last phase of constant speed begins; 0 where all calls are one phase.

    The logarithms of the times are split where two medians explain them best (least absolute deviation, so that a slow
    call alone is no phase unless it comes first), and the right part again, until a split gains less than its two
    parameters cost by Schwarz's criterion or changes the speed by less than 5 %. Sources: binary segmentation, Scott
    and Knott, Biometrics 30 (1974); Yao, "Estimating the number of change-points via Schwarz' criterion" (1988);
    change-points for warm-up, Barrett et al., "Virtual machine warmup blows hot and cold", OOPSLA (2017).
    """
    speeds = np.log(_given(samples))
    begin = 0
    while (change := _change_point(speeds[begin:])) is not None:
        begin += change
    return begin


def settled_after(warmup: Samples) -> int | None:
    """The calls of a warm-up after which its speed changed no more; None where it still did, that is where the last phase
    makes up less than half of it, and for no calls at all."""
    begin = steady_from(warmup) if len(warmup) else 0
    return begin if len(warmup) and begin <= len(warmup) / 2 else None


def ecdf(samples: Samples, points: int = ECDF_POINTS) -> Ecdf:
    """The share of calls done after a given time, at no more than `points` order statistics, both ends among them."""
    ordered = np.sort(_given(samples))
    n = len(ordered)
    kept = np.unique(np.linspace(0, n - 1, min(n, points)).round().astype(int))
    return Ecdf(values=tuple(ordered[kept].tolist()), fractions=tuple(((kept + 1) / n).tolist()))


def histogram(samples: Samples, most: int = HISTOGRAM_BINS) -> Bins:
    """Counts in bins of the width 2·IQR/∛n, no more than `most` of them, between Tukey's outer fences.

    Source of the width: Freedman and Diaconis, "On the histogram as a density estimator: L2 theory" (1981).
    """
    values = _given(samples)
    far = outliers(values, TUKEY_FAR)
    inside = values[(values >= far.low_fence) & (values <= far.high_fence)]
    lower, upper = np.quantile(values, (0.25, 0.75))
    width = 2 * (upper - lower) / len(values) ** (1 / 3)
    span = float(np.ptp(inside))
    bins = min(most, math.ceil(span / width)) if width > 0 and span > 0 else 1
    counts, edges = np.histogram(inside, bins=bins)
    return Bins(edges=tuple(edges.tolist()), counts=tuple(counts.tolist()), below=far.below, above=far.above)


def break_even(latency: Latency, mode: str, *, export_s: float) -> BreakEven | None:
    """When the mode has paid for itself; None where it was not timed, or its first call was not measured.

    With the export, n calls take the export, the load, the first call and n − 1 steady ones; without, n calls of eager.
    """
    arms = {arm.name: arm for arm in latency.arms}
    footprint = next((taken for taken in latency.footprints if taken.mode == mode), None)
    if mode not in arms or footprint is None:
        return None
    eager_s, exported_s = median(arms[EAGER].samples_s), median(arms[mode].samples_s)
    cost_s, saving_s = export_s + footprint.load_s + footprint.first_call_s, eager_s - exported_s
    found = speedup(arms[EAGER], arms[mode], arms[CONTROL])
    pays = found.claimed and found.ratio > 1 and saving_s > 0
    calls = max(1, math.ceil((cost_s - exported_s) / saving_s)) if pays else None
    return BreakEven(calls=calls, cost_s=cost_s, saving_s=saving_s)


def disturbances(latency: Latency) -> tuple[str, ...]:
    """What the machine did that makes the samples doubtful, one sentence each; empty where the run was quiet.

    A run is disturbed where eager differs from itself by more than 2 %, the kernel interrupted more than 10 % of the
    rounds, more than 10 % of eager's samples are far out by Tukey's outer fences, the hypervisor took more than 1 % of
    the time, more programs wanted to run than there are processors, or the clock rate moved by more than 10 %.
    """
    arms = {arm.name: arm.samples_s for arm in latency.arms}
    eager, control = arms[EAGER], arms.get(CONTROL)
    found = []
    if control and abs(math.log(ratio := paired_ratio(eager, control).value)) > DISTURBED_CONTROL:
        found.append(f"Eager differs from itself by {abs(ratio - 1):.1%}.")
    if len(latency.preempted) > DISTURBED_ROUNDS * len(eager):
        found.append(f"The kernel took the processor away in {len(latency.preempted)} of {len(eager)} rounds.")
    if (far := outliers(eager, TUKEY_FAR).count) > DISTURBED_ROUNDS * len(eager):
        found.append(f"{far} of eager's {len(eager)} samples are far out.")
    if latency.stolen_share is not None and latency.stolen_share > DISTURBED_STEAL:
        found.append(f"The hypervisor took {latency.stolen_share:.1%} of the processors' time.")
    if latency.load_average is not None and latency.cpus and latency.load_average > latency.cpus:
        found.append(f"{latency.load_average:.1f} programs wanted to run on {latency.cpus} processors.")
    if (
        latency.frequency_mhz
        and abs(math.log(latency.frequency_mhz[1] / latency.frequency_mhz[0])) > DISTURBED_FREQUENCY
    ):
        before, after = latency.frequency_mhz
        found.append(f"The processor's clock went from {before:.0f} to {after:.0f} MHz.")
    return tuple(found)


def _given(samples: Samples) -> Floats:
    values = np.asarray(samples, dtype=np.float64)
    if values.size == 0:
        raise ValueError("There are no samples.")
    return values


@functools.lru_cache(maxsize=256)
def _interval_ranks(n: int, q: float) -> tuple[int, int] | None:
    """The order statistics r ≤ s, counted from 1, with P(B < r) ≤ 2.5 % and P(B ≥ s) ≤ 2.5 % for B ~ binomial(n, q)."""
    tail = (1 - CONFIDENCE) / 2
    log_n = math.lgamma(n + 1)
    chances = [
        math.exp(log_n - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * math.log(q) + (n - k) * math.log1p(-q))
        for k in range(n + 1)
    ]
    below = np.cumsum(chances)  # P(B ≤ k)
    above = np.cumsum(chances[::-1])  # P(B ≥ n − k)
    low = int(np.searchsorted(below, tail, side="right"))  # as many k have P(B ≤ k) ≤ tail
    high = n + 1 - int(np.searchsorted(above, tail, side="right"))
    return (low, high) if low >= 1 and high <= n else None


def _bootstrap_medians(ordered: Floats, seed: int) -> Floats:
    """The medians of 10,000 resamples of the `ordered` values, without drawing the resamples.

    A resample picks ⌈n·U⌉-th values for n uniform U, so its middle value sits at the middle one of n uniforms, and the
    r-th smallest of those is Beta(r, n − r + 1); the next above it fills the rest by Beta(1, n − r). Same distribution,
    1 / n of the work. Source: David and Nagaraja, "Order Statistics", 3rd ed. (2003), sections 2.1 and 2.5.
    """
    rng = np.random.default_rng(seed)
    n = len(ordered)
    rank = (n + 1) // 2
    middle = rng.beta(rank, n - rank + 1, BOOTSTRAP_DRAWS)
    picked = ordered[np.minimum((n * middle).astype(int), n - 1)]
    if n % 2:
        return np.asarray(picked)
    following = middle + (1 - middle) * rng.beta(1, n - rank, BOOTSTRAP_DRAWS)
    return np.asarray((picked + ordered[np.minimum((n * following).astype(int), n - 1)]) / 2)


def _change_point(speeds: Floats) -> int | None:
    """Where to split log times into two phases, the second of five calls or more; None where one explains them."""
    n = len(speeds)
    if n <= STEADY_SAMPLES:
        return None
    settled = speeds[n // 2 :]
    noise = max(float(np.median(np.abs(settled - np.median(settled)))) / math.log(2), STEADY_CHANGE / math.log(n))
    heads = _absolute_deviations(speeds)
    tails = _absolute_deviations(speeds[::-1])[::-1]
    splits = range(1, n - STEADY_SAMPLES + 1)
    best = min(splits, key=lambda k: heads[k - 1] + tails[k])
    gained = heads[n - 1] - heads[best - 1] - tails[best]
    change = abs(float(np.median(speeds[:best]) - np.median(speeds[best:])))
    return best if gained > noise * math.log(n) and change > STEADY_CHANGE else None


def _absolute_deviations(values: Floats) -> list[float]:
    """Σ |x − median| of the first 1, 2, … n values: the sum of the upper half less that of the lower."""
    lower: list[float] = []  # a heap of negated values
    upper: list[float] = []
    sums, spread = [], 0.0
    for value in values.tolist():
        heapq.heappush(upper, value)
        spread += value
        moved = heapq.heappop(upper)
        heapq.heappush(lower, -moved)
        spread -= 2 * moved
        if len(lower) > len(upper) + 1:
            moved = -heapq.heappop(lower)
            heapq.heappush(upper, moved)
            spread += 2 * moved
        sums.append(spread + (-lower[0] if len(lower) > len(upper) else 0.0))
    return sums
