"""Errors that eager raises and the export does not: an assert, a raise or a failing expression that is gone."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tsdash import plan, spec
from tsdash.diagnose.evidence import evidence, groups
from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.subject import Finding, Strength


@evidence("errors that eager raises", order=10)
def lost_errors(lab: Laboratory) -> Iterator[Finding]:
    """One finding for every line of the user's at which eager raises while the export returns."""
    for axis, failures in groups(lab):
        for failure in failures:
            if (
                failure.eager.ended == "raised"
                and failure.exported.ended == "returned"
                and failure.eager.error is not None
                and axis != "device"
            ):
                yield _finding(lab, axis, failure, failure.eager.error)


def _finding(lab: Laboratory, axis: str, failure: spec.CaseResult, error: spec.ErrorFacts) -> Finding:
    where = plan.describe(failure.case, lab.base)
    line, guarded = guard_of(lab, error.file, error.line)
    own = error.line is not None and _speaks_itself(lab, error)
    message = f"Eager raises {error.type} at {where}; the export has no such check and returns an answer."
    evidence_ = [f"Eager at {where}: {error.type}: {_first_line(error.message)}"]
    if guarded:
        evidence_.append(f"The `raise` of line {error.line} is guarded by line {line}.")
    return Finding(
        cause="lost_check",
        strength=Strength.STATED if own else Strength.DIFFERENCE,
        axis=axis,
        file=error.file,
        line=line,
        message=message,
        evidence=tuple(evidence_),
    )


def guard_of(lab: Laboratory, file: str | None, line: int | None) -> tuple[int | None, bool]:
    """The line of the `if` around a `raise` statement, and whether there is one; of anything else the line itself."""
    path = next((path for path in lab.own_paths if lab.name(path) == file), None)
    if path is None or line is None:
        return line, False
    best: int | None = None
    for node in ast.walk(lab.instrumentation.trees[path]):
        if isinstance(node, ast.If) and any(
            isinstance(item, ast.Raise) and item.lineno <= line <= (item.end_lineno or 0)
            for item in (*node.body, *node.orelse)
        ):
            best = node.lineno
    return (best, True) if best is not None else (line, False)


def _speaks_itself(lab: Laboratory, error: spec.ErrorFacts) -> bool:
    """Whether the error was raised by the user's line itself, not by a library that it calls."""
    frames = [line for line in error.traceback.splitlines() if line.lstrip().startswith('File "')]
    return not frames or (error.file is not None and error.file in frames[-1])


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200]
