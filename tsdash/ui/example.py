"""The finished run that a new home has to show: made by really running a small model once, in the background."""

from __future__ import annotations

from tsdash import models, plan
from tsdash.spec import RunSpec
from tsdash.ui import service

MODEL, MODES, EFFORT = "early_exit", ("trace", "script"), "quick"
NAME = "Example"
LATENCY_S = 2.0  # for all timing together: the example is for looking at, and must not keep a first run waiting
SEARCH_S = plan.SEARCH_S["standard"]  # for narrowing the failure down
MARKER = "example"  # in the home: the number of the run, so that it is made once and never again


def make() -> None:
    """Start the example where this home has never had one."""
    marker = service.store().folder / MARKER
    try:
        with marker.open("x") as file:
            file.write(str(_submit()))
    except FileExistsError:  # made before, or another server is quicker
        return


def _submit() -> int:
    source = models.gallery_source(MODEL)
    dims = models.default_dims(source)
    sweep = plan.own_plan(dims, EFFORT)
    spec = RunSpec(
        model=source,
        modes=MODES,
        cases=plan.cases(sweep, dims),
        latency=True,
        latency_s=LATENCY_S,
        search_s=SEARCH_S,
    )
    run = service.submit(spec, service.sweep_facts(sweep, EFFORT))
    service.store().annotate(run, name=NAME)
    return run


def find() -> int | None:
    """The example's run; None where it was deleted, or never made."""
    try:
        run = int((service.store().folder / MARKER).read_text())
    except (OSError, ValueError):  # ValueError: it is being made right now
        return None
    there = "SELECT 1 FROM runs WHERE id = ? AND deleted_at IS NULL"
    return run if service.store().connection().execute(there, (run,)).fetchone() else None
