"""What a page costs: first paint, click to the first result, an interaction with a run of 10,000 cases, and weights."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, WebSocket, expect, sync_playwright

from tests.browser.screenshots import RESTING, rest
from tests.browser.serving import serving
from tests.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.ui.conftest import EQUAL, WRONG, early_exit, result
from tsdash import tables, verdicts
from tsdash.plots import outcome_grid
from tsdash.spec import Description
from tsdash.store import Store

CASES = 5000  # in each of two modes
FIRST_RESULTS = ("mlp", "early_exit", "small_cnn", "torchvision:resnet18")
TIMES = 5  # that each of them is run
TIMEOUT_MS = 120_000
FIGURE_LIMIT = 2**20  # bytes: no figure may weigh more
WATCH = r"""() => {
  let clicked = 0;
  document.addEventListener("click", () => { clicked = performance.now() }, { capture: true, once: true });
  new MutationObserver((_, observer) => {
    const bar = document.querySelector("[data-testid=stProgress]");
    if (!clicked || !/^[1-9]\d* of \d+ cases/.test(bar?.innerText ?? "")) return;
    window.firstResult = performance.now() - clicked;
    observer.disconnect();
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


def many(store: Store) -> int:
    """A finished run of 10,000 cases, one in fifty of them wrong; returns its id."""
    spec = early_exit()
    base = spec.cases[0]
    extra = tuple(replace(base, id=f"c{i}", seed=i, varied="seed") for i in range(len(spec.cases) + 1, CASES + 1))
    spec = replace(spec, cases=(*spec.cases, *extra))
    run = store.create(spec, {}, {"torch": "2.14.1"})
    store.begin(run)
    store.describe(run, Description(parameters=1000, dims={"batch": 2, "seq": 8}, inputs=(), training=False))
    for i, case in enumerate(spec.cases):
        store.add_case(run, result(case, "trace", EQUAL if i % 50 else WRONG), {})
        store.add_case(run, result(case, "script", EQUAL), {})
    store.end(run, "done")
    store.summarize(run, verdicts.digest(store.load(run)))
    return run


def row(what: str, figure: str, goal: str = "") -> dict[str, Any]:
    return {"what": what, "figure": figure, "goal": goal}


def timed(act: Callable[[], None]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


class Weights:
    """Bytes that a page receives: files over HTTP and messages over its websocket."""

    def __init__(self, page: Page) -> None:
        self.files = self.messages = self.largest = 0
        page.on("response", lambda response: self._file(response.headers.get("content-length")))
        page.on("websocket", self._socket)

    def _file(self, length: str | None) -> None:
        self.files += int(length or 0)

    def _socket(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda payload: self._message(len(payload)))

    def _message(self, length: int) -> None:
        self.messages += length
        self.largest = max(self.largest, length)


def main() -> list[dict[str, Any]]:
    rows = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        store = Store(Path(folder))
        run = many(store)
        weight = len(outcome_grid(tables.outcomes(store.load(run)), False).to_json().encode())
        rows.append(row("the grid of 10,000 cases", f"{weight / 1024:.0f} KiB", f"< {FIGURE_LIMIT / 1024:.0f} KiB"))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_ARGUMENTS))
        with serving(Path(folder)) as address:
            for name, path, heading in (
                ("Explore, 10,000 cases", f"/?run={run}", "When does it not?"),
                ("Modes, 10,000 cases", f"/modes?run={run}", "Which one to ship?"),
                ("History", "/history", "What has run?"),
            ):
                for again in ("cold", "warm"):
                    rows += _visit(browser.new_context().new_page(), address + path, heading, f"{name}, {again}")
            rows += _interaction(browser.new_context().new_page(), f"{address}/?run={run}")
            for model in FIRST_RESULTS:
                rows += _first_result(browser, address, model)
        browser.close()
    return rows


def _visit(page: Page, address: str, heading: str, name: str) -> list[dict[str, Any]]:
    weights = Weights(page)
    page.set_default_timeout(TIMEOUT_MS)

    def open_it() -> None:
        page.goto(address)
        expect(page.get_by_text(heading)).to_be_visible(timeout=TIMEOUT_MS)
        page.wait_for_selector(RESTING)

    seconds = timed(open_it)
    paint = float(page.evaluate(PAINT)) / 1000
    found = [
        row(f"{name}: first paint", f"{paint:.2f} s"),
        row(f"{name}: all of it", f"{seconds:.2f} s"),
        row(f"{name}: sent by the server", f"{weights.messages / 1024:.0f} KiB, the largest message "
            f"{weights.largest / 1024:.0f} KiB", f"each < {FIGURE_LIMIT / 1024:.0f} KiB"),
    ]  # fmt: skip
    page.context.close()
    return found


def _interaction(page: Page, address: str) -> list[dict[str, Any]]:
    """Another mode is selected on a run of 10,000 cases: until the address has it and the page rests."""
    page.set_default_timeout(TIMEOUT_MS)
    weights = Weights(page)
    page.goto(address)
    expect(page.get_by_text("When does it not?")).to_be_visible(timeout=TIMEOUT_MS)
    rest(page)  # what is drawn at the opening is no part of it
    before = weights.messages

    def select() -> None:
        box = page.get_by_role("combobox", name=re.compile("^Mode(?!l)")).first
        box.scroll_into_view_if_needed()  # a list that scrolls on its way closes
        box.click()
        page.get_by_role("option", name="script", exact=True).click()
        expect(page).to_have_url(re.compile("mode=script"), timeout=TIMEOUT_MS)
        page.wait_for_selector(RESTING)

    seconds = timed(select)
    page.context.close()
    return [
        row("another mode, 10,000 cases", f"{seconds:.2f} s"),
        row("another mode, 10,000 cases: sent", f"{(weights.messages - before) / 1024:.0f} KiB"),
    ]


def _first_result(browser: Browser, address: str, model: str) -> list[dict[str, Any]]:
    """From the click on Run to the first case that is done, on a server whose engine is warm, by the page's own clock; each time
    on a new page."""
    seconds = []
    for _ in range(TIMES):
        page = browser.new_context().new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.goto(f"{address}/?model={model}")
        rest(page)
        page.evaluate(WATCH)
        page.get_by_role("button", name=re.compile(r"^Run \d|Run \d+ case")).click()
        seconds.append(float(page.wait_for_function("window.firstResult").json_value()) / 1000)
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_text("When does it not?")).to_be_visible(
            timeout=TIMEOUT_MS
        )  # whether it came in time or not
        page.context.close()
    return [
        row(
            f"click on Run to the first result, {model}, warm",
            f"{min(seconds):.1f} to {max(seconds):.1f} s in {TIMES} runs",
            "1 to 2 s",
        )
    ]
