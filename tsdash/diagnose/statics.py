"""What Python holds outside the model: globals, class attributes and generators of the user's modules."""

from __future__ import annotations

import copy
import enum
import random
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import torch

from tsdash import inputs

GENERATORS = (random.Random, np.random.Generator, np.random.RandomState, torch.Generator)
_RESTORED = (
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type(None),
    list,
    dict,
    set,
    deque,
    torch.Tensor,
    np.ndarray,
    *GENERATORS,
)


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """A value that outlives a call, where to read and to write it, and what it was."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    value: Any


class PythonState:
    """The Python values that the user's modules and classes hold, so that one run's changes do not reach the next."""

    def __init__(self, modules: list[ModuleType]) -> None:
        self._kept: list[_Kept] = []
        for module in modules:
            self._kept += _of_scope(vars(module), vars(module).__setitem__)
            for value in list(vars(module).values()):
                own = isinstance(value, type) and value.__module__ == module.__name__
                if own and not isinstance(value, enum.EnumMeta):  # members of an enumeration never change
                    self._kept += _of_scope(vars(value), partial(setattr, value))

    def restore(self, only: Collection[str] | None = None) -> None:
        """Put everything back, or the values of these names."""
        for kept in self._kept:
            if only is None or kept.name in only:
                kept.write(_put_back(kept.read(), kept.value))

    def changed(self) -> Iterator[str]:
        """Names of globals, class attributes and default arguments that are not what they were. Generators, which are another
        matter, are left out."""
        for kept in self._kept:
            if not isinstance(kept.value, GENERATORS) and not _alike(kept.read(), kept.value):
                yield kept.name


def _of_scope(scope: Mapping[str, Any], write: Callable[[str, Any], object]) -> Iterator[_Kept]:
    for name, value in list(scope.items()):
        if isinstance(value, _RESTORED) and not name.startswith("__"):
            yield _Kept(name=name, read=partial(scope.get, name), write=partial(write, name), value=copied(value))
        elif isinstance(value, FunctionType):
            yield from _of_defaults(value)


def _of_defaults(function: FunctionType) -> Iterator[_Kept]:
    """Default arguments that a function may change: `def forward(self, x, seen=[])`. They are put back in place."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    for name, value in zip(reversed(names), reversed(function.__defaults__ or ()), strict=False):
        if isinstance(value, (list, dict, set, deque)):
            yield _Kept(name=name, read=partial(_itself, value), write=_itself, value=copied(value))


def _itself(value: Any) -> Any:
    return value


def copied(value: Any) -> Any:
    """A deep copy where there can be one, else the value itself."""
    try:
        return copy.deepcopy(value)
    except Exception:  # whatever a user's subclass raises
        return value


def _put_back(present: Any, kept: Any) -> Any:
    """`kept` again: in place where others may hold the same list or dict."""
    if _alike(present, kept):
        return present
    if type(present) is type(kept) and isinstance(present, (list, deque)):
        present.clear()
        present.extend(copied(kept))
        return present
    if type(present) is type(kept) and isinstance(present, (dict, set)):
        present.clear()
        present.update(copied(kept))
        return present
    return copied(kept)


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, random.Random) and isinstance(other, random.Random):
        return one.getstate() == other.getstate()
    if isinstance(one, np.random.Generator) and isinstance(other, np.random.Generator):
        return bool(one.bit_generator.state == other.bit_generator.state)
    try:
        return one is other or (type(one) is type(other) and inputs.same(one, other))
    except Exception:  # an __eq__ of the user's
        return False
