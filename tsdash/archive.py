"""A run as one file, to keep or to give away: a database of the store's own schema, the artefacts inside."""

from __future__ import annotations

import hashlib
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tsdash import schema
from tsdash.errors import OptionError
from tsdash.store import NAMED, TABLES, Store


def export_run(store: Store, run: int, path: Path) -> None:
    """Write a run with all that belongs to it. Raises OptionError for a run that does not exist and for a file that does."""
    store.load(run)
    if path.exists():
        raise OptionError(f"{path} is there already. Give another name, or delete it first.")
    with closing(sqlite3.connect(path)) as file, file:
        schema.migrate(file)
        file.execute("CREATE TABLE artefacts (sha256 TEXT PRIMARY KEY, bytes BLOB NOT NULL)")
    with _attached(store, path) as connection:
        connection.execute("INSERT INTO taken.runs SELECT * FROM main.runs WHERE id = ?", (run,))
        for table in TABLES:
            connection.execute(f"INSERT INTO taken.{table} SELECT * FROM main.{table} WHERE run = ?", (run,))
        for (digest,) in connection.execute(NAMED.format("taken")).fetchall():
            if digest is not None:
                content = (store.artefacts / digest).read_bytes()
                connection.execute("INSERT INTO taken.artefacts VALUES (?, ?)", (digest, content))


def import_run(store: Store, path: Path) -> int:
    """Take in a run that `export_run` wrote, with this tsdash or an earlier one; returns its id here. Raises OptionError for any
    other file."""
    if not path.is_file():
        raise OptionError(f"There is no file {path}.")
    wrong = OptionError(
        f"{path} is not a run that tsdash exported, or a newer tsdash did (this one reads up to schema {schema.NEWEST}). Export it again with `python -m tsdash runs export`."
    )
    try:
        with tempfile.TemporaryDirectory() as folder:
            own = shutil.copy(path, folder)  # the given file stays as it is
            with closing(sqlite3.connect(own)) as file, file:
                if not (schema.version(file) and schema.migrate(file) and _names_artefacts_only(file)):
                    raise wrong
            with _attached(store, Path(own)) as connection:
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


def _names_artefacts_only(file: sqlite3.Connection) -> bool:
    """Whether all that a run would be given from the folder of artefacts has the name of one, and is no other file."""
    named = file.execute(NAMED.format("main"))
    return all(name is None or re.fullmatch("[0-9a-f]{64}", str(name)) for (name,) in named)


def _columns(connection: sqlite3.Connection, table: str, left_out: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA main.table_info({table})") if row[1] != left_out]
