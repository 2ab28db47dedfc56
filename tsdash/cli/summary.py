"""What the command line says of a run: its exit status, and a summary for a reader."""

from __future__ import annotations

from typing import Any

from tsdash import formats
from tsdash.spec import VERDICTS

SHIP, DO_NOT_SHIP, NOT_JUDGED, INCONCLUSIVE = 0, 1, 2, 3  # exit statuses
GLYPHS = {"ship": "✓ ship", "do_not_ship": "✗ do not ship", "inconclusive": "? inconclusive"}


def status(report: dict[str, Any]) -> int:
    worst = max((mode["verdict"] for mode in report["modes"].values()), key=VERDICTS.index)
    return {"ship": SHIP, "inconclusive": INCONCLUSIVE, "do_not_ship": DO_NOT_SHIP}[worst]


def summary(report: dict[str, Any]) -> str:
    """The report for a reader: a paragraph a mode, the recommendation last."""
    model = report["model"]
    lines = [
        f"{model['name']}: {formats.count(model['parameters'] or 0)} parameters, {len(report['modes'])} modes, {report['sweep']['done']} cases"
    ]
    for name, mode in report["modes"].items():
        lines.append(f"\n{name}: {GLYPHS[mode['verdict']]}")
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
