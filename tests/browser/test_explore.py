"""Explore as a person uses it, in a real browser against a real server, engine and workers included."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import rest
from tests.browser.faults import faults, switch, violations

RUN_MS = 240_000  # a run on a busy machine
Opened = Callable[[str], Page]


def run(page: Page) -> None:
    """Press Run and wait for the verdicts."""
    button = page.get_by_role("button", name=re.compile(r"^Run \d+|Run \d+ cases"))
    expect(button).to_be_enabled()
    button.click()
    progress = page.get_by_role("progressbar").first
    expect(progress).to_be_visible()
    expect(progress).to_be_hidden(timeout=RUN_MS)
    expect(page.get_by_text("Does it still give the same answers?")).to_be_visible()
    rest(page)


def choose_model(page: Page, name: str) -> None:
    """Type a model's name into the box and take it."""
    box = page.get_by_role("combobox", name=re.compile("Model"))
    box.click()
    box.fill(name)
    page.get_by_role("option", name=name, exact=True).click()
    rest(page)


def sizes(page: Page, **dims: str) -> None:
    """Set the sizes of dims in the sweep's popover."""
    page.get_by_role("button", name="Sweep").click()
    for dim, text in dims.items():
        field = page.get_by_role("textbox", name=re.compile(f"^{dim}"))
        field.fill(text)
        field.press("Enter")
        rest(page)
    page.keyboard.press("Escape")


def verdicts(page: Page) -> dict[str, str]:
    """The verdict of each mode as the table shows it."""
    rows = page.locator(".ts-verdicts tbody tr")
    expect(rows.first).to_be_visible()
    return {
        row.locator(".ts-mode").inner_text().strip(): row.locator(".ts-verdict").inner_text().strip()
        for row in rows.all()
    }


def rows(page: Page) -> list[str]:
    """What the table of verdicts says, cell by cell."""
    cells = page.locator(".ts-verdicts tbody td")
    expect(cells.first).to_be_visible()
    return [cell.inner_text().strip() for cell in cells.all()]


def test_the_whole_story(opened: Opened, context: BrowserContext, tmp_path: Path) -> None:
    """From the example to a run of one's own, its failing case, the cause, the elements, and Back; to Modes; to a report that is
    read from disk; and to the same page in a second tab."""
    page = opened("/")
    expect(page.get_by_text(re.compile("^An example: early_exit"))).to_be_visible(timeout=RUN_MS)
    expect(page.get_by_text("Does it still give the same answers?")).to_be_visible()
    choose_model(page, "decay_loop")
    for control in ("quick", "Latency"):  # a small sweep, and nothing is timed: other tests do that
        page.get_by_text(control, exact=True).first.click()
        rest(page)
    run(page)
    assert verdicts(page) == {"trace": "✗ do not ship", "script": "✓ ship"}
    expect(page.locator(".ts-line.ts-guilty").first).to_be_visible()
    expect(page.get_by_text("unrolled_loop").first).to_be_visible()
    expect(page.get_by_text("Worst elements")).to_be_visible()
    seen = {"headline": page.get_by_role("heading").first.inner_text(), "rows": rows(page)}

    case = page.get_by_role("combobox", name=re.compile("^Case"))
    failing = case.input_value()
    page.locator(".js-plotly-plot").first.locator(".textpoint").first.click(force=True)
    expect(page).to_have_url(re.compile("case=c1"))
    rest(page)
    expect(page.get_by_role("heading", name=re.compile("elements are equal, bit for bit"))).to_be_visible()
    page.go_back()
    expect(page).not_to_have_url(re.compile("case="))
    expect(case).to_have_value(failing)
    page.go_forward()
    expect(case).to_have_value(re.compile("^c1:"))
    rest(page)

    second = context.new_page()
    second.goto(page.url)
    expect(second.get_by_role("combobox", name=re.compile("^Case"))).to_have_value(re.compile("^c1:"), timeout=RUN_MS)
    assert rows(second) == seen["rows"]
    second.close()

    page.get_by_role("button", name="Take along").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="HTML report").click()
    download.value.save_as(tmp_path / "report.html")
    page.keyboard.press("Escape")
    _reads_the_same(context, tmp_path / "report.html", seen)

    page.goto(page.url.replace("/?", "/modes?"))
    expect(page.get_by_text("Which one to ship?")).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile("^Ship script"))).to_be_visible()
    rest(page)


def _reads_the_same(context: BrowserContext, path: Path, seen: dict[str, object]) -> None:
    """The report, opened from disk without a network, has the page's numbers and no accessibility fault; on paper nothing is cut."""
    context.set_offline(True)
    report = context.new_page()
    report.goto(path.as_uri())
    expect(report.locator("html")).to_have_attribute("data-drawn", "light")
    assert {"headline": report.get_by_role("heading").first.inner_text(), "rows": rows(report)} == seen
    assert violations(report) == []
    report.emulate_media(media="print")
    report.set_viewport_size({"width": 703, "height": 900})  # A4 between margins of 12 mm
    report.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(report.locator(".figure svg.main-svg").first).to_have_attribute("width", "700")
    assert report.evaluate("document.documentElement.scrollWidth") <= 703
    report.close()
    context.set_offline(False)


def test_a_network_of_torchvision(opened: Opened) -> None:
    """ResNet-18 traced and scripted may be shipped, and is timed."""
    page = opened("/?model=torchvision:resnet18")
    page.get_by_text("quick", exact=True).first.click()
    rest(page)
    sizes(page, batch="1,2", height="32,40", width="32")
    run(page)
    assert verdicts(page) == {"trace": "✓ ship", "script": "✓ ship"}, page.locator(".ts-verdicts").inner_text()
    expect(page.get_by_role("heading", name=re.compile("^Ship (trace|script): same bits"))).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile("(trace|script) answers in"))).to_be_visible()
    expect(page.get_by_text(re.compile("Less than 10⁻⁵ in all of|All of .* elements equal"))).to_be_visible()
    expect(page.get_by_text(re.compile("Plain rule holds"))).to_be_visible()


def test_a_run_can_be_cancelled(opened: Opened) -> None:
    """Cancel ends the run and keeps what it has."""
    page = opened("/?model=unet")
    page.get_by_role("button", name=re.compile(r"Run \d+")).click()
    page.get_by_role("button", name="Cancel").click(timeout=RUN_MS)
    expect(page.get_by_text(re.compile("^Cancelled after"))).to_be_visible(timeout=RUN_MS)
    expect(page.get_by_role("button", name="Run again")).to_be_visible()


def test_ctrl_enter_runs(opened: Opened) -> None:
    """The keyboard's way to Run, also while a pill has the focus, which keeps every other Enter to itself."""
    page = opened("/?model=mlp")
    page.get_by_text("script", exact=True).first.click()
    rest(page)
    page.keyboard.press("Control+Enter")
    expect(page).to_have_url(re.compile(r"run=\d+"))
    expect(page.get_by_text("Does it still give the same answers?")).to_be_visible(timeout=RUN_MS)


def test_a_server_that_is_gone_is_said(context: BrowserContext, server: str) -> None:
    """While the server does not answer a bar says so; once it does, the bar is gone."""
    page = context.new_page()
    page.goto(f"{server}/?model=mlp")
    page.get_by_role("button", name="Run ").first.wait_for(timeout=RUN_MS)
    page.route("**/_stcore/health", lambda route: route.fulfill(status=503))
    expect(page.get_by_text("The server does not answer")).to_be_visible(timeout=RUN_MS)
    page.unroute("**/_stcore/health")
    expect(page.get_by_text("The server does not answer")).to_be_hidden(timeout=RUN_MS)


def test_no_accessibility_fault(opened: Opened) -> None:
    """axe finds nothing on the empty page and on a finished run, in either appearance."""
    page = opened("/?model=early_exit")
    assert faults(page) == {"light": [], "dark": []}
    page.get_by_text("quick", exact=True).click()
    rest(page)
    run(page)
    assert faults(page) == {"light": [], "dark": []}


def test_the_page_follows_the_appearance(opened: Opened) -> None:
    """Figures are drawn again when the viewer switches to dark and back."""
    page = opened("/?model=mlp")
    switch(page, dark=True)
    switch(page, dark=False)
