"""The kinds of evidence: one decorated function each, in a file of its own kind.

A collector takes the laboratory and yields findings. It may fail, because it meets code that nobody has seen before: what it
raises is noted in one place and the others go on. Cheap ones come first, and none starts once the time is used up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tsdash import spec
from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.subject import AXES, Finding, Strength, axis_of

Collect = Callable[[Laboratory], Iterator[Finding]]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A kind of evidence. Of two with the same `order` the one registered first is collected first."""

    name: str
    order: int
    collect: Collect


EVIDENCE: dict[str, Evidence] = {}


def evidence(name: str, *, order: int) -> Callable[[Collect], Collect]:
    """Register a collector. `order`: below 20 it only reads what is known, from 50 on it runs the model."""

    def register(collect: Collect) -> Collect:
        EVIDENCE[name] = Evidence(name=name, order=order, collect=collect)
        return collect

    return register


def collect(lab: Laboratory) -> list[Finding]:
    """What all kinds of evidence find, cheap ones first, until the time is used up."""
    findings: list[Finding] = []
    for kind in sorted(EVIDENCE.values(), key=lambda kind: kind.order):
        if not lab.in_time():
            lab.notes.append(f"no time was left for: {kind.name}")
            continue
        try:
            for finding in kind.collect(lab):
                findings.append(finding)
                if finding.strength in (Strength.STATED, Strength.PROVED):
                    lab.explained.add(finding.axis)
        except Exception as error:  # the user's code runs here, and may raise anything
            lab.notes.append(f"{kind.name} failed: {type(error).__name__}: {str(error)[:300]}")
    return findings


def groups(lab: Laboratory) -> list[tuple[str, list[spec.CaseResult]]]:
    """The failures by the axis in which they differ from the base, in the order in which axes are ranked."""
    found: dict[str, list[spec.CaseResult]] = {}
    for failure in lab.subject.failures:
        found.setdefault(axis_of(failure.case, lab.base), []).append(failure)
    return sorted(found.items(), key=lambda item: AXES.index(item[0]))


def values_groups(lab: Laboratory) -> list[tuple[str, list[spec.CaseResult]]]:
    """As `groups`, without the cases in which eager raises, and without those that may not be run in this process."""
    kept = [
        (axis, [f for f in failures if f.eager.ended == "returned" and f.exported.ended in ("returned", "raised")])
        for axis, failures in groups(lab)
    ]
    return [(axis, failures) for axis, failures in kept if failures]
