"""The way through a diagnosis: collect all evidence about a subject, rank it, state the causes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import replace

import torch

from tsdash import exporters, plan, spec
from tsdash.diagnose import (
    aliasing,
    beside,
    calls,
    crashes,
    dispatch,
    lost_checks,
    numerics,
    refusals,
    remarks,
    replay,
    retrace,
    scripted,
    seeding,
    states,
    structures,
)
from tsdash.diagnose.answers import quiet, same_answer
from tsdash.diagnose.evidence import collect
from tsdash.diagnose.laboratory import Laboratory, trace
from tsdash.diagnose.ranking import rank
from tsdash.diagnose.subject import Subject
from tsdash.seeds import seed_all

# Imported for what they register.
KINDS = (
    aliasing,
    beside,
    calls,
    crashes,
    dispatch,
    lost_checks,
    numerics,
    refusals,
    remarks,
    replay,
    retrace,
    scripted,
    seeding,
    states,
    structures,
)


def diagnose(subject: Subject) -> tuple[spec.Cause, ...]:
    """Why the mode fails: its causes, best explained first."""
    return diagnose_with_notes(subject)[0]


def diagnose_with_notes(subject: Subject) -> tuple[tuple[spec.Cause, ...], list[str]]:
    """The causes, and what went wrong on the way to them."""
    lab = Laboratory(subject)
    error = subject.export.error
    if error is not None and error.type == "TracingCheckError":
        with contextlib.suppress(Exception):  # what fails here cannot be traced at all, and the error is all there is
            lab = unchecked(lab)
    return rank(collect(lab), lab), lab.notes


def unchecked(lab: Laboratory) -> Laboratory:
    """The laboratory as if torch's own check had not refused the trace: that check is one way to see a failure, and says
    little about its cause. The failures are found among a few cases of the kinds that it tries."""
    subject, base = lab.subject, lab.base
    path = subject.folder / f"unchecked{exporters.EXPORTERS[subject.mode].suffix}"
    args, kwargs = lab.inputs(base)
    model = lab.model()
    with quiet(), torch.no_grad():
        seed_all(base.seed)
        trace(model, args, kwargs).save(str(path))
    other = Laboratory(replace(subject, artefact=path), lab.state)
    checked = (base, *(replace(base, call=call, varied="call") for call in (2, 3)), _reseeded(base))
    failures = _differing(other, checked)
    if not failures:  # what differs between two traces may show in other inputs alone
        swept = plan.cases(plan.own_plan(base.dims, "quick"), base.dims, base.seed)
        plain = [case for case in swept if case.device == base.device and case.dtype == base.dtype]
        failures = _differing(other, plain)
    return Laboratory(replace(subject, artefact=path, failures=tuple(failures)), lab.state)


def _reseeded(base: spec.Case) -> spec.Case:
    return replace(base, seed=base.seed + 1, varied="seed")


def _differing(lab: Laboratory, cases: Iterable[spec.Case]) -> list[spec.CaseResult]:
    """Those of the cases in which eager returns and the export does something else."""
    failures = []
    for case in cases:
        expected, actual = lab.eager(case), lab.exported(case)
        if actual is not None and expected.returned and not same_answer(actual, expected):
            ended = "returned" if actual.returned else "raised"
            failures.append(
                spec.CaseResult(
                    case=case, mode=lab.subject.mode, eager=spec.Side(ended="returned"), exported=spec.Side(ended=ended)
                )
            )
    return failures
