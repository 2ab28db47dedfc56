"""What every test shares: a tsdash home of its own, torch on one thread, hypothesis without deadlines, a browser if any."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tsdash.engine.core import Engine

# Read by torch when it is imported, here or in a child process, so that tests without torch need not import it.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

IN_CI = bool(os.environ.get("CI"))
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",  # root in a container has no sandbox to enter
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

settings.register_profile("anywhere", deadline=None)  # a busy machine is not a failing test
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if IN_CI else "anywhere")


@pytest.fixture(scope="session", autouse=True)
def _session_home() -> Iterator[None]:
    """The tsdash home of fixtures that outlive one test: never the user's own."""
    with tempfile.TemporaryDirectory(prefix="tsdash-tests-") as home, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TSDASH_HOME", home)
        yield


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for all tests of this process: starting a zygote takes seconds, forking from it milliseconds."""
    from tsdash.engine.core import Engine
    from tsdash.store import Store

    with Engine(Store(tmp_path_factory.mktemp("engine-home"))) as engine:
        yield engine


@pytest.fixture(autouse=True)
def tsdash_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty tsdash home for every test; results of one are never seen by another."""
    home = tmp_path / "tsdash-home"
    monkeypatch.setenv("TSDASH_HOME", str(home))
    return home


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the browser tests where there is no browser. In CI a missing browser is a failure."""
    if CHROMIUM or IN_CI:
        return
    skip = pytest.mark.skip(
        reason="no chromium found: install it (Debian: apt-get install chromium) or set CHROMIUM=path"
    )
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent / "browser"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    """Playwright drives the machine's own chromium and downloads none."""
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": list(CHROMIUM_ARGUMENTS)}
