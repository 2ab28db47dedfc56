"""Seeds that forward sets: a trace keeps the drawing and not the seed, so that it draws other numbers than eager."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from tsdash import calling, plan, spec
from tsdash.diagnose.answers import Result, same_answer
from tsdash.diagnose.evidence import evidence, values_groups
from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.subject import Finding, Strength

FIX = (
    'self.register_buffer("drawn", torch.randn(…, generator=torch.Generator().manual_seed(0)))  # in __init__, once; '
    "forward then uses self.drawn"
)
_SETTERS = ("manual_seed", "set_rng_state")  # of torch.random; torch wraps them anew where its compiler is loaded


@evidence("seeds that forward sets", order=42)
def seeded(lab: Laboratory) -> Iterator[Finding]:
    """Leave the seeding out in eager: if the export's result appears, that is what it lacks."""
    if lab.scripting:
        return
    places = [number for number, callee in lab.base_log.callees.items() if _sets_seed(callee)]
    for axis, failures in values_groups(lab) if places else ():
        case = failures[0].case
        actual, expected = lab.exported(case), lab.eager(case)
        if actual is None or same_answer(actual, expected) or not same_answer(_unseeded(lab, case), actual):
            continue
        site = lab.instrumentation.sites[places[0]]
        yield Finding(
            cause="rng",
            strength=Strength.PROVED,
            axis=axis,
            file=lab.name(site.path),
            line=site.line,
            message=f"`{site.code}` seeds torch in eager; the export keeps what is drawn after it, and not the seed.",
            evidence=(
                f"Proved: eager without it returns exactly what the export returns, at {plan.describe(case, lab.base)}.",
            ),
            fix=FIX,
        )
        return


def _sets_seed(callee: Any) -> bool:
    return getattr(callee, "__module__", "") == torch.random.__name__ and getattr(callee, "__name__", "") in _SETTERS


def _unseeded(lab: Laboratory, case: spec.Case) -> Result:
    """Eager at the case with what sets a seed doing nothing."""
    model, (args, kwargs) = lab.model(case), lab.inputs(case)
    try:
        with _without_seeds():
            return Result(value=calling.run(model, args, kwargs, case)[0])
    except Exception as error:  # the user's code may raise anything
        return Result(error=error)


@contextmanager
def _without_seeds() -> Iterator[None]:
    places = [(place, name) for place in (torch, torch.random) for name in _SETTERS]
    kept = [(place, name, getattr(place, name)) for place, name in places]
    try:
        for place, name, _ in kept:
            setattr(place, name, lambda *_: torch.default_generator)
        yield
    finally:
        for place, name, function in kept:
            setattr(place, name, function)
