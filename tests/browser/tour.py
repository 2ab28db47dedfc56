"""The README's pictures, from a real run: python -m tests.browser.tour [--home HOME]. Run it again when the pages change."""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.screenshots import TIMEOUT_MS, make_runs, rest
from tests.browser.serving import ROOT, serving
from tests.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tsdash.store import Store

OUT = ROOT / "docs" / "tour"
SIZE = {"width": 1280, "height": 760}
HEADER_PX = 60  # of Streamlit, which stays above what is scrolled to
MOST_BYTES = 1_000_000  # all pictures together
TO_TOP = "(element, header) => { element.scrollIntoView(); document.querySelector('[data-testid=stMain]').scrollBy(0, -header) }"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture: a page of the run, scrolled until this question stands at the top."""

    name: str
    page: str = "/"
    question: str = ""


PICTURES = (
    Picture(name="dashboard"),
    Picture(name="1-when", question="When does it not?"),
    Picture(name="2-why", question="Why?"),
    Picture(name="3-where", question="Where, and how much?"),
    Picture(name="4-faster", question="Faster?"),
    Picture(name="5-modes", page="/modes"),
)


def draw(page: Page, picture: Picture) -> None:
    """Take the picture on a page that is open and at rest."""
    if picture.question:
        page.get_by_text(picture.question, exact=True).first.evaluate(TO_TOP, HEADER_PX)
        rest(page)
    page.screenshot(path=OUT / f"{picture.name}.png")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.tour", description=__doc__)
    parser.add_argument("--home", type=Path, help="a tsdash home whose runs are shown; made if it has none")
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = (options.home or Path(folder)).resolve()
        make_runs(home)
        done = [run for run in Store(home).runs() if run.state == "done" and run.model == "early_exit"]
        run = max(done, key=lambda run: len(run.modes)).id
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_ARGUMENTS))
        with serving(home) as address:
            for picture in PICTURES:
                page = browser.new_page(
                    viewport={"width": SIZE["width"], "height": SIZE["height"]}, color_scheme="light"
                )
                page.set_default_timeout(TIMEOUT_MS)
                page.goto(f"{address}{picture.page}?run={run}")
                rest(page)
                draw(page, picture)
                page.close()
        browser.close()
    weight = sum(path.stat().st_size for path in OUT.glob("*.png"))
    assert weight < MOST_BYTES, f"The pictures have {weight:,} bytes; {MOST_BYTES:,} are the most."


if __name__ == "__main__":
    main()
