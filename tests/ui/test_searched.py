"""How far an export holds, on the page: the sizes at which it begins to fail, beside torch.export's own."""

from __future__ import annotations

from dataclasses import replace

from tests.ui.conftest import EQUAL, WRONG, early_exit, result
from tests.ui.test_explore import explore, figures, headings
from tsdash import models, plan
from tsdash.spec import Export, SizeRange, Sweep
from tsdash.store import Store


def test_sizes_that_fail_are_said_and_drawn(store: Store) -> None:
    """A trace that holds up to a batch of 3: the sentence names the size, the figure has every size tried."""
    spec = early_exit()
    dims = models.default_dims(spec.model)
    spec = replace(spec, cases=plan.cases(Sweep(dims={"batch": (2, 3, 4, 8)}), dims), modes=("trace",))
    run = store.create(spec, {}, {})
    store.begin(run)
    store.add_export(run, Export(mode="export", seconds=1.0, ranges=(SizeRange(dim="batch", low=1, high=None),)), None)
    for case in spec.cases:
        store.add_case(run, result(case, "trace", WRONG if case.dims["batch"] > 3 else EQUAL), {})
    store.end(run, "done")
    page = explore(run=str(run))
    assert any("fails from 4 up" in heading and "torch.export takes" in heading for heading in headings(page))
    drawn = figures(page)["frontier"]["data"]
    assert {trace["text"][0] for trace in drawn if trace.get("text")} == {"=", "≠"}


def test_nothing_is_said_where_every_size_agrees(store: Store) -> None:
    """A section is there for a finding alone."""
    spec = early_exit()
    run = store.create(spec, {}, {})
    for case in spec.cases:
        for mode in spec.modes:
            store.add_case(run, result(case, mode, EQUAL), {})
    store.end(run, "done")
    assert "frontier" not in figures(explore(run=str(run)))
