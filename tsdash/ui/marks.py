"""What is said at the lines of the model file: who is to blame, what warned, what never ran."""

from __future__ import annotations

from tsdash.records import Record
from tsdash.spec import Baked, Cause, ErrorFacts, Export
from tsdash.ui.html import Mark


def source_marks(
    record: Record, causes: tuple[Cause, ...], export: Export | None, error: ErrorFacts | None
) -> dict[int, Mark]:
    """What each line of the model file is marked with: blame first, then warnings, all notes kept."""
    ours = record.spec.model.filename
    blamed: dict[int, list[str]] = {}
    warned: dict[int, list[str]] = {}
    for cause in causes:
        if cause.line is not None and cause.file == ours:
            blamed.setdefault(cause.line, []).append(cause.message or cause.cause)
    if error and error.line is not None and error.file == ours and not blamed:
        blamed.setdefault(error.line, []).append(f"{error.type}: {first_line(error.message)}")
    values: dict[int, tuple[Baked, ...]] = {
        cause.line: cause.baked for cause in reversed(causes) if cause.line is not None and cause.baked
    }
    for warning in export.warnings if export else ():
        if warning.line is not None and warning.file == ours:
            warned.setdefault(warning.line, []).append(f"{warning.category}: {first_line(warning.message)}")
    reach = record.description.reach if record.description else None
    unreached = {line.line for line in reach.not_run if line.file == ours} if reach else set()
    lines = dict.fromkeys([*blamed, *warned])
    left = {line: Mark(kind="unreached") for line in sorted(unreached - lines.keys())} if lines else {}
    return left | {
        line: Mark(
            kind="guilty" if line in blamed else "warned",
            notes=tuple(dict.fromkeys([*blamed.get(line, []), *warned.get(line, [])])),
            values=values.get(line, ()),
        )
        for line in lines
    }


def first_line(message: str) -> str:
    """The first line of a message that is not empty."""
    return next((line.strip() for line in message.splitlines() if line.strip()), "no message")
