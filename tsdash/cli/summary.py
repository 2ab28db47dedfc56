"""What the command line says of a run: its exit status, and a summary for a reader."""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import Any

from tsdash import formats
from tsdash.spec import VERDICTS
from tsdash.tokens import ANSI, OUTCOMES
from tsdash.tokens import VERDICTS as LOOKS

SHIP, DO_NOT_SHIP, NOT_JUDGED, INCONCLUSIVE = 0, 1, 2, 3  # exit statuses
GLYPHS = {name: f"{look.glyph} {look.label}" for name, look in LOOKS.items()}


def status(report: dict[str, Any]) -> int:
    worst = max((mode["verdict"] for mode in report["modes"].values()), key=VERDICTS.index)
    return {"ship": SHIP, "inconclusive": INCONCLUSIVE, "do_not_ship": DO_NOT_SHIP}[worst]


def summary(report: dict[str, Any]) -> str:
    """The report for a reader: a paragraph a mode, the recommendation last."""
    model = report["model"]
    lines = [
        f"{model['name']}: {formats.count(model['parameters'] or 0)} parameters, {len(report['modes'])} modes, {report['sweep']['done']} cases"
    ]
    if report.get("tolerance") is not None:
        lines.append(f"judged again by |Δ| ≤ {formats.delta(report['tolerance'])}")
    for name, mode in report["modes"].items():
        lines.append(f"\n{name}: {_coloured(GLYPHS[mode['verdict']], LOOKS[mode['verdict']].badge)}")
        lines += _outcomes(mode["cases"])
        lines += [f"  {reason}" for reason in mode["reasons"]]
        for cause in mode["causes"][:3]:
            place = f" {cause['file']} line {cause['line']}" if cause["line"] else ""
            lines.append(f"  cause: {cause['cause']}{place}: {cause['message']}")
        speedup = mode["latency"].get("speedup")
        if speedup:
            lines.append(
                f"  speed-up: {formats.ratio(speedup['ratio'], speedup['low'], speedup['high'])}"
                + ("" if speedup["claimed"] else ", not more than eager differs from itself")
            )
    best = report["recommendation"]
    lines.append(f"\n{'Ship ' + best['mode'] if best['mode'] else 'Ship none'}: {' '.join(best['reasons'])}")
    return "\n".join(lines)


def _outcomes(cases: list[dict[str, Any]]) -> list[str]:
    """The cases by outcome, mildest first, with the signs of the page."""
    counts = Counter(case["outcome"] for case in cases)
    parts = [
        _coloured(f"{look.glyph} {counts[name]} {look.label}", look.badge)
        for name, look in OUTCOMES.items()
        if counts[name]
    ]
    return [f"  {'  '.join(parts)}"] if parts else []


def _coloured(text: str, badge: str) -> str:
    """Text in the terminal's own colour of that name; plain elsewhere, and where NO_COLOR is set (no-color.org)."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{ANSI[badge]}m{text}\033[0m"
