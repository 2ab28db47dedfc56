"""Runs of model files on the shared engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from tsdash import models, plan
from tsdash.engine.core import Engine
from tsdash.records import Record
from tsdash.spec import Limits, ModelSource, RunSpec, Sweep

T = TypeVar("T")
LIMITS = Limits(load_s=60, export_s=60, case_s=30, memory_mib=3072)


@pytest.fixture
def check(engine: Engine) -> Callable[..., Record]:
    """Run the text of a model file to its end and return the record."""

    def run(
        text: str,
        *,
        modes: tuple[str, ...] = ("trace",),
        sweep: Sweep | None = None,
        limits: Limits = LIMITS,
        latency_s: float | None = None,
        threads: tuple[int, ...] = (1,),
        search_s: float = 0.0,
        name: str = "model.py",
    ) -> Record:
        source = ModelSource(name=name, kind="file", filename=name, text=text)
        sweep = sweep or Sweep(dims={"n": (2, 3, 4)})
        spec = RunSpec(
            model=source,
            modes=modes,
            cases=plan.cases(sweep, models.default_dims(source)),
            limits=limits,
            latency=latency_s is not None,
            latency_s=latency_s,
            threads=threads,
            search_s=search_s,
        )
        run_id = engine.store.create(spec, sweep, {}, engine.owner)
        engine.submit(run_id, spec).result(120)
        return engine.store.load(run_id)

    return run


@pytest.fixture
def hostile(check: Callable[..., Record]) -> Callable[..., Record]:
    """Run one of the misbehaving models beside this file."""

    def run(name: str, **options: object) -> Record:
        path = Path(__file__).parent / "hostile" / f"{name}.py"
        return check(path.read_text(), name=path.name, **options)

    return run


def played(scenario: Coroutine[object, object, T]) -> T:
    """The result of a coroutine, in a thread of its own: the browser tests leave a loop running in the main one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, asyncio.wait_for(scenario, 60)).result()


def model_file(text: str) -> ModelSource:
    """A model file with this text."""
    return ModelSource(name="model.py", kind="file", filename="model.py", text=text)


def run_trace(engine: Engine, source: ModelSource) -> Record:
    """Run the base case alone, traced, on an engine of one's own."""
    spec = RunSpec(model=source, modes=("trace",), cases=plan.cases(Sweep(), {"n": 2}))
    run_id = engine.store.create(spec, {}, {}, engine.owner)
    engine.submit(run_id, spec).result(120)
    return engine.store.load(run_id)


MODEL = """
import torch
def make_model():
    return torch.nn.Linear(4, 2).eval()
def make_inputs(n=2):
    return (torch.ones(n, 4),)
"""
