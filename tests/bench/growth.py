"""What grows with use: cases of a run, elements of an output, runs of the history. Time and memory per unit."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import torch

from tests.bench.engine import TRIVIAL, _run_s
from tsdash import compare, elements, plan, tables
from tsdash.engine.core import Engine
from tsdash.spec import ModelSource, RunSpec, Sweep
from tsdash.store import Store

CASES = (10, 100, 1000, 10_000)
ELEMENTS = (10**4, 10**5, 10**6, 10**7, 10**8)
RUNS = (10, 100, 1000, 10_000)
MIB = 2**20


def _rows(what: str, unit: str, found: list[tuple[int, float, float]]) -> list[dict[str, Any]]:
    """A row a size: seconds and MiB per unit beside those of the largest size but one, which is past the fixed costs."""
    return [
        {
            "what": f"{what}: {size:,}",
            "figure": f"{1e6 * seconds / size:.3g} µs a {unit}, {memory / MIB:.0f} MiB in all",
            "goal": "flat within 20 %",
        }
        for size, seconds, memory in found
    ]


def cases() -> list[dict[str, Any]]:
    """Runs of more and more trivial cases, the start-up of a run taken off."""
    found = []
    with tempfile.TemporaryDirectory() as home, Engine(Store(Path(home))) as engine:
        _run_s(engine, TRIVIAL, Sweep())
        fixed_s = min(_run_s(engine, TRIVIAL, Sweep()) for _ in range(3))
        for n in CASES:
            seconds = _run_s(engine, TRIVIAL, Sweep(seeds=tuple(range(n)))) - fixed_s
            found.append((n, seconds, float(psutil.Process().memory_info().rss)))
    return _rows("cases of a run, memory of the server", "case", found)


def outputs() -> list[dict[str, Any]]:
    """Comparing and drawing outputs that differ, of more and more elements."""
    found = []
    for n in ELEMENTS:
        expected = torch.randn(n // 100, 100)
        actual = expected + 1e-6 * torch.randn(expected.shape)
        before = psutil.Process().memory_info().rss
        began = time.perf_counter()
        compare.compare(actual, expected, path="output")
        elements.view(actual, expected)
        found.append((n, time.perf_counter() - began, float(psutil.Process().memory_info().rss - before)))
    return _rows("elements of an output, memory taken", "element", found)


def history() -> list[dict[str, Any]]:
    """Listing a history of more and more runs."""
    found = []
    source = ModelSource(name="bench", kind="file", filename="bench.py", text=TRIVIAL)
    spec = RunSpec(model=source, modes=("trace",), cases=plan.cases(Sweep(seeds=tuple(range(30))), {"n": 2}))
    with tempfile.TemporaryDirectory() as home:
        store, made = Store(Path(home)), 0
        for n in RUNS:
            for _ in range(n - made):
                store.create(spec, {}, {"torch": "2"})
            made = n
            began = time.perf_counter()
            assert len(tables.history(store.runs())) == n
            found.append((n, time.perf_counter() - began, float(psutil.Process().memory_info().rss)))
    return _rows("runs of the history", "run", found)


def main() -> list[dict[str, Any]]:
    """All three, on one thread as in a worker."""
    torch.set_num_threads(1)
    return [*cases(), *outputs(), *history()]


if __name__ == "__main__":
    for row in main():
        print(f"{row['what']}: {row['figure']} (goal {row['goal']})")
