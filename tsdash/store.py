"""Runs in SQLite: one row per case, written as it arrives, so that whatever dies next loses nothing that was told.

Raw facts only: outcomes and verdicts are judged anew from them. Write-ahead logging lets the pages read while a run writes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tsdash import schema
from tsdash.environment import home
from tsdash.errors import OptionError
from tsdash.records import Record, Summary, summary
from tsdash.spec import CaseResult, Cause, Description, ErrorFacts, Export, Latency, RunSpec, from_json, to_json

KEPT_ARTEFACT_BYTES = 256 * 2**20
KEPT_DELETED_S = 24 * 3600.0  # a deleted run can be restored for a day
MOST_DEATHS = 2  # of a server during one case; then the case is marked and left
_SUMMARY = "SELECT id, created_at, state, model, source, modes, cases, torch, name, note, pinned, digest, began_at, ended_at, away_s FROM runs"
# The files that runs have in the folder of artefacts: exports, models given in Python, artefacts saved elsewhere.
NAMED = (
    "SELECT artefact FROM {0}.exports UNION SELECT json_extract(spec, '$.model.given') FROM {0}.runs"
    " UNION SELECT json_extract(spec, '$.saved.sha256') FROM {0}.runs"
)
_BUSY_S = 30.0  # how long a writer waits for another
TABLES = (
    "exports",
    "cases",
    "views",
    "latencies",
    "causes",
    "deaths",
)  # what belongs to a run, parents before children


class Store:
    """Owns the database in `folder`. Safe to use from several threads and processes at once."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or home()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._path = self.folder / "runs.sqlite"
        self.artefacts = self.folder / "artefacts"
        self._threads = threading.local()
        with self.writing() as connection:
            if not schema.migrate(connection):
                raise OptionError(
                    f"{self._path} was written by a newer tsdash (schema {schema.version(connection)}, this one reads up to {schema.NEWEST}). Upgrade tsdash, or set TSDASH_HOME to another folder."
                )

    def create(self, spec: RunSpec, sweep: Any, environment: dict[str, Any], owner: str = "") -> int:
        """A new queued run; returns its id."""
        with self.writing() as connection:
            row = connection.execute(
                "INSERT INTO runs (created_at, state, spec, sweep, environment, owner, model, source, modes, cases, torch)"
                " VALUES (?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(time.time(), _text(spec), _text(sweep), _text(environment), owner),
                    *(spec.model.name, spec.model.sha256, _text(spec.modes), len(spec.cases)),
                    environment.get("torch", ""),
                ),
            )
            return int(row.lastrowid or 0)

    def begin(self, run: int) -> None:
        self._update(run, "state = 'running', began_at = coalesce(began_at, ?)", time.time())

    def unfinished(self) -> dict[int, str]:
        """The runs that are queued or running, with their owners."""
        rows = self.connection().execute(
            "SELECT id, owner FROM runs WHERE state IN ('queued', 'running') AND deleted_at IS NULL ORDER BY id"
        )
        return {row["id"]: row["owner"] for row in rows}

    def claim(self, run: int, old: str, new: str) -> bool:
        """Take a run over from an owner that has died; False when somebody else was quicker. The case that was being run
        is counted as a death, and the time since its last case as time away."""
        with self.writing() as connection:
            took = connection.execute(
                "UPDATE runs SET owner = ?, away_s = away_s + coalesce(max(0, ? -"
                " max(began_at, coalesce((SELECT max(told_at) FROM cases WHERE run = runs.id), 0))), 0)"
                " WHERE id = ? AND owner = ?",
                (new, time.time(), run, old),
            )
            if took.rowcount == 0:
                return False
            mode, _, case = (
                connection.execute("SELECT doing FROM runs WHERE id = ?", (run,)).fetchone()[0].partition(" ")
            )
            if case:
                connection.execute(
                    "INSERT INTO deaths VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET times = times + 1",
                    (run, mode, case),
                )
        return True

    def deadly(self, run: int) -> frozenset[tuple[str, str]]:
        """The (mode, case) pairs during which a server died at least MOST_DEATHS times."""
        rows = self.connection().execute("SELECT mode, id FROM deaths WHERE run = ? AND times >= ?", (run, MOST_DEATHS))
        return frozenset((row["mode"], row["id"]) for row in rows)

    def end(self, run: int, state: str, failure: ErrorFacts | None = None) -> None:
        self._update(
            run,
            "state = ?, failure = ?, ended_at = ?, doing = ''",
            state,
            None if failure is None else _text(failure),
            time.time(),
        )

    def doing(self, run: int, mode: str, case: str) -> None:
        self._update(run, "doing = ?", f"{mode} {case}")

    def note_environment(self, run: int, facts: dict[str, Any]) -> None:
        """Add to the run's environment what is known only once it runs."""
        self._update(run, "environment = json_patch(environment, ?)", _text(facts))

    def describe(self, run: int, description: Description) -> None:
        self._update(run, "description = ?", _text(description))

    def add_export(self, run: int, export: Export, artefact: Path | None) -> None:
        """An export and, up to KEPT_ARTEFACT_BYTES, a copy of its artefact."""
        kept = None if artefact is None or artefact.stat().st_size > KEPT_ARTEFACT_BYTES else self.keep(artefact)
        with self.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO exports VALUES (?, ?, ?, ?)", (run, export.mode, _text(export), kept)
            )

    def add_case(self, run: int, result: CaseResult, views: dict[str, Any]) -> None:
        """One case, acknowledged once this returns."""
        key = (run, result.mode, result.case.id)
        with self.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO cases VALUES (?, ?, ?, ?, ?)", (*key, _text(result), time.time())
            )
            if views:
                connection.execute(
                    "INSERT OR REPLACE INTO views VALUES (?, ?, ?, ?)", (*key, zlib.compress(_text(views).encode(), 1))
                )

    def add_latency(self, run: int, latency: Latency) -> None:
        with self.writing() as connection:
            connection.execute("INSERT INTO latencies VALUES (?, ?)", (run, _text(latency)))

    def add_causes(self, run: int, mode: str, causes: tuple[Cause, ...]) -> None:
        with self.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO causes VALUES (?, ?, ?)", (run, mode, _text(causes)))

    def load(self, run: int, known: Record | None = None) -> Record:
        """The run as it is now. What an earlier record, `known`, holds is not read again: results never change.

        Raises OptionError for a run that does not exist.
        """
        connection = self.connection()
        row = connection.execute("SELECT * FROM runs WHERE id = ?", (run,)).fetchone()
        if row is None:
            raise self._missing(run)
        spec = from_json(RunSpec, json.loads(row["spec"])) if known is None else known.spec
        order = {(mode, case.id): i for i, (mode, case) in enumerate((m, c) for m in spec.modes for c in spec.cases)}
        results = {(result.mode, result.case.id): result for result in (known.results if known else ())}
        rows = connection.execute("SELECT mode, id, rowid, told_at FROM cases WHERE run = ?", (run,)).fetchall()
        for mode, case, rowid, _ in rows:
            if (mode, case) not in results:
                facts = connection.execute("SELECT facts FROM cases WHERE rowid = ?", (rowid,)).fetchone()[0]
                results[mode, case] = from_json(CaseResult, json.loads(facts))
        mode, _, case = row["doing"].partition(" ")
        exports = {
            m: from_json(Export, json.loads(facts))
            for m, facts in connection.execute("SELECT mode, facts FROM exports WHERE run = ?", (run,))
        }
        causes = {
            m: tuple(from_json(Cause, cause) for cause in json.loads(facts))
            for m, facts in connection.execute("SELECT mode, facts FROM causes WHERE run = ?", (run,))
        }
        return Record(
            id=run,
            created_at=row["created_at"],
            state=row["state"],
            spec=spec,
            sweep=json.loads(row["sweep"]),
            environment=json.loads(row["environment"]),
            description=None if row["description"] is None else from_json(Description, json.loads(row["description"])),
            failure=None if row["failure"] is None else from_json(ErrorFacts, json.loads(row["failure"])),
            doing=(mode, case),
            began_at=row["began_at"],
            ended_at=row["ended_at"],
            told_at=max((told_at for *_, told_at in rows), default=None),
            away_s=row["away_s"],
            exports=exports,
            results=tuple(results[key] for key in sorted(results, key=lambda key: order.get(key, len(order)))),
            latencies=tuple(
                from_json(Latency, json.loads(facts))
                for (facts,) in connection.execute("SELECT facts FROM latencies WHERE run = ?", (run,))
            ),
            causes=causes,
        )

    def views(self, run: int, mode: str, case: str) -> dict[str, Any]:
        """What the element view of a case draws, by output path; empty where the outputs are identical."""
        row = (
            self.connection()
            .execute("SELECT views FROM views WHERE run = ? AND mode = ? AND id = ?", (run, mode, case))
            .fetchone()
        )
        return {} if row is None else dict(json.loads(zlib.decompress(row[0])))

    def artefact(self, run: int, mode: str) -> Path | None:
        """The kept artefact of an export; None where there is none or it was too large to keep."""
        row = (
            self.connection().execute("SELECT artefact FROM exports WHERE run = ? AND mode = ?", (run, mode)).fetchone()
        )
        return None if row is None or row[0] is None else self.artefacts / row[0]

    def progress(self, run: int) -> tuple[str, int, str]:
        """State, planned cases done and what is being done, without loading the run. Raises OptionError as `load` does."""
        row = (
            self.connection()
            .execute(
                "SELECT state, doing, (SELECT count(*) FROM cases WHERE run = runs.id AND id NOT LIKE 's%') FROM runs WHERE id = ?",
                (run,),
            )
            .fetchone()
        )
        if row is None:
            raise self._missing(run)
        return row[0], row[2], row[1]

    def runs(self) -> tuple[Summary, ...]:
        """All runs that are not deleted, the newest first."""
        rows = self.connection().execute(f"{_SUMMARY} WHERE deleted_at IS NULL ORDER BY id DESC")
        return tuple(summary(row) for row in rows)

    def summary(self, run: int) -> Summary:
        """A run in a line, deleted or not. Raises OptionError as `load` does."""
        row = self.connection().execute(f"{_SUMMARY} WHERE id = ?", (run,)).fetchone()
        if row is None:
            raise self._missing(run)
        return summary(row)

    def annotate(
        self, run: int, *, name: str | None = None, note: str | None = None, pinned: bool | None = None
    ) -> None:
        """Change what is given; a pinned run is never removed to make room. Raises OptionError as `load` does."""
        for column, value in (("name", name), ("note", note), ("pinned", pinned)):
            if value is not None:
                self._update(run, f"{column} = ?", value)

    def summarize(self, run: int, digest: dict[str, Any]) -> None:
        self._update(run, "digest = ?", _text(digest))

    def delete(self, run: int) -> None:
        """Hide a run; `restore` brings it back until `purge` removes it. Raises OptionError as `load` does."""
        self._update(run, "deleted_at = ?", time.time())

    def restore(self, run: int) -> None:
        self._update(run, "deleted_at = ?", None)

    def purge(self, limit_bytes: int | None = None) -> tuple[int, ...]:
        """Remove runs that were deleted a day ago or more, then the oldest unpinned ones that have ended until the store
        fits `limit_bytes`; returns the runs removed to make room."""
        with self.writing() as connection:
            connection.execute("DELETE FROM runs WHERE deleted_at < ?", (time.time() - KEPT_DELETED_S,))
        removed = []
        while limit_bytes is not None and self.size_bytes() > limit_bytes:
            oldest = (
                self.connection()
                .execute(
                    "SELECT min(id) FROM runs WHERE NOT pinned AND state IN ('done', 'failed', 'cancelled', 'interrupted')"
                )
                .fetchone()[0]
            )
            if oldest is None:
                break
            with self.writing() as connection:
                connection.execute("DELETE FROM runs WHERE id = ?", (oldest,))
            self._sweep_artefacts()
            removed.append(oldest)
        self._sweep_artefacts()
        return tuple(removed)

    def size_bytes(self) -> int:
        """What the runs and their artefacts take on disk, free pages of the database left out."""
        connection = self.connection()
        pages, free, page = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * page) + sum(path.stat().st_size for path in self.artefacts.glob("*"))

    def keep_bytes(self, content: bytes) -> str:
        """The bytes as a file under their SHA-256, which is returned."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            path = Path(folder) / "content"
            path.write_bytes(content)
            return self.keep(path)

    def keep(self, artefact: Path) -> str:
        """A copy of the file under the SHA-256 of its bytes, which is returned; it stays as long as a run names it."""
        with open(artefact, "rb") as file:
            digest = (
                hashlib.file_digest(file, "sha256").hexdigest()
                if sys.version_info >= (3, 11)
                else hashlib.sha256(file.read()).hexdigest()
            )
        target = self.artefacts / digest
        if not target.exists():
            self.artefacts.mkdir(exist_ok=True)
            partial = target.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
            shutil.copyfile(artefact, partial)
            partial.replace(target)
        return digest

    def _sweep_artefacts(self) -> None:
        """Remove the files that no run has: artefacts, and models given in Python."""
        used = {row[0] for row in self.connection().execute(NAMED.format("main"))}
        for kept in self.artefacts.glob("*"):
            if kept.name not in used and not kept.suffix:
                kept.unlink(missing_ok=True)

    def _update(self, run: int, assignments: str, *values: Any) -> None:
        with self.writing() as connection:
            if connection.execute(f"UPDATE runs SET {assignments} WHERE id = ?", (*values, run)).rowcount == 0:
                raise self._missing(run)

    def _missing(self, run: int) -> OptionError:
        return OptionError(f"There is no run {run} in {self.folder}. `python -m tsdash runs` lists what is there.")

    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._threads, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            self._threads.connection = connection
        return connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is there in full once the block ends, or not at all."""
        connection = self.connection()
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # else all others would wait for it
                connection.execute("ROLLBACK")
            raise


def _text(stage: Any) -> str:
    return json.dumps(to_json(stage), ensure_ascii=True, separators=(",", ":"))
