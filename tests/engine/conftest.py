"""One engine for all engine tests: starting a zygote takes seconds, forking from it milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tsdash import models, plan
from tsdash.engine.core import Engine
from tsdash.records import Record
from tsdash.spec import Limits, ModelSource, RunSpec, Sweep
from tsdash.store import Store

LIMITS = Limits(load_s=60, export_s=60, case_s=30, memory_mib=3072)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(Store(tmp_path_factory.mktemp("home"))) as engine:
        yield engine


@pytest.fixture
def check(engine: Engine) -> Callable[..., Record]:
    """Run the text of a model file to its end and return the record."""

    def run(
        text: str,
        *,
        modes: tuple[str, ...] = ("trace",),
        sweep: Sweep | None = None,
        limits: Limits = LIMITS,
        latency: bool = False,
        name: str = "model.py",
    ) -> Record:
        source = ModelSource(name=name, kind="file", filename=name, text=text)
        sweep = sweep or Sweep(dims={"n": (2, 3, 4)})
        spec = RunSpec(
            model=source,
            modes=modes,
            cases=plan.cases(sweep, models.default_dims(source)),
            limits=limits,
            latency=latency,
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
