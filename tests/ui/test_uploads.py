"""Inputs of the reader's own on the page: a file becomes a case, and its labels count."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from tests.ui.conftest import EQUAL, early_exit, result
from tests.ui.test_explore import explore, headings, html, submitted
from tsdash import plan
from tsdash.spec import CaseResult, Classes, ErrorFacts, RunSpec, Side
from tsdash.store import Store
from tsdash.ui import service

__all__ = ["submitted"]  # a fixture


def test_each_file_is_one_more_case(submitted: list[RunSpec]) -> None:
    """The cases of the plan, and one on the inputs of the file, which is kept in the home."""
    page = explore(model="mlp")
    page.file_uploader(key="own inputs").set_value([("mine.csv", b"a,b\n1,2\n", "text/csv")]).run()
    page.button(key="start").click().run()
    *planned, mine = submitted[0].cases
    assert not any(case.inputs for case in planned)
    assert mine.varied == "inputs"
    assert Path(mine.inputs).read_bytes() == b"a,b\n1,2\n"


def test_labels_give_accuracy_and_agreement(store: Store) -> None:
    """The heading counts right rows, the table has every pair."""
    spec = early_exit()
    spec = replace(spec, cases=plan.with_files(spec.cases, ["/somewhere/mine.npz"]))
    run = store.create(spec, {}, {})
    store.begin(run)
    for case in spec.cases:
        for mode, actual in (("trace", (0, 0)), ("script", (0, 1))):
            known = Classes(path="output", expected=(0, 1), actual=actual, labels=(0, 1)) if case.inputs else None
            store.add_case(run, replace(result(case, mode, EQUAL), classes=known), {})
    store.end(run, "done")
    page = explore(run=str(run))
    assert "eager is right in 2 of 2 rows, trace in 1 and script in 2." in headings(page)
    assert "same as script" in html(page)


def test_a_file_that_cannot_be_read_is_said(store: Store) -> None:
    """Above the results, what is wrong with it, once for all modes."""
    spec = early_exit()
    spec = replace(spec, cases=plan.with_files(spec.cases, ["/somewhere/mine.npz"]))
    run = store.create(spec, {}, {})
    store.begin(run)
    error = ErrorFacts(type="ModelError", message="mine.npz cannot be read: it is no .npz file.")
    unread = Side(ended="no_inputs", error=error)
    for mode in spec.modes:
        store.add_case(run, CaseResult(case=spec.cases[-1], mode=mode, eager=unread, exported=Side()), {})
    store.end(run, "done")
    warnings = [warning.value.replace("\\", "") for warning in explore(run=str(run)).warning]
    assert warnings == ["Not run: mine.npz cannot be read: it is no .npz file."]


def test_a_file_that_eager_raises_on_does_not_fit(store: Store) -> None:
    """Said above the results and where the case is explained: no bits were compared."""
    spec = early_exit()
    spec = replace(spec, cases=plan.with_files(spec.cases, ["/somewhere/mine.npz"]))
    run = store.create(spec, {}, {})
    store.begin(run)
    error = ErrorFacts(type="RuntimeError", message="mat1 and mat2 shapes differ", traceback="Traceback …")
    raised = Side(ended="raised", error=error)
    for mode in spec.modes:
        for case in spec.cases[:-1]:
            store.add_case(run, result(case, mode, EQUAL), {})
        store.add_case(run, CaseResult(case=spec.cases[-1], mode=mode, eager=raised, exported=raised), {})
    store.end(run, "done")
    page = explore(run=str(run), mode="trace", case=spec.cases[-1].id)
    warnings = [warning.value.replace("\\", "") for warning in page.warning]
    assert warnings == [
        "mine.npz does not fit the model: eager raises on it, RuntimeError: mat1 and mat2 shapes differ"
    ]
    said = [heading.replace("\\", "") for heading in headings(page)]
    assert "Both raise: eager refuses this input, and so does the export." in said
    assert "Ship script: same bits in 3 of 4 cases, both raise in 1." in said
    assert any(heading.endswith("as with eager in 3 of 4 cases, those in which both return.") for heading in said)


def test_a_file_that_no_run_names_is_forgotten(store: Store) -> None:
    """After a day, with the next file that comes; one that a run was made on stays."""
    spec = early_exit()
    used, unused = (service.keep_file("inputs", "mine.csv", content) for content in (b"1", b"2"))
    store.create(replace(spec, cases=plan.with_files(spec.cases, [str(used)])), {}, {})
    for path in (used, unused):
        os.utime(path.parent, (0, 0))
    service.keep_file("inputs", "mine.csv", b"3")
    assert used.exists()
    assert not unused.exists()
