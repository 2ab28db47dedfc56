"""Outputs whose structure is lost or refused: a NamedTuple that comes back as a tuple, a dataclass that no tracer takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from tsdash import spec
from tsdash.diagnose import recorder
from tsdash.diagnose.evidence import evidence
from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.sites import RETURN, Site
from tsdash.diagnose.subject import Finding, Strength

_STRUCTURAL = ("type", "keys", "length", "value")


@evidence("structure of the output", order=30)
def lost_structure(lab: Laboratory) -> Iterator[Finding]:
    """The base case already comes back in another structure."""
    base = next((failure for failure in lab.subject.failures if failure.case == lab.base), None)
    if base is None:
        return
    differing = [difference for difference in base.structure if difference.what in _STRUCTURAL]
    if not differing:
        return
    site = output_site(lab)
    first = differing[0]
    yield Finding(
        cause="output_structure",
        strength=Strength.PROVED if _values_agree(base) else Strength.STATED,
        axis="base",
        file=lab.name(site.path) if site else None,
        line=site.line if site else None,
        message=f"{first.path} is {first.expected} in eager and {first.actual} in the export.",
        evidence=tuple(f"{d.path}: {d.what} is {d.actual}, eager has {d.expected}." for d in differing[:4])
        + (("All values agree: only the structure is lost.",) if _values_agree(base) else ()),
    )


def _values_agree(result: spec.CaseResult) -> bool:
    return all(facts.identical for facts in result.outputs)


def output_site(lab: Laboratory) -> Site | None:
    """The `return` that first gave the object which the model returns, or the last one of forward."""
    log, result = lab.recorded(lab.base)
    if not result.returned:
        return None
    found = recorder.returned(log, result.value)
    if found is not None:
        return found
    returns = [event.site for event in log.events if event.site.kind == RETURN and event.site.own]
    return returns[-1] if returns else None


def is_plain(value: Any) -> bool:
    """Whether an output is what every export mode takes: a tensor, or tuples, lists and dicts of tensors."""
    if isinstance(value, torch.Tensor):
        return True
    if type(value) in (tuple, list):
        return all(map(is_plain, value))
    return type(value) is dict and all(map(is_plain, value.values()))
