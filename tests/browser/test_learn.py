"""Learn in a real browser: every lesson predicted, revealed and checked, by keyboard from one to the next."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import RESTING
from tests.browser.faults import faults
from tests.browser.walking import check, guess, reveal
from tsdash.ui.lessons import LESSONS

PRESENTED = 10  # from this lesson on, for a class


def test_all_lessons_from_prediction_to_check(opened: Callable[..., Page]) -> None:
    """N goes on to the next lesson, also in the presenter view; each ends as finished and without an accessibility fault,
    with progress that a reload keeps."""
    page = opened("/")
    page.get_by_role("link", name="Learn").click()
    found = {}
    for number, lesson in enumerate(LESSONS.values(), 1):
        expect(page.get_by_role("heading", name=lesson.question)).to_be_visible()
        expect(page.get_by_text(f"Lesson {number} of {len(LESSONS)} · {lesson.title}", exact=True)).to_be_visible()
        page.wait_for_selector(RESTING)
        if number == PRESENTED:
            present(page)
        guess(page, 0)
        reveal(page)
        expect(page.get_by_role("heading", name=lesson.claim)).to_be_visible()
        if number == 1:
            lines_light_up(page)
        check(page, lesson)
        expect(page.get_by_text(f"{number} of {len(LESSONS)} finished")).to_be_visible()
        page.wait_for_selector(RESTING)
        found[lesson.name] = faults(page)
        if number < len(LESSONS):
            page.locator("body").press("n")
    assert found == {name: {"light": [], "dark": []} for name in LESSONS}
    page.reload()
    expect(page.get_by_text(f"{len(LESSONS)} of {len(LESSONS)} finished")).to_be_visible()


def lines_light_up(page: Page) -> None:
    """Pointing at a source line frames it and all that became of it, and nothing else."""
    panes = page.locator(".ts-panes").first
    lit = "lines => lines.map(line => getComputedStyle(line).boxShadow !== 'none')"
    for tie in {line.get_attribute("data-tie") for line in panes.locator("[data-tie]").all()}:
        panes.locator(f'[data-tie="{tie}"]').first.hover()
        own = panes.locator(f'[data-tie="{tie}"]').evaluate_all(lit)
        others = panes.locator(f'[data-tie]:not([data-tie="{tie}"])').evaluate_all(lit)
        assert len(own) >= 3
        assert all(own)
        assert not any(others)


def present(page: Page) -> None:
    """Large type, and no navigation."""
    root = page.locator(":root")
    before = float(root.evaluate("it => parseFloat(getComputedStyle(it).fontSize)"))
    page.get_by_role("button", name="Present").click()
    expect(page.get_by_role("button", name="Leave")).to_be_visible()
    expect(page.get_by_role("link", name="Explore")).to_be_hidden()
    assert float(root.evaluate("it => parseFloat(getComputedStyle(it).fontSize)")) > 1.3 * before
    page.wait_for_selector(RESTING)
