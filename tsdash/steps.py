"""Inside a module that leaves eager: the calls of torch that it makes, one by one, and the first that gives something else.

The module is exported with a torch function mode that gives out, cloned, what every call returns; the same mode watches eager. Up to
the first difference both have computed the same, so that call is the operator, or the decision in front of it, that is to blame.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from tsdash import formats, inputs, localize
from tsdash.calling import copy_tensor
from tsdash.seeds import seed_all

MOST_CALLS = 400
Place = tuple[str, int]  # file and line of the user's


@dataclass(frozen=True, kw_only=True)
class Step:
    """One call of torch while a module ran. `place`: the user's line that led to it, where there is one."""

    name: str
    place: Place | None
    outputs: list[torch.Tensor]


@dataclass(frozen=True, kw_only=True)
class Parting:
    """The first call that differs. `off` is the largest |Δ| of its output; None where eager calls another operator there than
    the export, `instead`."""

    name: str
    place: Place | None
    off: float | None = None
    instead: str = ""

    def __str__(self) -> str:
        where = f" at line {self.place[1]} of {self.place[0]}" if self.place else ""
        if self.off is None:
            return f"eager calls {self.name}{where} where the export has {self.instead or 'nothing more'}"
        return f"the first operator that differs is {self.name}{where}, by up to {formats.delta(self.off)}"


def parting(
    kind: str,
    module: torch.nn.Module,
    example: tuple[Any, ...],
    failing: tuple[Any, ...],
    seed: int,
    own_name: Callable[[str], str | None],
) -> Parting | None:
    """Where an export of `module` made at `example` leaves eager at `failing`; None where it cannot be exported, or agrees.

    `kind` is "trace" or "export"; `own_name` gives the user's name of a file of theirs.
    """
    recorded: list[Step] = []

    class Instrumented(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, *args: Any) -> tuple[torch.Tensor, ...]:
            recorded[:] = _watched(self.module, args, own_name)
            return tuple(tensor for step in recorded for tensor in step.outputs)

    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            seed_all(seed)
            exported = localize.exported(kind, Instrumented(), _copied(example), localize.moved(example, failing))
            at_export = list(recorded)
            seed_all(seed)
            flat = list(exported(*_copied(failing)))
            seed_all(seed)
            eager = _watched(module, _copied(failing), own_name)
    except Exception:  # arguments that no export takes, a failing size that it refuses
        return None
    return _first(at_export, flat, eager)


def _first(at_export: list[Step], flat: list[torch.Tensor], eager: list[Step]) -> Parting | None:
    place = 0
    for number, step in enumerate(eager):
        kept = at_export[number] if number < len(at_export) else None
        if kept is None or kept.name != step.name or len(kept.outputs) != len(step.outputs):
            return Parting(name=step.name, place=step.place, instead=kept.name if kept else "")
        off = localize.distance(flat[place : place + len(kept.outputs)], step.outputs)
        place += len(kept.outputs)
        if off:
            return Parting(name=step.name, place=step.place, off=off)
    return None


def _copied(args: tuple[Any, ...]) -> tuple[Any, ...]:
    copied: tuple[Any, ...] = inputs.nest(copy_tensor, args)
    return copied


def _watched(module: torch.nn.Module, args: tuple[Any, ...], own_name: Callable[[str], str | None]) -> list[Step]:
    watch = _Steps(own_name)
    with watch:
        module(*args)
    return watch.found


class _Steps(TorchFunctionMode):
    """Takes down every call of torch that returns tensors; what such a call does inside is part of it."""

    def __init__(self, own_name: Callable[[str], str | None]) -> None:
        super().__init__()
        self.found: list[Step] = []
        self._own_name = own_name

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        tensors = [tensor.clone() for _, tensor in inputs.tensors(output)]
        if tensors and name != "__get__" and len(self.found) < MOST_CALLS:
            self.found.append(Step(name=name, place=self._place(), outputs=tensors))
        return output

    def _place(self) -> Place | None:
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            name = self._own_name(frame.f_code.co_filename)
            if name is not None:
                return name, frame.f_lineno
            frame = frame.f_back
        return None
