"""A run as it is read back: whole, or as a line of a list."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from tsdash.spec import SEARCH, CaseResult, Cause, Description, ErrorFacts, Export, Latency, RunSpec

ENDED = ("done", "failed", "cancelled", "interrupted")


@dataclass(frozen=True, kw_only=True)
class Record:
    """A run with everything known about it so far."""

    id: int
    created_at: float
    state: str
    spec: RunSpec
    sweep: dict[str, Any]
    environment: dict[str, Any]
    description: Description | None
    failure: ErrorFacts | None
    doing: tuple[str, str]
    began_at: float | None
    ended_at: float | None
    told_at: float | None  # when the last of its cases was
    away_s: float  # since it began, in which no server was there to run it
    exports: dict[str, Export]
    results: tuple[CaseResult, ...]
    latencies: tuple[Latency, ...]
    causes: dict[str, tuple[Cause, ...]]

    @property
    def done(self) -> bool:
        return self.state in ENDED

    def seconds(self, now: float) -> float | None:
        """What it has taken until its end, or until `now`; None before it began."""
        return _took_s(self.began_at, self.ended_at or now, self.away_s)

    @property
    def swept(self) -> tuple[CaseResult, ...]:
        """The results of planned cases, without those that a search made."""
        return tuple(result for result in self.results if result.case.varied != SEARCH)

    def of(self, mode: str) -> tuple[CaseResult, ...]:
        """The results of one mode, in the order of the sweep, those of its search last."""
        return tuple(result for result in self.results if result.mode == mode)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A run in a list."""

    id: int
    created_at: float
    state: str
    model: str
    source: str  # SHA-256 of the model's text
    modes: tuple[str, ...]
    cases: int
    seconds: float | None
    torch: str
    name: str
    note: str
    pinned: bool
    digest: dict[str, Any]


def summary(row: sqlite3.Row) -> Summary:
    """The line of a list that a row of the table of runs is."""
    return Summary(
        id=row["id"],
        created_at=row["created_at"],
        state=row["state"],
        model=row["model"],
        source=row["source"],
        modes=tuple(json.loads(row["modes"])),
        cases=row["cases"],
        seconds=_took_s(row["began_at"], row["ended_at"], row["away_s"]),
        torch=row["torch"] or "",
        name=row["name"],
        note=row["note"],
        pinned=bool(row["pinned"]),
        digest=json.loads(row["digest"]),
    )


def _took_s(began_at: float | None, ended_at: float | None, away_s: float) -> float | None:
    return None if began_at is None or ended_at is None else max(0.0, ended_at - began_at - away_s)
