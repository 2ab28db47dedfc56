"""The tables of the store, as the steps that lead to them from nothing: a database of any earlier version is brought up to date.

A step that has been released is never changed: a new need is a new step at the end.
"""

from __future__ import annotations

import hashlib
import sqlite3

STEPS = (
    """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        created_at REAL NOT NULL,
        state TEXT NOT NULL,               -- queued, running, done, failed, cancelled, interrupted
        spec TEXT NOT NULL,
        sweep TEXT NOT NULL,
        environment TEXT NOT NULL DEFAULT '{}',
        description TEXT,
        failure TEXT,
        doing TEXT NOT NULL DEFAULT '',    -- "mode case" in progress
        owner TEXT NOT NULL DEFAULT '',    -- the process that runs it, see `Owner`
        name TEXT NOT NULL DEFAULT '',
        note TEXT NOT NULL DEFAULT '',
        pinned INTEGER NOT NULL DEFAULT 0,
        deleted_at REAL,                   -- hidden since then, gone for good once nobody can want it back
        digest TEXT NOT NULL DEFAULT '{}', -- derived, for lists: see `verdicts.digest`
        began_at REAL,
        ended_at REAL
    );
    CREATE TABLE deaths (                  -- how often a server died while it ran a case
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, mode TEXT NOT NULL, id TEXT NOT NULL, times INTEGER NOT NULL,
        PRIMARY KEY (run, mode, id)
    );
    CREATE TABLE exports (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, mode TEXT NOT NULL, facts TEXT NOT NULL,
        artefact TEXT,                     -- SHA-256 of the file in artefacts/, where it was kept
        PRIMARY KEY (run, mode)
    );
    CREATE TABLE cases (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, mode TEXT NOT NULL, id TEXT NOT NULL, facts TEXT NOT NULL,
        PRIMARY KEY (run, mode, id)
    );
    CREATE TABLE views (
        run INTEGER NOT NULL, mode TEXT NOT NULL, id TEXT NOT NULL, views BLOB NOT NULL,
        PRIMARY KEY (run, mode, id), FOREIGN KEY (run, mode, id) REFERENCES cases ON DELETE CASCADE
    );
    CREATE TABLE latencies (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, facts TEXT NOT NULL
    );
    CREATE TABLE causes (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, mode TEXT NOT NULL, facts TEXT NOT NULL,
        PRIMARY KEY (run, mode)
    );
    CREATE INDEX latencies_of ON latencies (run);
    """,
    # What a list shows of a run, beside its spec, which holds every case of the sweep.
    """
    ALTER TABLE runs ADD COLUMN model TEXT NOT NULL DEFAULT '';
    ALTER TABLE runs ADD COLUMN modes TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE runs ADD COLUMN cases INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE runs ADD COLUMN torch TEXT NOT NULL DEFAULT '';
    UPDATE runs SET
        model = json_extract(spec, '$.model.name'),
        modes = json_extract(spec, '$.modes'),
        cases = json_array_length(spec, '$.cases'),
        torch = coalesce(json_extract(environment, '$.torch'), '')
    """,
    # What a run lost to a server that was down is no time that it took.
    """
    ALTER TABLE cases ADD COLUMN told_at REAL NOT NULL DEFAULT 0;
    ALTER TABLE runs ADD COLUMN away_s REAL NOT NULL DEFAULT 0
    """,
    # Two files of one name may be two models, and one file has many paths: what is in it tells.
    """
    ALTER TABLE runs ADD COLUMN source TEXT NOT NULL DEFAULT '';
    UPDATE runs SET source = sha256_of(CAST(json_extract(spec, '$.model.text') AS BLOB))
    """,
)
NEWEST = len(STEPS)


def version(connection: sqlite3.Connection) -> int:
    """How many steps the database has taken."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection) -> bool:
    """Take the steps that the database lacks, within the transaction that the caller has begun; False, and nothing done, where
    it has taken more than are known here."""
    taken = version(connection)
    if taken > NEWEST:
        return False
    connection.create_function("sha256_of", 1, lambda content: hashlib.sha256(content or b"").hexdigest())
    for step in STEPS[taken:]:
        for statement in step.split(";"):
            connection.execute(statement)
    if taken < NEWEST:
        connection.execute(f"PRAGMA user_version = {NEWEST}")
    return True
