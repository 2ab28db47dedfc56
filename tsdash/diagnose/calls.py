"""Exports that raise when they are called: at an argument that they do not take, or at a line that the compiled code cannot run."""

from __future__ import annotations

from collections.abc import Iterator

from tsdash import plan, spec
from tsdash.diagnose import phrases, positions, scripted
from tsdash.diagnose.evidence import evidence, groups
from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.subject import Finding, Strength

# Of the function schema's own checks, before any operator runs.
_ARGUMENTS = (
    "Expected a value of type",
    "for argument",
    "is missing value for argument",
    "expected at most",
    "Expected at most",
    "Unknown keyword argument",
    "takes no keyword",
    "missing 1 required",
    "positional argument",
    "unexpected keyword",
)


@evidence("errors of the export", order=46)
def raised(lab: Laboratory) -> Iterator[Finding]:
    """One finding for the first error of each axis that eager does not have."""
    places: dict[str, positions.Position] = {}  # of errors without a line, by their message
    for axis, failures in groups(lab):
        failure = next((f for f in failures if f.exported.ended == "raised" and f.eager.ended == "returned"), None)
        if failure is None or failure.exported.error is None:
            continue
        finding = _finding(lab, axis, failure, failure.exported.error, places)
        if finding is not None:
            yield finding


def _finding(
    lab: Laboratory,
    axis: str,
    failure: spec.CaseResult,
    error: spec.ErrorFacts,
    places: dict[str, positions.Position],
) -> Finding | None:
    where = plan.describe(failure.case, lab.base)
    said = f"The export at {where}: {error.type}: {phrases.opening(error.message)}"
    if (
        "forward()" in error.message
        and any(text in error.message for text in _ARGUMENTS)
        and "Traceback of TorchScript" not in error.message
    ):
        file, line = positions.forward_definition(lab)
        return Finding(
            cause="signature",
            strength=Strength.STATED,
            axis=axis,
            file=file,
            line=line,
            message=f"The export does not take the arguments that forward takes at {where}.",
            evidence=(said,),
        )
    if not lab.scripting:
        return Finding(
            cause="unknown",
            strength=Strength.AXIS,
            axis=axis,
            file=error.file,
            line=error.line,
            message=f"The export raises at {where}.",
            evidence=(said,),
        )
    file, line = error.file, error.line
    if line is None:
        if error.message not in places:
            places[error.message] = scripted.stopped_at(lab, failure.case) or positions.construction(lab)
        file, line = places[error.message]
    strength = Strength.STATED if axis in ("base", "values", "dims", "training", "call", "seed") else Strength.WARNING
    return Finding(
        cause="unsupported_python",
        strength=strength,
        axis=axis,
        file=file,
        line=line,
        message="The compiled code cannot run what Python runs here.",
        evidence=(said,),
    )
