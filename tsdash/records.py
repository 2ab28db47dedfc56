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
    exports: dict[str, Export]
    results: tuple[CaseResult, ...]
    latencies: tuple[Latency, ...]
    causes: dict[str, tuple[Cause, ...]]

    @property
    def done(self) -> bool:
        return self.state in ENDED

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
        modes=tuple(json.loads(row["modes"])),
        cases=row["cases"],
        seconds=None if row["ended_at"] is None or row["began_at"] is None else row["ended_at"] - row["began_at"],
        torch=row["torch"] or "",
        name=row["name"],
        note=row["note"],
        pinned=bool(row["pinned"]),
        digest=json.loads(row["digest"]),
    )
