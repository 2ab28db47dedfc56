"""What the command line prints of a run: the same signs as the page, colour only on a terminal."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tsdash.cli.summary import summary

REPORT: dict[str, Any] = {
    "model": {"name": "early_exit", "parameters": 1000},
    "sweep": {"done": 3},
    "modes": {
        "trace": {
            "verdict": "do_not_ship",
            "reasons": ["1 of 3 cases."],
            "causes": [],
            "latency": {},
            "cases": [{"outcome": "identical"}, {"outcome": "mismatch"}, {"outcome": "identical"}],
        }
    },
    "recommendation": {"mode": None, "reasons": ["No mode can be shipped as it is.", "trace is nearest."]},
}


def test_a_summary_counts_the_outcomes_with_the_signs_of_the_page() -> None:
    lines = summary(REPORT).splitlines()
    assert lines[2:4] == ["trace: ✗ do not ship", "  = 2 identical  ≠ 1 mismatch"]
    assert lines[-1] == "Ship none: No mode can be shipped as it is. trace is nearest."


def test_a_terminal_gets_colour_unless_its_owner_says_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\033[31m≠ 1 mismatch\033[0m" in summary(REPORT)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\033" not in summary(REPORT)
