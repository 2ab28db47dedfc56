"""Pages on stored runs: no engine, no torch, a home of its own for every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st

from tsdash import models, plan
from tsdash.spec import (
    CONTROL,
    Arm,
    Baked,
    Case,
    CaseResult,
    Cause,
    Description,
    Divergence,
    Element,
    ErrorFacts,
    Export,
    ExportWarning,
    Histogram,
    Latency,
    Oracle,
    OutputFacts,
    Reach,
    RunSpec,
    Side,
    SourceLine,
    Sweep,
)
from tsdash.store import Store
from tsdash.ui import service

RETURNED = Side(ended="returned", seconds=0.001)
GUILTY = 28  # `if sure.any():` of the gallery's early_exit
WRONG = OutputFacts(
    path="output",
    shape=(2, 8, 8),
    dtype="float32",
    elements=128,
    identical=False,
    max_abs=11.3,
    mean_abs=2.0,
    max_rel=0.5,
    oracle=Oracle(expected_rms=1e-7, actual_rms=2.0, expected_max=1e-6, actual_max=11.3, scale_rms=5.0, scale_max=70.0),
    over_plain=120,
    argmax_rows=16,
    argmax_flips=14,
    flipped_rows=(0, 1),
    worst=(Element(index=(0, 4, 4), expected=69.62, actual=58.32, delta=-11.3),),
    histogram=Histogram(low=-20, counts=(0,) * 104 + (120,) + (0,) * 55, zero=8),
)
EQUAL = OutputFacts(
    path="output",
    shape=(2, 8, 8),
    dtype="float32",
    elements=128,
    identical=True,
    argmax_rows=16,
    argmax_flips=0,
    histogram=Histogram(low=-20, counts=(0,) * 160, zero=128),
)


@pytest.fixture(autouse=True)
def store(tsdash_home: Path) -> Iterator[Store]:
    """The server's store, made anew for this test's home."""
    service.store.cache_clear()
    st.cache_resource.clear()
    st.cache_data.clear()
    yield service.store()
    service.store.cache_clear()


def result(case: Case, mode: str, *facts: OutputFacts, exported: Side = RETURNED) -> CaseResult:
    """One case in one mode."""
    return CaseResult(case=case, mode=mode, eager=RETURNED, exported=exported, outputs=facts)


def early_exit(latency: bool = False) -> RunSpec:
    """Trace and script of the gallery's early_exit on three cases."""
    source = models.gallery_source("early_exit")
    cases = plan.cases(Sweep(dims={"batch": (2, 3)}, values=("x100",)), models.default_dims(source))
    return RunSpec(model=source, modes=("trace", "script"), cases=cases, latency=latency)


def _described() -> Description:
    """The model, one line of whose forward never ran."""
    never = SourceLine(
        file="early_exit.py", line=GUILTY + 2, code="return torch.where(sure[..., None], early, self.deep(h))"
    )
    reach = Reach(lines=6, lines_run=5, branches=2, branches_run=1, not_run=(never,))
    return Description(parameters=1000, dims={"batch": 2, "seq": 8}, inputs=(), training=False, reach=reach)


@pytest.fixture
def finished(store: Store) -> Callable[..., int]:
    """A run in which trace is wrong on large values and script is right everywhere; returns its id."""

    def make(*, latency: bool = True, state: str = "done", torch: str = "2.14.1", mended: bool = False) -> int:
        spec = early_exit(latency)
        run = store.create(spec, {"effort": "quick"}, {"torch": torch})
        store.begin(run)
        store.describe(run, _described())
        warning = ExportWarning(
            message="Converting a tensor to a Python boolean",
            file="early_exit.py",
            line=GUILTY,
            category="TracerWarning",
        )
        code, graph = "def forward(self, x): return x + x", "graph(%x : Tensor):\n  %2 : Tensor = aten::add(%x, %x)\n"
        store.add_export(run, Export(mode="trace", seconds=0.2, warnings=(warning,), code=code, graph=graph), None)
        for case in spec.cases:
            store.add_case(run, result(case, "trace", WRONG if case.values == "x100" and not mended else EQUAL), {})
            store.add_case(run, result(case, "script", EQUAL), {})
        cause = Cause(
            cause="baked_control_flow",
            file="early_exit.py",
            line=GUILTY,
            code="if sure.any():",
            message="The branch was decided while tracing",
            evidence=("Two graphs differ here.",),
            proved=True,
            baked=(Baked(code="sure.any()", exporting="False", eager="True"),),
            divergence=(
                Divergence(path="stem", type="Linear", accumulated=0.0, local=0.0),
                Divergence(path="the model", type="EarlyExit", accumulated=11.3, local=11.3),
            ),
        )
        store.add_causes(run, "trace", (cause,))
        if latency:
            arms = [
                Arm(name=name, warmup_s=(0.01,), samples_s=tuple(seconds + 1e-8 * (i % 7) for i in range(60)))
                for name, seconds in (("eager", 2e-4), (CONTROL, 2e-4), ("trace", 1e-4), ("script", 1.6e-4))
            ]
            store.add_latency(run, Latency(case=spec.cases[0], arms=tuple(arms)))
        store.end(run, state)
        return run

    return make


@pytest.fixture
def failed(store: Store) -> int:
    """A run whose model could not be loaded."""
    run = store.create(early_exit(), {}, {})
    store.begin(run)
    store.end(
        run,
        "failed",
        ErrorFacts(
            type="ModelError", message="early_exit.py line 3: no module named 'einops'", file="early_exit.py", line=3
        ),
    )
    return run
