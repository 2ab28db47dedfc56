"""Modes: every mode of a run side by side, the one to ship, and the way to torch.export."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.conftest import EQUAL, early_exit, result
from tsdash.exporters import EXPORTERS
from tsdash.spec import Cause, ErrorFacts, Export, RunSpec, Side
from tsdash.store import Store
from tsdash.ui import service

PAGE = str(Path(__file__).parents[2] / "pages" / "modes.py")
REFUSED = ErrorFacts(type="GuardOnDataDependentSymNode", message="Could not guard", file="early_exit.py", line=29)


def opened(run: int | None = None, **query: str) -> AppTest:
    """The page at this address, run once."""
    page = AppTest.from_file(PAGE, default_timeout=30)
    if run is not None:
        page.query_params["run"] = str(run)
    for name, value in query.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception, page.exception
    return page


def headings(page: AppTest) -> str:
    return "\n".join(heading.value.replace("\\", "") for heading in page.subheader)


def table(page: AppTest) -> str:
    """The text of the page's own HTML."""
    return "\n".join(str(block.proto.body) for block in page.get("html"))


@pytest.fixture
def refused(store: Store) -> int:
    """A run in which script is right everywhere and torch.export refuses the model."""
    spec = replace(early_exit(), modes=("script", "export"))
    run = store.create(spec, {}, {})
    store.begin(run)
    store.add_export(run, Export(mode="script", seconds=0.1, artefact_bytes=2048, graph="torchvision::nms(%x)"), None)
    store.add_export(run, Export(mode="export", seconds=0.1, error=REFUSED, ended="raised"), None)
    for case in spec.cases:
        store.add_case(run, result(case, "script", EQUAL), {})
        store.add_case(run, result(case, "export", exported=Side(ended="export_error", error=REFUSED)), {})
    cause = Cause(
        cause="unsupported_python", file="early_exit.py", line=29, message="A decision on a value", fix="torch.cond(…)"
    )
    store.add_causes(run, "export", (cause,))
    store.end(run, "done")
    return run


def test_without_a_run_the_page_says_what_to_do(store: Store) -> None:
    page = opened()
    assert "Choose a model, then run" in headings(page)
    assert page.selectbox(key="modes_model").value


def test_the_recommendation_stands_with_its_reasons(finished: Callable[..., int]) -> None:
    """Trace fails on large values, so script is to be shipped, whatever the speed."""
    page = opened(finished())
    assert "Ship script" in headings(page)
    assert "It runs without Python; it needs libtorch." in "\n".join(text.value for text in page.markdown)


def test_the_table_says_what_each_needs_and_why_one_does_not_export(refused: int) -> None:
    """Libraries of operators stand among the needs; the error stands where the time would."""
    text = table(opened(refused))
    assert "libtorch, torchvision" in text
    assert "GuardOnDataDependentSymNode: Could not guard" in text
    assert "unsupported_python" in text


def test_nothing_is_said_of_an_artefact_that_does_not_exist(refused: int) -> None:
    """The row of a mode that could not be exported has neither needs nor branches nor dtype, and the heading counts the rest."""
    page = opened(refused)
    rows = {
        row.split("</td>")[0].rpartition(">")[2]: row.split("</td>")[1:-1]
        for row in table(page).split("<tr>")
        if "ts-mode" in row
    }
    script, export = ([re.sub("<[^>]*>", "", cell) for cell in rows[mode]] for mode in ("script", "export"))
    assert script[2:6] == ["libtorch, torchvision", "✓ yes", "✓ kept", "✓ can be cast"]
    assert export[2:6] == ["—"] * 4
    assert "1 of 2 modes runs without Python" in headings(page)


def test_the_way_to_export_names_the_line_and_the_rewrite(refused: int) -> None:
    page = opened(refused)
    assert "A decision on a value." in headings(page)
    assert "ts-guilty" in table(page)
    assert "torch.cond" in table(page)


def test_a_run_without_export_says_that_it_was_not_tried(finished: Callable[..., int]) -> None:
    assert "this run did not try export" in headings(opened(finished()))


def test_the_order_is_part_of_the_address(finished: Callable[..., int]) -> None:
    page = opened(finished(), order="name")
    names = table(page)
    assert names.index(">script<") < names.index(">trace<")


def test_one_button_runs_all_modes_over_the_same_sweep(
    finished: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cases are those of the run that is shown, the modes are all there are, and latency is measured."""
    sent: list[RunSpec] = []
    run = finished()

    def submit(spec: RunSpec, sweep: dict[str, object]) -> int:
        sent.append(spec)
        return run

    monkeypatch.setattr(service, "submit", submit)
    opened(run).button(key="run_all").click().run()
    assert sent[0].cases == early_exit().cases
    assert sent[0].modes == tuple(EXPORTERS)
    assert sent[0].latency


def test_a_run_that_does_not_exist_is_said_so(store: Store) -> None:
    assert [error.value for error in opened(999).error]


def test_a_failed_run_says_why(failed: int) -> None:
    assert "einops" in opened(failed).error[0].value
