"""A run as one file, to keep or to give away: a database of the store's own schema, the artefacts inside."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tsdash.errors import OptionError
from tsdash.store import SCHEMA, SCHEMA_VERSION, TABLES, Store


def export_run(store: Store, run: int, path: Path) -> None:
    """Write a run with all that belongs to it. Raises OptionError for a run that does not exist and for a file that does."""
    store.load(run)
    if path.exists():
        raise OptionError(f"{path} is there already. Give another name, or delete it first.")
    with _attached(store, path) as connection:
        for statement in SCHEMA.split(";"):
            connection.execute(
                statement.replace("CREATE TABLE ", "CREATE TABLE taken.").replace(
                    "CREATE INDEX ", "CREATE INDEX taken."
                )
            )
        connection.execute("CREATE TABLE taken.artefacts (sha256 TEXT PRIMARY KEY, bytes BLOB NOT NULL)")
        connection.execute("INSERT INTO taken.runs SELECT * FROM main.runs WHERE id = ?", (run,))
        for table in TABLES:
            connection.execute(f"INSERT INTO taken.{table} SELECT * FROM main.{table} WHERE run = ?", (run,))
        for (digest,) in connection.execute(
            "SELECT DISTINCT artefact FROM taken.exports WHERE artefact IS NOT NULL"
        ).fetchall():
            connection.execute(
                "INSERT INTO taken.artefacts VALUES (?, ?)", (digest, (store.artefacts / digest).read_bytes())
            )
        connection.execute(f"PRAGMA taken.user_version = {SCHEMA_VERSION}")


def import_run(store: Store, path: Path) -> int:
    """Take in a run that `export_run` wrote; returns its id here. Raises OptionError for any other file."""
    if not path.is_file():
        raise OptionError(f"There is no file {path}.")
    wrong = OptionError(
        f"{path} is not a run that this tsdash exported (schema {SCHEMA_VERSION}). Export it again with `python -m tsdash runs export`."
    )
    try:
        with _attached(store, path) as connection:
            if connection.execute("PRAGMA taken.user_version").fetchone()[0] != SCHEMA_VERSION:
                raise wrong
            return _take_in(store, connection)
    except sqlite3.DatabaseError as error:
        raise wrong from error


@contextmanager
def _attached(store: Store, path: Path) -> Iterator[sqlite3.Connection]:
    """The store's connection with the file beside it as `taken`."""
    connection = store.connection()
    connection.execute("ATTACH ? AS taken", (str(path),))
    try:
        yield connection
    finally:
        connection.execute("DETACH taken")


def _take_in(store: Store, connection: sqlite3.Connection) -> int:
    store.artefacts.mkdir(exist_ok=True)
    for digest, content in connection.execute("SELECT sha256, bytes FROM taken.artefacts"):
        if hashlib.sha256(content).hexdigest() != digest:
            raise OptionError(f"The artefact {digest[:12]}… in this file is not what it was: the file is damaged.")
        (store.artefacts / digest).write_bytes(content)
    with store.writing():
        named = ", ".join(_columns(connection, "runs", "id"))
        run = connection.execute(f"INSERT INTO main.runs ({named}) SELECT {named} FROM taken.runs").lastrowid
        for table in TABLES:
            others = ", ".join(_columns(connection, table, "run"))
            connection.execute(
                f"INSERT INTO main.{table} (run, {others}) SELECT ?, {others} FROM taken.{table}", (run,)
            )
    return int(run or 0)


def _columns(connection: sqlite3.Connection, table: str, left_out: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA main.table_info({table})") if row[1] != left_out]
