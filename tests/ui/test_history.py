"""History: past runs found, and two of them compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

from tsdash import verdicts
from tsdash.store import Store

PAGE = str(Path(__file__).parents[2] / "pages" / "history.py")


def history(rows: list[int] | None = None) -> AppTest:
    """The page with these rows of the table selected, run once. AppTest cannot select: the widget's state is set."""
    page = AppTest.from_file(PAGE, default_timeout=30)
    if rows is not None:
        page.session_state["runs"] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    page.run()
    assert not page.exception, page.exception
    return page


def summarized(store: Store, run: int) -> int:
    """The run with the digest that the engine writes at its end."""
    store.summarize(run, verdicts.digest(store.load(run)))
    return run


def headings(page: AppTest) -> list[str]:
    return [heading.value for heading in page.subheader]


def test_without_runs_the_page_says_how_they_get_there(store: Store) -> None:
    assert "Nothing has run yet" in headings(history())[0]


def test_every_run_is_a_row_with_its_verdict(store: Store, finished: Callable[..., int]) -> None:
    """The newest first, the verdict with its sign and its words."""
    runs = [summarized(store, finished()) for _ in range(2)]
    table = history().dataframe[0].value
    assert list(table["run"]) == runs[::-1]
    assert set(table["verdict"]) == {"✗ do not ship"}
    assert list(table["model"]) == ["early_exit"] * 2


def test_words_find_a_run_by_its_note(store: Store, finished: Callable[..., int]) -> None:
    first, second = (summarized(store, finished()) for _ in range(2))
    store.annotate(first, note="before the rewrite")
    page = history()
    page.text_input[0].set_value("rewrite").run()
    assert list(page.dataframe[0].value["run"]) == [first]
    page.text_input[0].set_value("no such words").run()
    assert "No run fits this search." in [caption.value for caption in page.caption]
    assert second in [run.id for run in store.runs()]


def test_a_deleted_run_can_be_brought_back(store: Store, finished: Callable[..., int]) -> None:
    """Undo stands at the top until it is used."""
    run = summarized(store, finished())
    store.delete(run)
    page = AppTest.from_file(PAGE, default_timeout=30)
    page.session_state["deleted"] = run
    page.run()
    page.button(key="undo").click().run()
    assert not page.exception, page.exception
    assert [kept.id for kept in store.runs()] == [run]
