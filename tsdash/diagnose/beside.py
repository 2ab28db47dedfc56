"""What a caller sees beside the answers, where these agree: an input that is written to, an output in another's memory."""

from __future__ import annotations

from collections.abc import Iterator

from tsdash import contract, plan
from tsdash.diagnose import structures
from tsdash.diagnose.evidence import evidence
from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.subject import Finding, Strength, axis_of


@evidence("differences beside the answers", order=30)
def beside(lab: Laboratory) -> Iterator[Finding]:
    """The difference itself, for where nothing explains it; of shared memory with the line that returns the output."""
    if not lab.subject.beside:
        return
    first = lab.subject.failures[0]
    change = next(filter(contract.counts, first.contract))
    site = structures.output_site(lab) if change.what == "memory" else None
    yield Finding(
        cause="unknown",
        strength=Strength.AXIS,
        axis=axis_of(first.case, lab.base),
        file=lab.name(site.path) if site else None,
        line=site.line if site else None,
        message=contract.sentence(change),
        evidence=(f"Seen at {plan.describe(first.case, lab.base)}; every answer agrees.",),
    )
