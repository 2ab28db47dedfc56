"""A stage of a run, any frozen dataclass, as JSON and back."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def to_json(stage: Any) -> Any:
    """A stage as plain dicts, lists, strings and numbers; every field is written. Floats may be NaN or infinite."""
    kind = type(stage)
    if kind in _SCALARS:
        return stage
    if kind in (tuple, list):
        return [to_json(item) for item in stage]
    if kind is dict:
        return {str(key): to_json(value) for key, value in stage.items()}
    if dataclasses.is_dataclass(kind):
        return {name: to_json(getattr(stage, name)) for name in _fields_of(kind)}
    return stage


def from_json(kind: type[T], raw: Any) -> T:
    """The stage of type `kind` that `to_json` wrote. Fields that are missing take their default, unknown ones are dropped,
    so that a newer tsdash reads what an older one stored."""
    return typing.cast(T, _restorer(typing.cast(Any, kind))(raw))


_SCALARS = frozenset((str, int, float, bool, type(None)))


@functools.cache
def _fields_of(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


@functools.cache
def _restorer(kind: Any) -> Callable[[Any], Any]:
    """The function that reads a value of this type, made once for each type: a sweep reads thousands."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        options = [option for option in typing.get_args(kind) if option is not type(None)]
        inner = _restorer(options[0])
        return lambda raw: None if raw is None else inner(raw)
    if origin is tuple:
        item = _restorer(typing.get_args(kind)[0])
        return lambda raw: tuple(map(item, raw))
    if origin is dict:
        entry = _restorer(typing.get_args(kind)[1])
        return lambda raw: {key: entry(value) for key, value in raw.items()}
    if dataclasses.is_dataclass(kind):
        return _dataclass_restorer(typing.cast(type, kind))
    return (lambda raw: raw if raw is None else float(raw)) if kind is float else lambda raw: raw


def _dataclass_restorer(kind: type) -> Callable[[Any], Any]:
    fields: dict[str, Callable[[Any], Any]] = {}

    def restore(raw: Any) -> Any:
        if not fields:  # filled at first use, for a type may contain itself
            fields.update((name, _restorer(hint)) for name, hint in _fields_of(kind).items())
        return kind(**{name: read(raw[name]) for name, read in fields.items() if name in raw})

    return restore
