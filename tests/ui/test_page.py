"""Text of users in Markdown elements."""

from __future__ import annotations

import pytest

from tsdash.ui.page import as_markdown


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("decoder.py", "decoder.py"),
        ("__init__", r"\_\_init\_\_"),
        (":red[x]", r"\:red\[x\]"),
        ("$a$ < b", r"\$a\$ \< b"),
        ("`if x:` on line 3", "`if x:` on line 3"),
        ("a stray ` here", "a stray ' here"),
    ],
)
def test_signs_of_markdown_stay_signs(text: str, markdown: str) -> None:
    """Names and messages are shown as they are; code between backticks stays code."""
    assert as_markdown(text) == markdown
