"""Benchmark 5: what grows with use: cases of a run, elements of an output, runs of the history. Time and memory per unit.

Each size stands beside the one before: where the time of a unit is flat its ratio is 1, and so is that of the memory held. The
goal is asked of the largest size alone; at the small ones the fixed costs still show.
"""

from __future__ import annotations

import functools
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import torch

from tests.bench.compare import extra_bytes
from tests.bench.engine import TRIVIAL, _run_s
from tsdash import compare, elements, plan, tables
from tsdash.engine.core import Engine
from tsdash.spec import ModelSource, RunSpec, Sweep
from tsdash.store import Store

CASES = (10, 100, 1000, 10_000)
ELEMENTS = (10**4, 10**5, 10**6, 10**7, 10**8)
LARGE = 10**9  # elements: 8 GB of outputs
RUNS = (10, 100, 1000, 10_000)
REPEATS = 3
MOST = 1.2  # times the size before
MIB = 2**20
LEAST = 16 * MIB  # less is what an allocator keeps at random


class Taken(NamedTuple):
    """What one size took."""

    size: int
    seconds: float
    held: float  # bytes


def _rows(what: str, unit: str, found: list[Taken]) -> list[dict[str, Any]]:
    """A row a size: seconds per unit and MiB in all, beside those of the size before."""
    rows = []
    for before, taken in zip([None, *found], found, strict=False):
        each = taken.seconds / taken.size
        figure = f"{1e6 * each:.3g} µs a {unit}, {taken.held / MIB:.0f} MiB"
        row: dict[str, Any] = {"what": f"{what}: {taken.size:,}", "figure": figure, "goal": "", **taken._asdict()}
        if before is not None:
            ratios = each * before.size / before.seconds, max(taken.held, LEAST) / max(before.held, LEAST)
            row["figure"] += f"; ÷ those of {before.size:,} = {ratios[0]:.2f}, {ratios[1]:.2f}"
            row["ratios"] = ratios
        if taken is found[-1]:
            row["goal"] = f"≤ {MOST}, {'met' if max(row['ratios']) <= MOST else 'missed'}"
        rows.append(row)
    return rows


def _best_s(call: Callable[[], object]) -> float:
    """Seconds of the best of a few calls: what another program takes meanwhile is not growth."""
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return min(taken)


def cases() -> list[dict[str, Any]]:
    """Runs of more and more trivial cases, the start-up of a run taken off; memory of the server."""
    found = []
    with tempfile.TemporaryDirectory() as home, Engine(Store(Path(home))) as engine:
        _run_s(engine, TRIVIAL, Sweep())
        fixed_s = min(_run_s(engine, TRIVIAL, Sweep()) for _ in range(3))
        for n in CASES:
            seconds = _run_s(engine, TRIVIAL, Sweep(seeds=tuple(range(n)))) - fixed_s
            found.append(Taken(n, seconds, psutil.Process().memory_info().rss))
    return _rows("cases of a run", "case", found)


def outputs(sizes: tuple[int, ...] = ELEMENTS) -> list[dict[str, Any]]:
    """Comparing and drawing outputs that differ, of more and more elements; memory beside the outputs."""
    found = []
    for n in sizes:
        expected = torch.randn(n // 100, 100)
        actual = expected + 1e-6 * torch.randn(expected.shape)
        look = functools.partial(_look, actual, expected)
        look()
        extra = extra_bytes(look)
        found.append(Taken(n, _best_s(look), extra or 0))
    return _rows("elements of an output", "element", found)


def _look(actual: torch.Tensor, expected: torch.Tensor) -> None:
    compare.compare(actual, expected, path="output")
    elements.view(actual, expected)


def history() -> list[dict[str, Any]]:
    """Listing a history of more and more runs; memory of the server."""
    found = []
    source = ModelSource(name="bench", kind="file", filename="bench.py", text=TRIVIAL)
    spec = RunSpec(model=source, modes=("trace",), cases=plan.cases(Sweep(seeds=tuple(range(30))), {"n": 2}))
    with tempfile.TemporaryDirectory() as home:
        store, made = Store(Path(home)), 0
        for n in RUNS:
            for _ in range(n - made):
                store.create(spec, {}, {"torch": "2"})
            made = n
            assert len(tables.history(store.runs())) == n
            seconds = _best_s(lambda: tables.history(store.runs()))
            found.append(Taken(n, seconds, psutil.Process().memory_info().rss))
    return _rows("runs of the history", "run", found)


def main(large: bool = False) -> list[dict[str, Any]]:
    """All three, on one thread as in a worker; two minutes, with `large` also 1e9 elements, which takes 12 GB and some more."""
    torch.set_num_threads(1)
    return [*cases(), *history(), *outputs((*ELEMENTS, LARGE) if large else ELEMENTS)]


if __name__ == "__main__":
    for row in main(large="--large" in sys.argv):
        print(f"{row['what']}: {row['figure']} (goal {row['goal'] or 'none'})")
