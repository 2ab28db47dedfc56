"""The exit statuses of CONTRACT."""

from __future__ import annotations

from typing import Any

from tsdash.spec import VERDICTS

SHIP, DO_NOT_SHIP, NOT_JUDGED, INCONCLUSIVE = 0, 1, 2, 3


def status(report: dict[str, Any]) -> int:
    """That of the worst verdict."""
    worst = max((mode["verdict"] for mode in report["modes"].values()), key=VERDICTS.index)
    return {"ship": SHIP, "inconclusive": INCONCLUSIVE, "do_not_ship": DO_NOT_SHIP}[worst]
