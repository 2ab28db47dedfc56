"""Benchmark 2: how much faster a model seems than itself, measured one after the other and in rounds.

Every difference between two calls of one object, or between two builds with equal weights, is a false one. In each run
the same object is timed twice by `torch.utils.benchmark`, twice by plain timed calls, and twice in the rounds of
`tsdash.timing`. In these rounds are also another build (tsdash's own control, which adds what the place of the weights
in memory does), a third build, for which nothing should be claimed, and a trace, for which something should.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.benchmark import Timer

from tsdash import stats, timing
from tsdash.spec import CONTROL, EAGER, Case, Latency

RUNS = 20
SAMPLES = 2000  # of each build, by each way
BUDGET_S = 5.0  # of a run of ours; the other ways take as many samples as it gave
SETTLING_CALLS = 20
SAME = "eager, the same object"
THIRD = "a third build"
TRACED = "trace"

IN_ROUNDS = "tsdash"
OTHER_BUILD = "tsdash, another build"
WAYS = ("torch.utils.benchmark", "one after the other", IN_ROUNDS, OTHER_BUILD)
GOALS = {IN_ROUNDS: "≤ 0.5 % at worst below 100 µs"}

Call = Callable[[], object]


def tiny() -> torch.nn.Module:
    return torch.nn.Linear(16, 16)


def mlp() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))


def cnn() -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 32, 3, padding=1),
        torch.nn.BatchNorm2d(32),
        torch.nn.ReLU(),
        torch.nn.Conv2d(32, 64, 3, stride=2, padding=1),
        torch.nn.BatchNorm2d(64),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(64, 10),
    )


MODELS: dict[str, tuple[Callable[[], torch.nn.Module], tuple[int, ...]]] = {
    "tiny": (tiny, (1, 16)),
    "MLP": (mlp, (1, 64)),
    "CNN": (cnn, (1, 3, 32, 32)),
}


def main(runs: int = RUNS) -> list[dict[str, Any]]:
    """A row for each model and way, the false differences of all runs as shares of 1; and a row with what was claimed."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [row for name in MODELS for row in rows_of(name, runs)]
    finally:
        torch.set_num_threads(threads)


def rows_of(name: str, runs: int) -> list[dict[str, Any]]:
    """The rows of one model."""
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    false_claims, true_claims, disturbed = 0, 0, 0
    call_s, ratios = [], []
    for run in range(runs):
        latency, differences = one_run(name, seed=run)
        for way, difference in differences.items():
            found[way].append(difference)
        speedups = stats.speedups(latency)
        false_claims += speedups[THIRD].claimed
        true_claims += speedups[TRACED].claimed
        disturbed += bool(stats.disturbances(latency))
        ratios.append(speedups[TRACED].ratio)
        call_s.append(stats.median(latency.arms[0].samples_s))
    label = f"{name}, {1e6 * stats.median(call_s):.0f} µs a call"
    ours = max(found[IN_ROUNDS])
    return [
        *(_row(f"{label}: {way}", found[way], GOALS.get(way, ""), worst_of_ours=ours) for way in WAYS),
        {
            "what": f"{label}: claims",
            "figure": f"{false_claims} of {runs} between equal builds, {true_claims} of {runs} for the trace "
            f"({stats.median(ratios):.2f} × eager), {disturbed} of {runs} runs disturbed",
            "goal": "none between equal builds",
        },
    ]


def _row(what: str, differences: list[float], goal: str, *, worst_of_ours: float) -> dict[str, Any]:
    worst, typical = max(differences), stats.median(differences)
    return {
        "what": what,
        "figure": f"{worst:.2%} at worst, {typical:.2%} in the median, {worst / worst_of_ours:.1f} × tsdash's worst",
        "goal": goal,
        "worst": worst,
        "median": typical,
    }


def one_run(name: str, *, seed: int) -> tuple[Latency, dict[str, float]]:
    """Our samples of all arms, and the false difference that each way finds."""
    build, shape = MODELS[name]
    torch.manual_seed(seed)
    model = build().eval()
    control, third = (timing.twin_of(model, build)[0] for _ in range(2))
    x = torch.randn(shape)
    with torch.no_grad():
        traced = saved_and_loaded(torch.jit.trace(model, x))
        arms = {EAGER: model, CONTROL: control, SAME: model, THIRD: third, TRACED: traced}
        calls = [(arm, call_of(contender, x)) for arm, contender in arms.items()]
        ours = timing.measure(calls, case=Case(id=name, dims={}), budget_s=BUDGET_S, max_samples=SAMPLES, seed=seed)
        samples_s = {arm.name: arm.samples_s for arm in ours.arms}
        eager_s, call = samples_s[EAGER], call_of(model, x)
        return ours, {
            "torch.utils.benchmark": false_difference(*(timer_median_s(call, sum(eager_s)) for _ in "AA")),
            "one after the other": false_difference(*(plain_median_s(call, len(eager_s)) for _ in "AA")),
            IN_ROUNDS: abs(stats.paired_ratio(eager_s, samples_s[SAME]).value - 1),
            OTHER_BUILD: abs(stats.paired_ratio(eager_s, samples_s[CONTROL]).value - 1),
        }


def saved_and_loaded(traced: torch.jit.ScriptModule) -> torch.jit.ScriptModule:
    """The artefact as production sees it: in memory it would share its weights with eager, and speed eager up."""
    artefact = io.BytesIO()
    torch.jit.save(traced, artefact)
    artefact.seek(0)
    return torch.jit.load(artefact)


def call_of(model: Callable[[torch.Tensor], object], x: torch.Tensor) -> Call:
    return lambda: model(x)


def false_difference(first_s: float, second_s: float) -> float:
    return abs(first_s / second_s - 1)


def plain_median_s(call: Call, samples: int) -> float:
    """The median of timed calls after a few untimed ones."""
    for _ in range(SETTLING_CALLS):
        call()
    return stats.median([timing.host_clock(call, 1).wall_s for _ in range(samples)])


def timer_median_s(call: Call, at_least_s: float) -> float:
    """The median of `torch.utils.benchmark`, given the time that our samples took."""
    return float(Timer("call()", globals={"call": call}).blocked_autorange(min_run_time=at_least_s).median)


if __name__ == "__main__":
    for row in main(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS):
        print(f"{row['what']}: {row['figure']} (goal {row['goal'] or 'none'})")
