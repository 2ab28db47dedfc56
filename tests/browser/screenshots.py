"""Every page in every state, light and dark, at three widths, as pictures: python -m tests.browser.screenshots OUT [--only PATTERN].

The runs are real ones, made by the command line in a home of their own first; `--home` keeps them for the next time.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.serving import ROOT, serving
from tests.browser.walking import check, guess, reveal
from tests.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tsdash.store import Store
from tsdash.ui.lesson import Lesson
from tsdash.ui.lessons import LESSONS

WIDTHS = (800, 1440, 2560)
SCHEMES = ("light", "dark")
HEIGHT_PX = 900
FEW_CASES = 12  # that a run which is cancelled has
ALL = "trace,script,trace+freeze,script+freeze,script+optimize,export,onnx"
QUIET_MS = 800  # figures are drawn after the script has come to rest
TIMEOUT_MS = 60_000
RESTING = '[data-testid="stApp"][data-test-script-state="notRunning"]'
SCROLLED = '[data-testid="stMain"]'
BROKEN = "def make_model():\n    import einops_that_is_not_here\n\n\ndef make_inputs(batch=2):\n    return ()\n"

Act = Callable[[Page], None]


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One picture: where, what is done there first, and what is put back afterwards."""

    name: str
    path: str
    act: Act | None = None
    after: Act | None = None


def start(page: Page) -> None:
    """Run a long sweep and wait for its first results."""
    page.get_by_text("thorough", exact=True).click()
    rest(page)
    page.get_by_role("button", name=re.compile(r"Run \d+")).click()
    page.get_by_test_id("stProgress").get_by_text(re.compile(r"^[1-9]\d* of \d+ cases")).wait_for()


def cancel(page: Page) -> None:
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled after").wait_for()


def disconnect(page: Page) -> None:
    """The server does not answer any more, as far as the page can see."""
    page.route("**/_stcore/health", lambda route: route.fulfill(status=503))
    page.get_by_text("The server does not answer").wait_for()


def press(name: str) -> Act:
    """Open the popover of a button."""
    return lambda page: page.get_by_role("button", name=name).first.click()


def make_runs(home: Path) -> None:
    """Finished runs of two models, twice of the first, one of a thousand cases, one that failed and one that was cancelled; nothing where they are."""
    if Store(home).runs():
        return
    environment = {**os.environ, "TSDASH_HOME": str(home)}
    broken = home / "broken.py"
    home.mkdir(parents=True, exist_ok=True)
    broken.write_text(BROKEN)
    for arguments in (
        ("small_cnn", "--modes", "trace,script", "--effort", "quick"),
        ("early_exit", "--modes", "trace", "--effort", "quick"),
        ("early_exit", "--modes", ALL, "--latency-budget", "12"),
        ("small_cnn", "--modes", ALL, "--latency-budget", "12", "--effort", "quick"),
        ("mlp", "--modes", "trace,script", "--dim", "batch=1:500", "--values", "normal"),
        (str(broken),),
    ):
        subprocess.run([sys.executable, "-m", "tsdash", "check", *arguments], cwd=ROOT, env=environment, check=False)
    store = Store(home)
    _cancelled(store, environment)
    store.annotate(store.runs()[-1].id, name="before the rewrite", note="baseline of the team", pinned=True)


def _cancelled(store: Store, environment: dict[str, str]) -> None:
    """A run that is interrupted from the keyboard once it has some results."""
    command = [
        sys.executable,
        "-m",
        "tsdash",
        "check",
        "torchvision:resnet18",
        "--modes",
        "trace,script",
        "--effort",
        "thorough",
    ]
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    before = {run.id for run in store.runs()}
    while process.poll() is None:
        new = [run.id for run in store.runs() if run.id not in before]
        if new and store.progress(new[0])[1] >= FEW_CASES:
            process.send_signal(signal.SIGINT)
            process.wait()
        time.sleep(0.05)


def shots(store: Store) -> Iterator[Shot]:
    """The pages that there are, in the states that the stored runs have."""
    done = [run for run in store.runs() if run.state == "done"]
    whole = max(done, key=lambda run: (len(run.modes), run.id)).id
    few = min(done, key=lambda run: (len(run.modes), run.id)).id
    yield Shot(name="explore-welcome", path="/")
    yield Shot(name="explore-running", path="/?model=torchvision:resnet18", act=start, after=cancel)
    yield Shot(name="explore-disconnected", path=f"/?run={few}", act=disconnect)
    yield Shot(name="explore-sweep", path=f"/?run={whole}", act=press("Sweep"))
    yield Shot(name="explore-along", path=f"/?run={whole}", act=press("Take along"))
    many = max(done, key=lambda run: (run.cases, run.id)).id
    yield Shot(name="explore-many", path=f"/?run={many}")
    yield Shot(name="modes-many", path=f"/modes?run={many}")
    yield Shot(name="explore", path=f"/?run={whole}")
    yield Shot(name="explore-two-modes", path=f"/?run={few}")
    yield Shot(name="explore-unknown", path="/?run=999999")
    yield Shot(name="modes", path=f"/modes?run={whole}")
    yield Shot(name="modes-few", path=f"/modes?run={few}")
    yield Shot(name="modes-unknown", path="/modes?run=999999")
    for run in store.runs():
        if run.state in ("failed", "cancelled", "interrupted"):
            yield Shot(name=f"explore-{run.state}", path=f"/?run={run.id}")
            yield Shot(name=f"modes-{run.state}", path=f"/modes?run={run.id}")
    yield Shot(name="history", path="/history")
    yield Shot(name="history-one", path=f"/history?run={whole}")
    same = [run.id for run in done if run.model == "early_exit"]
    if len(same) > 1:
        yield Shot(name="history-compare", path=f"/history?run={min(same)},{max(same)}")
    yield Shot(name="history-nothing", path="/history?search=nothing+fits+this")
    yield Shot(name="graph", path=f"/?run={whole}&mode=script", act=show_graph)
    yield Shot(name="playground", path="/playground?model=early_exit")
    yield Shot(name="playground-ran", path="/playground?model=early_exit", act=play)
    for number, lesson in enumerate(LESSONS.values(), 1):
        path = f"/learn?lesson={lesson.name}"
        yield Shot(name=f"learn-{number:02}-predict", path=path)
        yield Shot(
            name=f"learn-{number:02}-revealed", path=path, act=partial(work_through, lesson=lesson, to_end=False)
        )
        yield Shot(name=f"learn-{number:02}-checked", path=path, act=partial(work_through, lesson=lesson, to_end=True))
    yield Shot(
        name="learn-presenter",
        path="/learn?lesson=branches&present=1",
        act=partial(work_through, lesson=LESSONS["branches"], to_end=True),
    )


def work_through(page: Page, *, lesson: Lesson, to_end: bool) -> None:
    """A lesson with its first option guessed, up to the reveal or to the end."""
    guess(page, 0)
    reveal(page)
    if to_end:
        check(page, lesson)


def show_graph(page: Page) -> None:
    """The graph of the mode that is looked at, another beside it."""
    page.get_by_role("button", name="Show the graph").click()
    rest(page)


def play(page: Page) -> None:
    """Run what is in the editor."""
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Find the cause").wait_for()


def rest(page: Page) -> None:
    """Until the script has run and its figures are drawn."""
    page.wait_for_selector(RESTING)
    page.wait_for_timeout(QUIET_MS)  # nothing tells when plotly has drawn
    page.wait_for_selector(RESTING)


def height(page: Page) -> int:
    """How high the page is in all: Streamlit scrolls a box of its own."""
    return max(HEIGHT_PX, int(page.locator(SCROLLED).evaluate("box => box.scrollHeight")))


def take(
    address: str, found: list[Shot], out: Path, widths: tuple[int, ...], schemes: tuple[str, ...] = SCHEMES
) -> None:
    """All pictures: NAME-WIDTH-light.png and -dark.png."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_ARGUMENTS))
        for scheme in schemes:
            for width in widths:
                for shot in found:
                    context = browser.new_context(
                        viewport={"width": width, "height": HEIGHT_PX},
                        color_scheme="dark" if scheme == "dark" else "light",
                    )
                    page = context.new_page()
                    page.set_default_timeout(TIMEOUT_MS)
                    page.goto(address + shot.path)
                    rest(page)
                    if shot.act:
                        shot.act(page)
                        rest(page)
                    page.set_viewport_size({"width": width, "height": height(page)})
                    rest(page)
                    page.screenshot(path=out / f"{shot.name}-{width}-{scheme}.png")
                    if shot.after:
                        shot.after(page)
                    context.close()
                    print(f"{shot.name}-{width}-{scheme}", flush=True)
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots", description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--only", default="", metavar="PATTERN", help="shots whose name begins with what fits this")
    parser.add_argument("--widths", default=",".join(map(str, WIDTHS)), help="in pixels (default: %(default)s)")
    parser.add_argument("--schemes", default=",".join(SCHEMES), help="appearances (default: %(default)s)")
    parser.add_argument("--home", type=Path, help="a tsdash home whose runs are shown; made if it has none")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = (options.home or Path(folder)).resolve()
        make_runs(home)
        found = [shot for shot in shots(Store(home)) if re.match(options.only, shot.name)]
        with serving(home) as address:
            widths = tuple(map(int, options.widths.split(",")))
            take(address, found, options.out, widths, tuple(options.schemes.split(",")))


if __name__ == "__main__":
    main()
