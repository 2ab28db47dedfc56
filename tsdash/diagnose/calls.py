"""Exports that raise when they are called: at an argument that they do not take, or at a line that the compiled code cannot run."""

from __future__ import annotations

from collections.abc import Iterator

from tsdash import plan, spec
from tsdash.diagnose import phrases, positions, scripted, structures
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


Place = tuple[str, str, str | None, int | None]  # cause, message, file and line


@evidence("errors of the export", order=46)
def raised(lab: Laboratory) -> Iterator[Finding]:
    """One finding for the first error of each axis that eager does not have."""
    places: dict[str, Place] = {}  # of errors without a line, by their message
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
    places: dict[str, Place],
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
    cause, message = "unsupported_python", "The compiled code cannot run what Python runs here."
    file, line = error.file, error.line
    if line is None:
        if error.message not in places:
            places[error.message] = _place(lab, failure.case)
        cause, message, file, line = places[error.message]
    strength = Strength.STATED if axis in ("base", "values", "dims", "training", "call", "seed") else Strength.WARNING
    return Finding(
        cause=cause,
        strength=strength,
        axis=axis,
        file=file,
        line=line,
        message=message,
        evidence=(said,),
    )


def _place(lab: Laboratory, case: spec.Case) -> Place:
    """What an error without a line is about: the line at which compiled code stops, an output that cannot be handed back, else the
    model as it was made."""
    cannot = "The compiled code cannot run what Python runs here."
    stopped = scripted.stopped_at(lab, case)
    if stopped is not None:
        return "unsupported_python", cannot, *stopped
    result = lab.eager(lab.base)
    site = structures.output_site(lab) if result.returned and not structures.is_plain(result.value) else None
    if site is not None:
        said = f"The export cannot hand back a {type(result.value).__name__}."
        return "output_structure", said, lab.name(site.path), site.line
    return "unsupported_python", cannot, *positions.construction(lab)
