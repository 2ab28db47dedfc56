"""What Python holds outside the model: globals, class attributes and generators of the user's modules."""

from __future__ import annotations

import copy
import random
from collections import deque
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import torch

from tsdash import inputs

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
    random.Random,
    np.random.Generator,
)


class PythonState:
    """The Python values that the user's modules and classes hold, so that one run's changes do not reach the next."""

    def __init__(self, modules: list[ModuleType]) -> None:
        self._kept: list[tuple[dict[str, Any] | type, dict[str, Any]]] = []
        for module in modules:
            self._keep(vars(module))
            for value in list(vars(module).values()):
                if isinstance(value, type) and value.__module__ == module.__name__:
                    self._keep(value)

    def _keep(self, holder: dict[str, Any] | type) -> None:
        scope = holder if isinstance(holder, dict) else vars(holder)
        kept = {
            name: _copied(value)
            for name, value in scope.items()
            if isinstance(value, _RESTORED) and not name.startswith("__")
        }
        if kept:
            self._kept.append((holder, kept))

    def restore(self, only: set[str] | None = None) -> None:
        for holder, kept in self._kept:
            for name, value in kept.items():
                if only is not None and name not in only:
                    continue
                if isinstance(holder, dict):
                    holder[name] = _put_back(holder.get(name), value)
                else:
                    setattr(holder, name, _put_back(vars(holder).get(name), value))

    def changed(self) -> Iterator[str]:
        """Names of module globals and class attributes that are not what they were."""
        for holder, kept in self._kept:
            scope = holder if isinstance(holder, dict) else vars(holder)
            yield from (name for name, value in kept.items() if not _alike(scope.get(name), value))


def _copied(value: Any) -> Any:
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
        present.extend(_copied(kept))
        return present
    if type(present) is type(kept) and isinstance(present, (dict, set)):
        present.clear()
        present.update(_copied(kept))
        return present
    return _copied(kept)


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, random.Random) and isinstance(other, random.Random):
        return one.getstate() == other.getstate()
    try:
        return one is other or (type(one) is type(other) and inputs.same(one, other))
    except Exception:  # an __eq__ of the user's
        return False
