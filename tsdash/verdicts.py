"""What a whole run comes to: the verdict of every mode, the one to ship, and a digest for lists."""

from __future__ import annotations

from typing import Any

from tsdash import stats
from tsdash.judge import judge, verdict
from tsdash.records import Record
from tsdash.spec import VERDICTS, Verdict

# Among equals: what has a future, then what keeps most of the model.
PREFERENCE = ("export", "script", "trace", "script+freeze", "trace+freeze", "script+optimize")


def verdicts(record: Record) -> dict[str, Verdict]:
    """The verdict of every mode of the run, in the order asked for."""
    planned = len(record.spec.cases)
    return {
        mode: verdict(record.of(mode), description=record.description, planned=planned) for mode in record.spec.modes
    }


def recommendation(record: Record, found: dict[str, Verdict]) -> dict[str, Any]:
    """The mode to ship: among those that may, the fastest by a claimed speed-up, else the one with the longest future."""
    good = [mode for mode in found if found[mode].verdict == "ship"]
    if not good:
        return {"mode": None, "reasons": ["No mode can be shipped as it is."]}
    speedups = stats.speedups(record.latencies[0]) if record.latencies and record.latencies[0].arms else {}
    claimed = {
        mode: speedups[mode].ratio
        for mode in good
        if mode in speedups and speedups[mode].claimed and speedups[mode].ratio > 1
    }
    if claimed:
        mode = max(claimed, key=lambda name: claimed[name])
        return {
            "mode": mode,
            "reasons": [
                found[mode].reasons[0],
                f"The fastest of those that can be shipped: {claimed[mode]:.2f} times eager.",
            ],
        }
    mode = min(good, key=lambda name: PREFERENCE.index(name) if name in PREFERENCE else len(PREFERENCE))
    why = (
        "torch.export is what PyTorch develops further; TorchScript is deprecated."
        if mode == "export"
        else "No mode that can be shipped is measurably faster."
    )
    return {
        "mode": mode,
        "reasons": [found[mode].reasons[0], why] if record.latencies or mode == "export" else [found[mode].reasons[0]],
    }


def digest(record: Record) -> dict[str, Any]:
    """A run in a line: the worst verdict, the mode to ship, how many of the cases agree, the speed-ups by mode."""
    found = verdicts(record)
    outcomes = [judge(result).outcome for result in record.results]
    timed = record.latencies[0] if record.latencies and record.latencies[0].arms else None
    return {
        "verdict": max((verdict.verdict for verdict in found.values()), key=VERDICTS.index),
        "ship": recommendation(record, found)["mode"],
        "same": sum(outcome in ("identical", "within_noise") for outcome in outcomes),
        "judged": len(outcomes),
        "speedups": {mode: speedup.ratio for mode, speedup in stats.speedups(timed).items()} if timed else {},
    }
