"""The playground as a person uses it, by keyboard alone, with a real engine."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.faults import faults

RUN_MS = 240_000  # a run on a busy machine
BRANCH = """import torch
class Branch(torch.nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x * 2
        return x - 1
def make_model():
    return Branch()
def make_inputs(n=2):
    return (torch.ones(n),)
"""


def test_a_model_is_written_run_and_read(opened: Callable[[str], Page]) -> None:
    """A branch is typed and run from inside the editor; the line it is lost at is marked, the graphs differ, and a link
    brings the source back without running it."""
    page = opened("/playground?model=mlp")
    editor = page.get_by_role("textbox", name=re.compile("The source of the model"))
    expect(editor).to_contain_text("make_model")
    editor.focus()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(BRANCH)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name=re.compile(r"^trace: \d+ of \d+ answers are not eager's"))).to_be_visible(
        timeout=RUN_MS
    )
    expect(page.get_by_role("heading", name=re.compile("script: all \\d+ answers are eager's"))).to_be_visible()
    expect(page.locator(".cm-line.ts-warned")).to_have_text("        if x.sum() > 0:")
    expect(page.get_by_role("heading", name=re.compile("script has .* that trace has not"))).to_be_visible()

    condition = page.get_by_role("button", name=re.compile("^If %"))
    condition.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=re.compile("^then"))).to_be_visible()
    assert faults(page) == {"light": [], "dark": []}

    editor.focus()
    page.keyboard.press("Tab")
    expect(editor).to_be_focused()
    page.keyboard.press("Control+z")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(editor).not_to_be_focused()

    page.get_by_role("button", name="Share").click()
    link = page.get_by_text(re.compile(r"playground\?source="))
    expect(link).to_be_visible()
    page.goto(link.inner_text().strip())
    expect(page.get_by_text("This source came with the link")).to_be_visible()
    expect(editor).to_contain_text("class Branch")
    expect(page.get_by_role("heading", name=re.compile("^Press Run"))).to_be_visible()


SYNTAX_ERROR = "import torch\n\ndef make_model(:\n    pass\n"
ENDLESS = BRANCH.replace("if x.sum() > 0:", "while x.sum() > 0:").replace("return x * 2", "x = x * 1")


def test_what_cannot_run_says_so(opened: Callable[[str], Page]) -> None:
    """By keyboard alone: a syntax error is marked at its line, an endless loop can be cancelled, 200 KB are refused."""
    page = opened("/playground?model=mlp")
    editor = page.get_by_role("textbox", name=re.compile("The source of the model"))
    expect(editor).to_contain_text("make_model")

    def run(text: str) -> None:
        editor.focus()
        page.keyboard.press("Control+a")
        page.keyboard.insert_text(text)
        page.keyboard.press("Control+Enter")

    run(SYNTAX_ERROR)
    expect(page.get_by_text(re.compile("line 3"))).to_be_visible()
    expect(page.locator(".cm-line.ts-guilty")).to_have_text("def make_model(:")

    run(ENDLESS)
    cancel = page.get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible()
    cancel.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=re.compile("^Cancelled"))).to_be_visible()

    run("# " + "x" * 200_000)
    expect(page.get_by_text(re.compile("200,000 are the most here"))).to_be_visible()
