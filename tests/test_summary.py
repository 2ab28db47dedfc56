"""What the command line prints of a run: the same signs as the page, colour only on a terminal."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tsdash.summary import markdown, shows_colours, summary

REPORT: dict[str, Any] = {
    "model": {"name": "early_exit", "parameters": 1000},
    "sweep": {"done": 3},
    "modes": {
        "trace": {
            "verdict": "do_not_ship",
            "reasons": ["1 of 3 cases."],
            "causes": [],
            "latency": {},
            "cases": [
                {"varied": "base", "outcome": "identical"},
                {"varied": "values", "outcome": "mismatch"},
                {"varied": "seed", "outcome": "identical"},
                {"varied": "search", "outcome": "mismatch"},
            ],
            "search": {"sentences": ["The smallest input that fails: n 1: args[0] = [[0]]."]},
        }
    },
    "recommendation": {"mode": None, "reasons": ["No mode can be shipped as it is.", "trace is nearest."]},
}


def test_a_summary_counts_the_outcomes_with_the_signs_of_the_page() -> None:
    """Those of planned cases; what a search found is said in words."""
    lines = summary(REPORT).splitlines()
    assert lines[2:4] == ["trace: ✗ do not ship", "  = 2 identical  ≠ 1 mismatch"]
    assert "  The smallest input that fails: n 1: args[0] = [[0]]." in lines
    assert lines[-1] == "Ship none: No mode can be shipped as it is. trace is nearest."


def test_a_terminal_gets_colour_unless_its_owner_says_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\033[31m≠ 1 mismatch\033[0m" in summary(REPORT, coloured=shows_colours())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\033" not in summary(REPORT, coloured=shows_colours())


def test_a_pull_request_gets_a_table_and_the_causes() -> None:
    """Markdown with the signs escaped that a model's names may have, the guilty line as code, the fix as a diff."""
    cause = {"cause": "baked_shape", "file": "my_net.py", "line": 3, "code": "n = len(x)", "message": "`len(x)` is 2."}
    mode = REPORT["modes"]["trace"] | {"causes": [cause | {"fix": "-a\n+b"}]}
    outputs = [{"max_abs": 0.5}, {"max_abs": None}]
    mode["cases"] = [{"outcome": "mismatch", "outputs": outputs}]
    model = REPORT["model"] | {"sha256": "0" * 64}
    text = markdown(REPORT | {"modes": {"trace": mode}, "model": model, "environment": {"torch": "2.14.1"}})
    assert "| `trace` | ✗ do not ship | 1 of 3 cases. | 0.50 | — |" in text
    assert "**trace**: baked\\_shape my\\_net.py line 3: `len(x)` is 2." in text
    assert "```python\nn = len(x)\n```" in text
    assert "```diff\n-a\n+b\n```" in text
    timed = mode | {"latency": {"notes": ["The control is off."], "break_even": {"sentence": "It pays."}}}
    text = markdown(REPORT | {"modes": {"trace": timed}, "model": model, "environment": {"torch": "2.14.1"}})
    assert "- **trace**: It pays.\n\nLatency: The control is off.\n\n<sub>" in text
    assert "- **trace**: The smallest input that fails: n 1: args\\[0\\] = \\[\\[0\\]\\]." in text
