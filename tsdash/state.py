"""Does a model change when it is called? A fingerprint of everything a module holds, cheap enough to take around a call."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import torch

_PLAIN = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, torch.Size)
_BOOKKEEPING = {"_modules", "_parameters", "_buffers"}  # looked at one by one


def fingerprint(model: torch.nn.Module) -> Hashable | None:
    """A value that is equal before and after a call that changed nothing. None: the model holds objects that cannot be
    looked into, so that only a fresh copy is safe.

    Tensors count by identity and version (every in-place write raises it), plain Python values by value, functions and
    classes by identity.
    """
    try:
        return tuple((name, _module(module)) for name, module in model.named_modules())
    except _OpaqueError:
        return None


class _OpaqueError(Exception):
    pass


def _module(module: torch.nn.Module) -> Hashable:
    tensors = tuple((name, id(t), t._version) for store in (module._parameters, module._buffers) for name, t in store.items() if t is not None)
    attributes = tuple((name, _value(value)) for name, value in vars(module).items() if name not in _BOOKKEEPING)
    return tensors, attributes


def _value(value: Any) -> Hashable:
    if isinstance(value, _PLAIN):
        return (type(value), repr(value))  # repr: 1, True and 1.0 differ, NaN equals NaN
    if isinstance(value, torch.Tensor):
        return (id(value), value._version)
    if isinstance(value, (list, tuple)):
        return (type(value), tuple(_value(item) for item in value))
    if isinstance(value, dict):
        return (type(value), tuple((_value(key), _value(item)) for key, item in value.items()))
    if isinstance(value, (set, frozenset)):
        return (type(value), frozenset(_value(item) for item in value))
    if callable(value) and not isinstance(value, torch.nn.Module):
        return id(value)
    if isinstance(value, torch.nn.Module):
        return id(value)
    raise _OpaqueError
