"""What a whole run comes to: the verdict of every mode, the one to ship, and a digest for lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsdash import stats
from tsdash.exporters import EXPORTERS
from tsdash.judge import GOOD, NOT_RUN, judge, verdict
from tsdash.libraries import libraries
from tsdash.recommendation import Contender, Recommendation, recommend
from tsdash.records import Record
from tsdash.spec import VERDICTS, Verdict


def verdicts(record: Record) -> dict[str, Verdict]:
    """The verdict of every mode of the run, in the order asked for."""
    planned = len(record.spec.cases)
    return {
        mode: verdict(record.of(mode), description=record.description, planned=planned) for mode in record.spec.modes
    }


def speed_ups(record: Record) -> dict[str, stats.Speedup]:
    """The speed-up of every mode on the base case; none where timing failed or was not asked for."""
    timed = next((latency for latency in record.latencies if latency.arms), None)
    return stats.speedups(timed) if timed else {}


def recommendation(
    record: Record, found: Mapping[str, Verdict], speeds: Mapping[str, stats.Speedup] | None = None
) -> Recommendation:
    """The mode to ship, with its reasons. `speeds` are those of `speed_ups`, where the caller has them already."""
    speeds = speed_ups(record) if speeds is None else speeds
    return recommend([_contender(record, mode, found[mode], speeds.get(mode)) for mode in found if mode in EXPORTERS])


def _contender(record: Record, mode: str, found: Verdict, speed_up: stats.Speedup | None) -> Contender:
    exporter, export = EXPORTERS[mode], record.exports.get(mode)
    outcomes = [judge(result).outcome for result in record.of(mode)]
    return Contender(
        mode=mode,
        verdict=found.verdict,
        reason=next(iter(found.reasons), ""),
        agreeing=sum(outcome in GOOD for outcome in outcomes),
        judged=sum(outcome != NOT_RUN for outcome in outcomes),
        runtime=(*exporter.runtime, *(libraries(export) if export else ())),
        without_python=exporter.without_python,
        deprecated=exporter.deprecated,
        future=exporter.future,
        keeps=(exporter.casts, exporter.branches),
        speed_up=speed_up,
    )


def digest(record: Record) -> dict[str, Any]:
    """A run in a line: the worst verdict, the mode to ship, how many of the cases agree, the speed-ups by mode."""
    found = verdicts(record)
    outcomes = [judge(result).outcome for result in record.results]
    speeds = speed_ups(record)
    return {
        "verdict": max((verdict.verdict for verdict in found.values()), key=VERDICTS.index),
        "ship": recommendation(record, found, speeds).mode,
        "same": sum(outcome in GOOD for outcome in outcomes),
        "judged": len(outcomes),
        "speedups": {mode: speedup.ratio for mode, speedup in speeds.items()},
    }
