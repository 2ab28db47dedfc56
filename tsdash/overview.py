"""A run as it is read: with everything that is derived from its facts, judged once, for pages, reports and notebooks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from tsdash import findings, stats, tables, verdicts
from tsdash.recommendation import Recommendation
from tsdash.records import Record
from tsdash.spec import VERDICTS, Latency, Verdict
from tsdash.ui.html import VerdictRow


@dataclass(frozen=True, kw_only=True)
class Overview:
    """A run with what is derived from it: outcomes, verdicts, speed-ups."""

    record: Record
    table: pd.DataFrame
    cells: list[findings.Cell]
    verdicts: dict[str, Verdict]
    recommendation: Recommendation
    speed_ups: dict[str, stats.Speedup]
    tolerance: float | None = None  # under which it is judged; None: tsdash's own rule

    @cached_property
    def places(self) -> dict[tuple[str, str], int]:
        """The row of the table of each mode and case."""
        return {
            cell: i
            for i, cell in enumerate(zip(*(self.table[name].tolist() for name in ("mode", "case")), strict=True))
        }

    @cached_property
    def elsewhere(self) -> tuple[tuple[Latency, dict[str, stats.Speedup]], ...]:
        """The timed calls on every other device, with the speed-ups there."""
        timed = (latency for latency in self.record.latencies[1:] if latency.case.varied == "device" and latency.arms)
        return tuple((latency, stats.speedups(latency)) for latency in timed)

    @property
    def recommended(self) -> str | None:
        """The mode to ship, where there is one."""
        return self.recommendation.mode

    @property
    def latency(self) -> Latency | None:
        """The timed calls on the base case, where there are any."""
        return next((latency for latency in self.record.latencies if latency.arms), None)


def overview(record: Record) -> Overview:
    """Judge a run."""
    found = verdicts.verdicts(record)
    speed_ups = verdicts.speed_ups(record)
    return Overview(
        record=record,
        table=tables.outcomes(record),
        cells=tables.cells(record),
        verdicts=found,
        recommendation=verdicts.recommendation(record, found, speed_ups),
        speed_ups=speed_ups,
    )


def headline(run: Overview) -> str:
    """The recommendation as one sentence."""
    claimed = {mode: (s.ratio, s.low, s.high) for mode, s in run.speed_ups.items() if s.claimed}
    finished = {mode: verdict for mode, verdict in run.verdicts.items() if is_finished(run, mode)}
    return findings.recommendation(finished, run.cells, recommended=run.recommended, speed_ups=claimed)


def verdict_rows(run: Overview) -> list[VerdictRow]:
    """One row a mode: by verdict, the recommended one first, then by speed."""
    rows = [_row(run, mode) for mode in run.verdicts]
    rows.sort(key=lambda row: (_rank(row.verdict), row.mode != run.recommended, -(row.speed_up or (0.0,))[0]))
    return rows


def is_finished(run: Overview, mode: str) -> bool:
    """Whether a verdict of the mode says anything: all of its cases have run, or the run is done."""
    return run.record.state == "done" or len(run.record.of(mode)) >= len(run.record.spec.cases)


def _rank(verdict: str | None) -> int:
    """Mildest first, what is not known yet last."""
    return len(VERDICTS) if verdict is None else VERDICTS.index(verdict)


def _row(run: Overview, mode: str) -> VerdictRow:
    of_mode = run.table[run.table["mode"] == mode]
    verdict, speed_up = run.verdicts[mode], run.speed_ups.get(mode)
    known = of_mode["plain_rule"].dropna()
    worst = of_mode["max_abs"].dropna()
    finished = is_finished(run, mode)
    reason, more = findings.reasons(verdict) if finished else ("Not all of its cases have run.", ())
    return VerdictRow(
        mode=mode,
        verdict=verdict.verdict if finished else None,
        counts=of_mode["outcome"].value_counts().to_dict(),
        reason=reason,
        more=more,
        worst=float(worst.max()) if len(worst) else None,
        plain=(int(known.astype(bool).sum()), len(known)),
        speed_up=(speed_up.ratio, speed_up.low, speed_up.high) if speed_up else None,
    )
