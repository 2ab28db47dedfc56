"""Benchmark 2: how much faster a model seems than itself, measured one after the other and in rounds.

Each run times builds of one model with equal weights, so that every difference found is a false one. Three ways see the
same builds in the same run: `torch.utils.benchmark` on one build after the other, plain timed calls of one build after
the other, and `tsdash.timing`. A traced build in the same rounds shows whether true differences are still claimed.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.benchmark import Timer

from tsdash import stats, timing
from tsdash.spec import CONTROL, EAGER, Case

RUNS = 20
SAMPLES = 1000  # of each build, by each way
BUDGET_S = 3.0  # of a run of ours; the other ways take as many samples as it gave
SETTLING_CALLS = 20
THIRD = "a third build"
TRACED = "trace"

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
    "CNN": (cnn, (4, 3, 64, 64)),
}


def main(runs: int = RUNS) -> list[dict[str, Any]]:
    """A row for each model and way: the worst and the median false difference of all runs, as shares of 1."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [row for name in MODELS for row in rows_of(name, runs)]
    finally:
        torch.set_num_threads(threads)


def rows_of(name: str, runs: int) -> list[dict[str, Any]]:
    """The rows of one model."""
    build, shape = MODELS[name]
    found: dict[str, list[float]] = {"torch.utils.benchmark": [], "one after the other": [], "tsdash": []}
    call_s, false_claims, true_claims, speedups, disturbed = [], 0, 0, [], 0
    for run in range(runs):
        torch.manual_seed(run)
        model = build().eval()
        twins = [timing.twin_of(model, build)[0] for _ in range(2)]
        x = torch.randn(shape)
        with torch.no_grad():
            traced = saved_and_loaded(torch.jit.trace(model, x))
            arms = {
                EAGER: call_of(model, x),
                CONTROL: call_of(twins[0], x),
                THIRD: call_of(twins[1], x),
                TRACED: call_of(traced, x),
            }
            ours = timing.measure(
                list(arms.items()), case=Case(id=name, dims={}), budget_s=BUDGET_S, max_samples=SAMPLES, seed=run
            )
            eager = ours.arms[0].samples_s
            same = (arms[EAGER], arms[CONTROL])
            found["one after the other"].append(difference(*(plain_median_s(call, len(eager)) for call in same)))
            found["torch.utils.benchmark"].append(difference(*(timer_median_s(call, sum(eager)) for call in same)))
        found["tsdash"].append(abs(stats.paired_ratio(eager, ours.arms[1].samples_s).value - 1))
        speedup = stats.speedups(ours)
        false_claims += speedup[THIRD].claimed
        true_claims += speedup[TRACED].claimed
        speedups.append(speedup[TRACED].ratio)
        disturbed += bool(stats.disturbances(ours))
        call_s.append(stats.median(eager))
    claims = {
        "claimed between equal builds": f"{false_claims} of {runs}",
        "claimed for the trace": f"{true_claims} of {runs}",
        "speed-up of the trace": round(stats.median(speedups), 3),
        "noisy runs": f"{disturbed} of {runs}",
    }
    return [
        {
            "model": name,
            "call_us": round(1e6 * stats.median(call_s), 1),
            "way": way,
            "worst": round(max(differences), 5),
            "median": round(stats.median(differences), 5),
            "worst_over_ours": round(max(differences) / max(found["tsdash"]), 1),
            **(claims if way == "tsdash" else {}),
        }
        for way, differences in found.items()
    ]


def saved_and_loaded(traced: torch.jit.ScriptModule) -> torch.jit.ScriptModule:
    """The artefact as production sees it: in memory it would share its weights with eager, and speed eager up."""
    artefact = io.BytesIO()
    torch.jit.save(traced, artefact)
    artefact.seek(0)
    return torch.jit.load(artefact)


def call_of(model: Callable[[torch.Tensor], object], x: torch.Tensor) -> Call:
    return lambda: model(x)


def difference(first_s: float, second_s: float) -> float:
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
        print(row, f"load {os.getloadavg()[0]:.1f}", flush=True)
