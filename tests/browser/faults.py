"""What axe finds on a page, in both appearances."""

from __future__ import annotations

import re
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import RESTING
from tsdash import tokens

STREAMLITS_OWN = {
    # rule: (the element, the reason)
    "region": ("stFloatingOverlayPortal", "moderate: its layer for tooltips and menus lies outside of every landmark"),
}
CONTRAST = {"runOnly": ["color-contrast"]}  # all that another appearance changes


def faults(page: Page) -> dict[str, list[str]]:
    """One line a rule with the first element concerned: of all rules in light, of contrast in dark."""
    found = {"light": violations(page)}
    switch(page, dark=True)
    found["dark"] = violations(page, options=CONTRAST)
    switch(page, dark=False)
    return found


def violations(page: Page, options: dict[str, Any] | None = None) -> list[str]:
    """One line a rule with the first element concerned, without what is Streamlit's own."""
    page.mouse.move(0, 0)
    expect(page.get_by_role("tooltip").first).to_be_hidden()  # one that fades is faint
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: {nodes[0]['html'][:200]}"
        for rule in Axe().run(page, options=options).response["violations"]
        if (nodes := [node for node in rule["nodes"] if not _is_streamlits(rule["id"], node["html"])])
    ]


def _is_streamlits(rule: str, html: str) -> bool:
    return rule in STREAMLITS_OWN and STREAMLITS_OWN[rule][0] in html


def switch(page: Page, *, dark: bool) -> None:
    """Change the appearance and wait until the first figure, which is made for one, has been drawn anew."""
    page.emulate_media(color_scheme="dark" if dark else "light")
    figures = page.locator(".js-plotly-plot .ytick text")
    if figures.count():
        look = tokens.appearance(dark)
        inks = [", ".join(str(int(ink[i : i + 2], 16)) for i in (1, 3, 5)) for ink in (look.text, look.muted)]
        expect(figures.first).to_have_css("fill", re.compile("|".join(inks)))
    page.wait_for_selector(RESTING)
