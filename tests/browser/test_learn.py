"""Learn in a real browser: every lesson predicted, revealed and checked, by keyboard from one to the next."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import RESTING
from tests.browser.walking import check, guess, reveal
from tsdash.ui.lessons import LESSONS


def test_all_lessons_from_prediction_to_check(opened: Callable[..., Page]) -> None:
    """N goes on to the next lesson; each ends as finished, with progress that a reload keeps."""
    page = opened("/")
    page.get_by_role("link", name="Learn").click()
    for number, lesson in enumerate(LESSONS.values(), 1):
        expect(page.get_by_role("heading", name=lesson.question)).to_be_visible()
        expect(page.get_by_text(f"Lesson {number} of {len(LESSONS)} · {lesson.title}", exact=True)).to_be_visible()
        page.wait_for_selector(RESTING)
        guess(page, 0)
        reveal(page)
        expect(page.get_by_role("heading", name=lesson.claim)).to_be_visible()
        check(page, lesson)
        expect(page.get_by_text(f"{number} of {len(LESSONS)} finished")).to_be_visible()
        page.wait_for_selector(RESTING)
        if number < len(LESSONS):
            page.locator("body").press("n")
    page.reload()
    expect(page.get_by_text(f"{len(LESSONS)} of {len(LESSONS)} finished")).to_be_visible()
