"""What is to be explained, and what an explanation is made of."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsdash import spec

if TYPE_CHECKING:
    from tsdash.models.loading import Loaded

DEADLINE_S = 10.0
AXES = ("training", "base", "values", "dims", "layout", "grad", "call", "seed", "dtype", "device")  # as they are ranked


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A mode of a model that fails, with the facts of its failures. `failures` are the cases that count against it."""

    loaded: Loaded
    mode: str
    base: spec.Case
    export: spec.Export
    failures: tuple[spec.CaseResult, ...] = ()
    folder: Path = Path()  # for artefacts and generated source
    artefact: Path | None = None  # what was exported, where it still exists
    build_inputs: Callable[[spec.Case], tuple[tuple[Any, ...], dict[str, Any]]] | None = None
    beside: bool = (
        False  # every answer agrees: what differs is what a call does to its inputs, or whose memory it returns
    )
    deadline_s: float = DEADLINE_S
    began: float = field(default_factory=time.monotonic)


class Strength(IntEnum):
    """How much a piece of evidence says, weakest first."""

    AXIS = 1  # it fails when this is varied, and nothing else is known
    WARNING = 2
    DIFFERENCE = 3  # a Python value or decision differs between the base and the failing case
    GRAPH = 4  # exporting again from the failing case gives another graph here
    STATED = 5  # the compiler, the interpreter or eager itself says so and names the line
    PROVED = 6  # forcing the suspect back in eager gives the export's result


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one kind of evidence makes of the failure. `axis` is one of AXES: the respect in which the explained cases differ."""

    cause: str
    strength: Strength
    axis: str
    file: str | None = None
    line: int | None = None
    message: str = ""
    evidence: tuple[str, ...] = ()
    fix: str = ""
    baked: tuple[spec.Baked, ...] = ()
    order: int = 0  # position in the execution of forward: of two alike the earlier one leads


def axis_of(case: spec.Case, base: spec.Case) -> str:
    """The respect in which a case differs from the base; of several the one that is ranked first."""
    differing = {
        "training": case.training not in (None, base.training),
        "values": case.values != base.values or case.inputs != base.inputs,
        "dims": case.dims != base.dims,
        "layout": case.layout != base.layout,
        "grad": case.grad != base.grad,
        "call": case.call != base.call,
        "seed": case.seed != base.seed,
        "dtype": case.dtype != base.dtype,
        "device": case.device != base.device,
    }
    return next((axis for axis in AXES if differing.get(axis)), "base")
