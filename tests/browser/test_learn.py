"""Learn in a real browser: every lesson predicted, revealed and checked, by keyboard from one to the next."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import RESTING
from tsdash.ui.lessons import LESSONS

LESSON_MS = 120_000  # a lesson may train a model


def test_all_lessons_from_prediction_to_check(opened: Callable[..., Page]) -> None:
    """N goes on to the next lesson; each ends as finished, with progress that a reload keeps."""
    page = opened("/")
    page.get_by_role("link", name="Learn").click()
    for number, lesson in enumerate(LESSONS.values(), 1):
        expect(page.get_by_role("heading", name=lesson.claim)).to_be_visible()
        expect(page.get_by_text(f"Lesson {number} of {len(LESSONS)}", exact=True)).to_be_visible()
        page.wait_for_selector(RESTING)
        _option(page.get_by_test_id("stRadio").first, 0).click()
        page.get_by_role("button", name="Reveal").click()
        expect(page.get_by_text(re.compile("As you predicted|Not so")).first).to_be_visible(timeout=LESSON_MS)
        page.wait_for_selector(RESTING, timeout=LESSON_MS)
        _option(page.get_by_test_id("stRadio").last, lesson.answer).click()
        page.get_by_role("button", name="Check", exact=True).click()
        expect(page.get_by_text("This lesson is finished.")).to_be_visible(timeout=LESSON_MS)
        expect(page.get_by_text(f"{number} of {len(LESSONS)} finished")).to_be_visible()
        page.wait_for_selector(RESTING)
        if number < len(LESSONS):
            page.locator("body").press("n")
    page.reload()
    expect(page.get_by_text(f"{len(LESSONS)} of {len(LESSONS)} finished")).to_be_visible()


def _option(group: Locator, index: int) -> Locator:
    return group.get_by_role("radio").nth(index).locator("xpath=ancestor::label")
