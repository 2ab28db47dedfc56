"""What a run offers to take along, on the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.ui.conftest import WRONG, early_exit, result
from tests.ui.test_explore import explore
from tsdash.store import Store
from tsdash.takeaway import FORMATS


def offered(run: int) -> set[str]:
    """The labels of all downloads of a run's page."""
    return {button.proto.label for button in explore(run=str(run)).get("download_button")}


def test_every_form_of_a_run_is_offered(finished: Callable[..., int]) -> None:
    """All that the command line writes, and the file of the case, as a program and as a test."""
    labels = {form.label for form in FORMATS.values()}
    assert labels | {"Python file", "pytest test"} <= offered(finished())
    timed = {form.label for form in FORMATS.values() if form.name.startswith("samples")}
    assert labels - timed <= offered(finished(latency=False))
    assert not timed & offered(finished(latency=False))


def test_no_file_is_promised_of_a_model_that_came_from_python(store: Store) -> None:
    """Its class lives in a script of the user's: a file without tsdash cannot build it."""
    spec = early_exit()
    source = replace(spec.model, given="0" * 64)
    run = store.create(replace(spec, model=source), {}, {})
    for case in spec.cases:
        store.add_case(run, result(case, "trace", WRONG), {})
    store.end(run, "done")
    assert not {"Python file", "pytest test"} & offered(run)
