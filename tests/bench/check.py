"""A standard check of a five-layer MLP: what it takes beside its own forwards and exports, and where the rest goes.

One run of all the cases that tsdash plans, on an engine that has carried out such a run before: that imports what the cases
need (torch._dynamo for the meta device), which a server does while nobody asks. The parts are clock time between a request
to a worker and its answer; some run beside each other, so they add up to more than the whole. Forwards are those of eager and
of the exports, as the workers time them.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tsdash import plan
from tsdash.engine import forking
from tsdash.engine.core import Engine
from tsdash.engine.workers import Worker
from tsdash.records import Record
from tsdash.spec import ModelSource, RunSpec, Sweep
from tsdash.store import Store

GOAL = 3.0  # times its own forwards plus exports
MODES = ("trace", "script")
WIDTHS = {"small": 64, "large": 1024}
DIMS = {"batch": 64}
MLP = """
import torch
from torch import nn

class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear({width}, {width}) for _ in range(5)])

    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x))
        return x

def make_model():
    return Mlp().eval()

def make_inputs(batch=64):
    return (torch.randn(batch, {width}),)
"""


class _Split:
    """Clock time by what was asked of a worker, and of forking them."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()

    def watch(self, owner: Any, name: str, part: Any) -> None:
        """Add the time of every call of a coroutine to the part that `part` names by the arguments."""
        plain = getattr(owner, name)

        async def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return await plain(*args, **kwargs)
            finally:
                key = part(*args)
                self.seconds[key] += time.perf_counter() - began
                self.asked[key] += 1

        setattr(owner, name, timed)


def _checked(engine: Engine, text: str, sweep: Sweep) -> tuple[Record, float]:
    source = ModelSource(name="mlp", kind="file", filename="mlp.py", text=text)
    spec = RunSpec(model=source, modes=MODES, cases=plan.cases(sweep, DIMS))
    run = engine.store.create(spec, {}, {}, engine.owner)
    began = time.perf_counter()
    engine.submit(run, spec).result()
    return engine.store.load(run), time.perf_counter() - began


def _rows(name: str, record: Record, whole_s: float, split: _Split) -> list[dict[str, Any]]:
    eager = {result.case.id: result.eager.seconds or 0.0 for result in record.results}
    forwards_s = sum(eager.values()) + sum(result.exported.seconds or 0.0 for result in record.results)
    exports_s = sum(export.seconds for export in record.exports.values())
    own_s = forwards_s + exports_s
    rows = [
        {
            "what": f"{name}: whole check ÷ its own forwards plus exports",
            "figure": f"{whole_s:.2f} s ÷ ({forwards_s:.2f} + {exports_s:.2f}) s = {whole_s / own_s:.1f}",
            "goal": f"≤ {GOAL:g}",
        },
        {
            "what": f"{name}: cases",
            "figure": f"{len(record.results)}, {whole_s / len(record.results) * 1000:.0f} ms each",
            "goal": "",
        },
    ]
    for part, seconds in split.seconds.most_common():
        each = seconds / split.asked[part] * 1000
        figure = f"{seconds:.2f} s, {seconds / whole_s:.0%} of the whole ({split.asked[part]} × {each:.1f} ms)"
        rows.append({"what": f"{name}: {part}", "figure": figure, "goal": ""})
    return rows


def main() -> list[dict[str, Any]]:
    """For a small and a large MLP the ratio and the split."""
    split = _Split()
    split.watch(Worker, "call", lambda worker, request, limit_s: f"{request['do']}")
    split.watch(forking.ForkingNursery, "fork", lambda nursery, role, *rest: f"starting a worker ({role})")
    rows = []
    with tempfile.TemporaryDirectory() as home, Engine(Store(Path(home))) as engine:
        _checked(engine, MLP.format(width=8), plan.own_plan(DIMS, "standard"))
        for name, width in WIDTHS.items():
            split.seconds.clear()
            split.asked.clear()
            record, whole_s = _checked(engine, MLP.format(width=width), plan.own_plan(DIMS, "standard"))
            rows += _rows(f"{name} ({width} wide)", record, whole_s, split)
    return rows
