"""History as a person uses it, in a real browser, on runs that are in the store already."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import ACTION_MS, rest
from tests.ui.conftest import EQUAL, WRONG, early_exit, result
from tsdash import verdicts
from tsdash.spec import Description
from tsdash.store import Store

Opened = Callable[..., Page]


def stored(store: Store, *, mended: bool) -> int:
    """A finished run of early_exit, whose trace is wrong on large values unless it is mended; returns its id."""
    spec = early_exit()
    run = store.create(spec, {}, {"torch": "2.14.1"})
    store.begin(run)
    store.describe(run, Description(parameters=1000, dims={"batch": 2, "seq": 8}, inputs=(), training=False))
    for case in spec.cases:
        store.add_case(run, result(case, "trace", WRONG if case.values == "x100" and not mended else EQUAL), {})
        store.add_case(run, result(case, "script", EQUAL), {})
    store.end(run, "done")
    store.summarize(run, verdicts.digest(store.load(run)))
    return run


def test_runs_are_compared_named_deleted_and_brought_back(opened: Opened, server_home: Path) -> None:
    """A link compares two runs; a run is named, found by its name, deleted, brought back, and opened in Explore and Modes."""
    store = Store(server_home)
    before, after = stored(store, mended=False), stored(store, mended=True)
    page = opened(f"/history?run={before}", "Delete")
    page.get_by_role("textbox", name="Name").fill("the baseline")
    page.keyboard.press("Enter")
    kept_as(page, store, before, "the baseline")
    page.get_by_role("textbox", name="Search").fill("baseline")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("search=baseline"))
    rest(page, "Delete")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text(f"Run {before} is deleted")).to_be_visible()
    assert before not in [run.id for run in store.runs()]
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text(f"Run {before} is deleted")).to_be_hidden()
    assert [run.name for run in store.runs() if run.id == before] == ["the baseline"]

    page.goto(f"{page.url.split('/history')[0]}/history?run={before},{after}")
    expect(page.get_by_role("heading", name="No case got worse and 1 got better.")).to_be_visible()

    page = opened(f"/history?run={after}", "Delete")
    page.get_by_role("button", name="Modes").click()
    expect(page).to_have_url(re.compile(f"/modes\\?run={after}"))
    expect(page.get_by_text("Which one to ship?")).to_be_visible()


def kept_as(page: Page, store: Store, run: int, name: str) -> None:
    """Wait until the server has kept the name: the page rests before it has heard of it."""
    deadline = time.monotonic() + ACTION_MS / 1000
    while store.summary(run).name != name:
        assert time.monotonic() < deadline, "the name was not kept"
        page.wait_for_timeout(50)
