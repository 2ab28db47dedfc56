"""What a user takes away of a run: one function a format, offered by the command line, the page and Python alike."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tsdash import summary, tables
from tsdash.document import document
from tsdash.errors import OptionError
from tsdash.records import Record
from tsdash.report import check_report
from tsdash.store import Store


@dataclass(frozen=True, kw_only=True)
class Format:
    """One form of a run: what it is called, the end of its file's name, and how it is made."""

    name: str  # the option of the command line
    label: str
    suffix: str
    mime: str
    what: str
    make: Callable[[Record, Store], bytes]


FORMATS: dict[str, Format] = {}
Make = Callable[[Record, Store], bytes]


def _format(name: str, label: str, suffix: str, mime: str, what: str) -> Callable[[Make], Make]:
    def register(make: Make) -> Make:
        FORMATS[name] = Format(name=name, label=label, suffix=suffix, mime=mime, what=what, make=make)
        return make

    return register


@_format(
    "html", "HTML report", ".html", "text/html", "one file with its figures, to read without a network and to print"
)
def html(record: Record, store: Store) -> bytes:
    return document(record, lambda mode, case: store.views(record.id, mode, case)).encode()


@_format("markdown", "Markdown", ".md", "text/markdown", "a summary to paste into a pull request")
def markdown(record: Record, _: Store) -> bytes:
    return summary.markdown(check_report(record)).encode()


@_format("json", "JSON", ".json", "application/json", "every fact, schema tsdash.check/1")
def report(record: Record, _: Store) -> bytes:
    return (json.dumps(check_report(record), indent=1, allow_nan=False) + "\n").encode()


@_format("csv", "Cases, CSV", ".csv", "text/csv", "one row a case and mode: its choices, its outcome, its worst output")
def csv(record: Record, _: Store) -> bytes:
    return _csv(tables.cases(record))


@_format("parquet", "Cases, Parquet", ".parquet", "application/vnd.apache.parquet", "the same table, typed and small")
def parquet(record: Record, _: Store) -> bytes:
    return _parquet(tables.cases(record))


@_format("samples-csv", "Timed calls, CSV", ".samples.csv", "text/csv", "every timed call of every mode and of eager")
def samples_csv(record: Record, _: Store) -> bytes:
    return _csv(tables.samples(record.latencies))


@_format(
    "samples-parquet", "Timed calls, Parquet", ".samples.parquet", "application/vnd.apache.parquet", "the same, small"
)
def samples_parquet(record: Record, _: Store) -> bytes:
    return _parquet(tables.samples(record.latencies))


def _csv(table: pd.DataFrame) -> bytes:
    return str(table.to_csv(index=False)).encode()


def _parquet(table: pd.DataFrame) -> bytes:
    raw = io.BytesIO()
    table.to_parquet(raw, engine="pyarrow", index=False)
    return raw.getvalue()


def write(name: str, record: Record, store: Store, path: str | Path) -> None:
    """One form of a run into a file; "-" is standard output. Raises OptionError for a file that cannot be written."""
    content = FORMATS[name].make(record, store)
    if str(path) == "-":
        sys.stdout.buffer.write(content)
        return
    try:
        Path(path).write_bytes(content)
    except OSError as error:
        raise OptionError(f"{path} cannot be written: {error.strerror}. Give another file.") from None


def artefact(mode: str, record: Record, store: Store) -> Path:
    """The kept artefact of a mode. Raises OptionError where there is none."""
    path = store.artefact(record.id, mode) if mode in record.spec.modes else None
    if path is None:
        kept = [name for name in record.spec.modes if store.artefact(record.id, name) is not None]
        raise OptionError(f"Run {record.id} keeps no artefact of {mode!r}. It has: {', '.join(kept) or 'none'}.")
    return path


def stem(record: Record) -> str:
    """The beginning of the names of files of a run."""
    return f"tsdash-{record.spec.model.filename.removesuffix('.py')}-{record.id}"
