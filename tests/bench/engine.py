"""The engine: cases a second through the whole path, what a crash costs, the first case against a process of its own."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tsdash import plan
from tsdash.engine.core import Engine
from tsdash.spec import ModelSource, RunSpec, Sweep
from tsdash.store import Store

CASES = 1000
CRASHES = 20
REPEATS = 5
TRIVIAL = """
import torch
def make_model():
    return torch.nn.Linear(4, 4).eval()
def make_inputs(n=2):
    return (torch.randn(n, 4),)
"""
# Eager dies on every second size; the export is harmless.
CRASHING = """
import ctypes, torch
class M(torch.nn.Module):
    def forward(self, x):
        if not torch.jit.is_tracing() and x.shape[0] % 2:
            ctypes.string_at(0)
        return x * 2
def make_model():
    return M().eval()
def make_inputs(n=2):
    return (torch.ones(n, 4),)
"""
# What a tool without a zygote does for its first case.
SPAWNED = """
import sys, torch
namespace = {}
exec(open(sys.argv[1]).read(), namespace)
model, inputs = namespace["make_model"](), namespace["make_inputs"]()
torch.jit.trace(model, inputs).save(sys.argv[1] + ".pt")
assert torch.equal(torch.jit.load(sys.argv[1] + ".pt")(*inputs), model(*inputs))
"""


def _spec(text: str, sweep: Sweep) -> RunSpec:
    source = ModelSource(name="bench", kind="file", filename="bench.py", text=text)
    return RunSpec(model=source, modes=("trace",), cases=plan.cases(sweep, {"n": 2}))


def _run_s(engine: Engine, text: str, sweep: Sweep) -> float:
    """Seconds from submitting a run to its end."""
    spec = _spec(text, sweep)
    run = engine.store.create(spec, {}, {}, engine.owner)
    began = time.perf_counter()
    engine.submit(run, spec).result()
    assert len(engine.store.load(run).results) == len(spec.cases)
    return time.perf_counter() - began


def _spawned_s(folder: Path) -> float:
    path = folder / "model.py"
    path.write_text(TRIVIAL)
    began = time.perf_counter()
    subprocess.run([sys.executable, "-W", "ignore", "-c", SPAWNED, str(path)], check=True)
    return time.perf_counter() - began


def main() -> list[dict[str, Any]]:
    """Rates in cases a second and times in seconds; each ratio from one run, side by side."""
    with tempfile.TemporaryDirectory() as home:
        began = time.perf_counter()
        with Engine(Store(Path(home))) as engine:
            _run_s(engine, TRIVIAL, Sweep())
            cold_s = time.perf_counter() - began
            few_s = _run_s(engine, TRIVIAL, Sweep())
            many_s = _run_s(engine, TRIVIAL, Sweep(seeds=tuple(range(CASES))))
            sizes = range(2, 2 + 2 * CRASHES)
            even = tuple(size for size in sizes if size % 2 == 0)
            crashing_s = _run_s(engine, CRASHING, Sweep(dims={"n": tuple(sizes)}))
            calm_s = _run_s(engine, CRASHING, Sweep(dims={"n": even}))
            pairs = [(_run_s(engine, TRIVIAL, Sweep()), _spawned_s(Path(home))) for _ in range(REPEATS)]
    warm_s, spawned_s = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(warm / spawned for warm, spawned in pairs)
    return [
        {
            "what": "trivial cases, fork excluded",
            "figure": f"{(CASES - 1) / (many_s - few_s):.0f} a second",
            "goal": "≥ 300 a second",
        },
        {"what": "a crash to the next result", "figure": f"{(crashing_s - calm_s) / CRASHES:.3f} s", "goal": "≤ 0.2 s"},
        {"what": "cold engine to the end of its first run", "figure": f"{cold_s:.2f} s", "goal": ""},
        {
            "what": "warm first case, export included ÷ a spawned process",
            "figure": f"{warm_s:.3f} s ÷ {spawned_s:.3f} s = {ratio:.3f}",
            "goal": "≤ 0.1",
        },
    ]


if __name__ == "__main__":
    for row in main():
        print(f"{row['what']}: {row['figure']} (goal {row['goal'] or 'none'})")
