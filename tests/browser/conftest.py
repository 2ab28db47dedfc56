"""A real server on a free port with a home of its own, and a page that knows when it has come to rest."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

ROOT = Path(__file__).parents[2]
START_S = 90.0
ACTION_MS = 60_000  # a page of many figures on a busy machine
RESTING = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def server_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps its runs."""
    return tmp_path_factory.mktemp("browser-home")


@pytest.fixture(scope="session")
def server(server_home: Path) -> Iterator[str]:
    """The address of `streamlit run app.py`."""
    home = server_home
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app.py",
        "--server.port",
        str(port),
        "--server.headless",
        "true",
    ]
    environment = {**os.environ, "TSDASH_HOME": str(home)}
    with open(home / "server.log", "w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            address = f"http://127.0.0.1:{port}"
            wait(process, f"{address}/_stcore/health", home / "server.log")
            yield address
        finally:
            process.terminate()
            process.wait(START_S)


def wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    """Until the server answers. Fails with its log when it ends or does not come up."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"The server did not start:\n{log.read_text()}")


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
