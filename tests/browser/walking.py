"""The steps of a lesson as a reader takes them in the browser."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import RESTING
from tsdash.ui.lesson import Lesson

LESSON_MS = 120_000  # a lesson may train a model


def guess(page: Page, at: int) -> None:
    """Choose an answer of the prediction."""
    _option(page.get_by_test_id("stRadio").first, at).click()


def reveal(page: Page) -> None:
    """Run the lesson and wait until all of it is shown."""
    page.get_by_role("button", name="Reveal").click()
    expect(page.get_by_text(re.compile("As you predicted|Not so")).first).to_be_visible(timeout=LESSON_MS)
    page.wait_for_selector(RESTING, timeout=LESSON_MS)


def check(page: Page, lesson: Lesson) -> None:
    """Answer the last question rightly, which finishes the lesson."""
    _option(page.get_by_test_id("stRadio").last, lesson.answer).click()
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_text("This lesson is finished.")).to_be_visible(timeout=LESSON_MS)


def _option(group: Locator, index: int) -> Locator:
    return group.get_by_role("radio").nth(index).locator("xpath=ancestor::label")
