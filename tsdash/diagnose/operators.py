"""The user's line that calls an operator which the tracer records and cannot keep: its error names types, and no line."""

from __future__ import annotations

import re
import sys
from types import FrameType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.positions import Position

_REFUSED = re.compile(r"have an op for (?:aten|prim)::(\w+)\b.*?Argument types: ([^\n]*)", re.DOTALL)
_KINDS = {"bool": bool, "int": int, "float": float, "str": str, "NoneType": type(None)}


def refused_at(lab: Laboratory, message: str) -> Position | None:
    """Where eager first calls the operator of `message` with arguments of the types that it lists; None where it says none."""
    told = _REFUSED.search(message)
    if told is None:
        return None
    types = [name.strip() for name in told[2].split(",") if name.strip()]
    watch = _Watch(lab, told[1], types)
    with watch:
        lab.eager_again(lab.base)
    return watch.place


class _Watch(TorchFunctionMode):
    def __init__(self, lab: Laboratory, operator: str, types: list[str]) -> None:
        super().__init__()
        self.place: Position | None = None
        self._lab, self._operator, self._types = lab, operator, types

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "").strip("_")
        if self.place is None and name == self._operator and all(map(_is, args, self._types)):
            self.place = self._caller()
        return func(*args, **(kwargs or {}))

    def _caller(self) -> Position | None:
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            name = self._lab.name(frame.f_code.co_filename)
            if name is not None:
                return name, frame.f_lineno
            frame = frame.f_back
        return None


def _is(value: Any, told: str) -> bool:
    """Whether a value is of the type that the tracer's message gives it."""
    return isinstance(value, torch.Tensor) if told == "Tensor" else type(value) is _KINDS.get(told, type(value))
