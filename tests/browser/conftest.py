"""A real server on a free port with a home of its own, and a page that knows when it has come to rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from tests.browser.serving import serving

ACTION_MS = 60_000  # a page of many figures on a busy machine
RESTING = '[data-testid="stApp"][data-test-script-state="notRunning"]'


@pytest.fixture(scope="session")
def server_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps its runs."""
    return tmp_path_factory.mktemp("browser-home")


@pytest.fixture(scope="session")
def server(server_home: Path) -> Iterator[str]:
    """The address of `streamlit run app.py`."""
    with serving(server_home) as address:
        yield address


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, object]) -> dict[str, object]:
    return {**browser_context_args, "viewport": {"width": 1440, "height": 900}, "color_scheme": "light"}


@pytest.fixture
def opened(page: Page, server: str) -> Iterator[Callable[..., Page]]:
    """Open a path of the server and wait until the page rests; at the end no error may have been logged by the browser."""
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if (
            message.type == "error" and "/_stcore/" not in message.location["url"]
        ):  # a deep link's 404s are Streamlit's own
            errors.append(message.text)

    page.on("console", note)
    page.set_default_timeout(ACTION_MS)
    expect.set_options(timeout=ACTION_MS)

    def go(path: str = "/", button: str = "Run ") -> Page:
        page.goto(server + path)
        rest(page, button)
        return page

    yield go
    assert errors == []


def rest(page: Page, button: str = "Run ") -> None:
    """Until the script has run and the widgets are drawn, this button among them."""
    page.wait_for_selector(RESTING)
    page.get_by_role("button", name=button).first.wait_for()
