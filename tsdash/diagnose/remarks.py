"""Warnings of the tracer, at the user's line. A warning is a hint and no verdict: correct traces warn too."""

from __future__ import annotations

from collections.abc import Iterator

from tsdash.diagnose.evidence import evidence, values_groups
from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.subject import Finding, Strength

# What a TracerWarning says → its cause where a size is concerned, and where a value is.
_SAYS = (
    ("Iterating over a tensor", "unrolled_loop", "unrolled_loop"),
    ("Using len to get tensor shape", "baked_shape", "baked_shape"),
    ("to a Python boolean", "baked_control_flow", "baked_control_flow"),
    ("to a Python", "baked_shape", "baked_constant"),
    ("to a NumPy array", "baked_constant", "baked_constant"),
    ("registered as constants in the trace", "baked_constant", "baked_constant"),
)


@evidence("warnings while exporting", order=12)
def warned(lab: Laboratory) -> Iterator[Finding]:
    """Each warning about a constant or a decision, for the first axis that fails."""
    groups = values_groups(lab)
    if not groups:
        return
    axis = groups[0][0]
    for order, warning in enumerate(lab.subject.export.warnings):
        said = next((row for row in _SAYS if row[0] in warning.message), None)
        if said is not None and warning.line is not None:
            cause = said[1] if axis == "dims" else said[2]
            first = warning.message.partition(". ")[0]
            yield Finding(
                cause=cause,
                strength=Strength.WARNING,
                axis=axis,
                file=warning.file,
                line=warning.line,
                evidence=(f"torch warned at line {warning.line}: {first}.",),
                order=order,
            )
