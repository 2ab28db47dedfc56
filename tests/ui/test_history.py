"""History: past runs found, and two of them compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.conftest import EQUAL, early_exit, result
from tsdash import verdicts
from tsdash.spec import Side
from tsdash.store import Store
from tsdash.ui import service

PAGE = str(Path(__file__).parents[2] / "pages" / "history.py")


def history(run: str = "", **query: str) -> AppTest:
    """The page with these runs in its address, run once."""
    page = AppTest.from_file(PAGE, default_timeout=30)
    for name, value in ({"run": run} if run else {}).items() | query.items():
        page.query_params[name] = value
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


def test_a_view_is_a_link(store: Store, finished: Callable[..., int]) -> None:
    """Search, verdict and pin stand in the address, and are read from it."""
    first, second = (summarized(store, finished()) for _ in range(2))
    store.annotate(first, name="baseline", pinned=True)
    assert list(history(pinned_only="true").dataframe[0].value["run"]) == [first]
    assert list(history(search="baseline").dataframe[0].value["run"]) == [first]
    page = history(verdict="✓ ship")
    assert "No run fits this search." in [caption.value for caption in page.caption]
    assert list(history(verdict="✗ do not ship").dataframe[0].value["run"]) == [second, first]


def test_a_run_is_named_noted_and_pinned(store: Store, finished: Callable[..., int]) -> None:
    """What is typed is kept at once."""
    run = summarized(store, finished())
    page = history(str(run))
    page.text_input(key=f"name {run}").set_value("release 3").run()
    page.text_input(key=f"note {run}").set_value("to ship on Monday").run()
    page.toggle(key=f"pin {run}").set_value(True).run()
    assert not page.exception, page.exception
    kept = store.runs()[0]
    assert (kept.name, kept.note, kept.pinned) == ("release 3", "to ship on Monday", True)


def test_a_run_is_deleted_and_brought_back(store: Store, finished: Callable[..., int]) -> None:
    """Undo stands at the top until it is used; the address lets go of what is gone."""
    run = summarized(store, finished())
    page = history(str(run))
    page.button(key="delete").click().run()
    assert store.runs() == ()
    assert "run" not in page.query_params
    page.button(key="undo").click().run()
    assert not page.exception, page.exception
    assert [kept.id for kept in store.runs()] == [run]


def test_two_runs_are_compared_by_their_address(store: Store, finished: Callable[..., int]) -> None:
    """The same cases under another torch: nothing moved, and the versions are named."""
    before, after = summarized(store, finished()), summarized(store, finished(torch="2.15.0"))
    page = history(f"{before},{after}")
    assert headings(page)[1] == "Nothing\\: all 6 cases came out as before."
    assert "torch 2.14.1 → 2.15.0" in [caption.value for caption in page.caption]


def test_a_case_that_moved_opens_in_either_run(store: Store, finished: Callable[..., int]) -> None:
    """The one case of trace that got better names its case in both runs as a link to Explore."""
    before, after = summarized(store, finished()), summarized(store, finished(mended=True))
    page = history(f"{before},{after}")
    assert headings(page)[1] == "No case got worse and 1 got better."
    moved = page.dataframe[1].value
    assert moved["change"].tolist() == ["better"]
    assert moved["open_before"].tolist() == [f"/?run={before}&mode=trace&case={moved['case_before'].iloc[0]}"]
    assert moved["open_after"].tolist() == [f"/?run={after}&mode=trace&case={moved['case_after'].iloc[0]}"]


def test_a_case_that_one_run_lacks_opens_in_the_other(store: Store, finished: Callable[..., int]) -> None:
    """A run of trace alone beside one of both modes: what is new has one link, and nothing in the place of the other."""
    spec = replace(early_exit(), modes=("trace",))
    before = store.create(spec, {}, {})
    store.add_case(before, result(spec.cases[0], "trace", EQUAL), {})
    store.end(before, "done")
    after = summarized(store, finished())
    moved = history(f"{summarized(store, before)},{after}").dataframe[1].value
    new = moved[moved["mode"] == "script"]
    assert new["open_before"].isna().all()
    assert all(link.startswith(f"/?run={after}&mode=script&case=c") for link in new["open_after"])


def test_a_run_that_was_cut_off_ships_nothing(store: Store, finished: Callable[..., int]) -> None:
    """What it has may look good; the list does not recommend it."""
    run = summarized(store, finished(state="cancelled"))
    page = history()
    assert list(page.dataframe[0].value["ship"]) == ["—"]
    assert f"by run {run}" not in headings(page)[0]


def test_any_run_can_be_run_again(store: Store, finished: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the very source that it had, also where the file has changed since."""
    run, submitted = summarized(store, finished()), []
    monkeypatch.setattr(service, "submit", lambda spec, sweep: submitted.append(spec) or run)
    next(button for button in history(str(run)).button if button.label == "Run again").click().run()
    assert submitted == [store.load(run).spec]


def test_code_of_the_users_own_is_run_again_only_where_it_may_run(
    store: Store, finished: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "allows_code", lambda: False)
    spec = store.load(finished()).spec
    own = store.create(replace(spec, model=replace(spec.model, kind="file")), {}, {})
    store.end(own, "done")
    assert next(button for button in history(str(own)).button if button.label == "Run again").disabled


def test_cases_that_were_not_run_count_neither_way(store: Store, finished: Callable[..., int]) -> None:
    """Half of the cases say nothing, and all of the others agree: the same answers everywhere."""
    spec = replace(early_exit(), modes=("script",))
    run = store.create(spec, {}, {})
    for n, case in enumerate(spec.cases):
        told = result(case, "script", EQUAL)
        not_run = replace(told, eager=Side(), exported=Side(), outputs=())
        store.add_case(run, told if n < 3 else not_run, {})
    store.end(run, "done")
    summarized(store, run)
    assert store.runs()[0].digest["judged"] == 3
    assert list(history().dataframe[0].value["same"]) == [100.0]


def test_runs_that_came_to_no_verdict_are_found(store: Store, finished: Callable[..., int], failed: int) -> None:
    """By their own choice beside the verdicts, or by the word."""
    summarized(store, finished())
    page = history(verdict="failed")
    assert list(page.dataframe[0].value["run"]) == [failed]
    assert list(history(search="failed").dataframe[0].value["run"]) == [failed]


def test_runs_of_two_models_are_not_compared(store: Store, finished: Callable[..., int]) -> None:
    """The heading says so, and no figure and no table pretends that there is something to compare."""
    first = summarized(store, finished())
    spec = store.load(first).spec
    other = replace(spec, model=replace(spec.model, name="/nets/other.py", kind="file", filename="other.py"))
    second = store.create(other, {}, {})
    store.end(second, "done")
    page = history(f"{first},{summarized(store, second)}")
    assert (
        headings(page)[1].replace("\\", "")
        == f"Two different models: early_exit in run {first}, other.py in run {second}."
    )
    assert len(page.dataframe) == 1
    assert not page.get("plotly_chart")


def test_a_file_goes_by_its_own_name_wherever_it_lies(store: Store, finished: Callable[..., int]) -> None:
    """Two paths of one file are one model in the heading, in the list and in the filter."""
    spec = store.load(finished()).spec
    store.delete(1)
    for name in ("net.py", "/tmp/kept/8b6e/net.py"):
        run = store.create(replace(spec, model=replace(spec.model, name=name, kind="file", filename="net.py")), {}, {})
        for case in spec.cases:
            for mode in spec.modes:
                store.add_case(run, result(case, mode, EQUAL), {})
        store.end(run, "done")
        summarized(store, run)
    page = history()
    assert headings(page)[0].replace("\\", "") == f"2 runs of 1 model; net.py can be shipped, by run {run}."
    assert list(page.dataframe[0].value["model"]) == ["net.py"] * 2
    assert page.selectbox(key="of_model").options == ["any", "net.py"]
    assert len(history(of_model="net.py").dataframe[0].value) == 2
