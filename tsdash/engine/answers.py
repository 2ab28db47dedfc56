"""What a worker answers, before anything believes it: every field of the type it must have, every text cut and cleaned.

A model shares its process with the code that answers for it, and can make that say anything at all. It may lie about its own
outputs; it may not make the server fail.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable
from typing import Any, TypeVar

from tsdash.engine.workers import WorkerLost
from tsdash.spec import from_json
from tsdash.tracebacks import TEXT_BYTES, clean_text

LONG_TEXTS = {"code": 250_000, "graph": 4_250_000}  # bytes, of the fields with these names; all others have TEXT_BYTES

T = TypeVar("T")


def take(kind: type[T], answer: Any, *names: str) -> T:
    """The stage of type `kind` in an answer, or under `names` in it. Raises WorkerLost where there is none."""
    try:
        for name in names:
            answer = answer[name]
        stage = from_json(kind, _cleaner(typing.cast(Any, kind))(answer))
        if getattr(stage, "ended", "raised") not in ("returned", "raised"):  # the other ends are the engine's to tell
            raise ValueError(stage)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise WorkerLost("crash", f"the worker's answer is none that tsdash gives ({type(error).__name__})") from None
    return stage


def take_all(kind: type[T], answer: Any, name: str) -> tuple[T, ...]:
    """The list of stages under `name` in an answer, empty where there is none. Raises WorkerLost as `take` does."""
    listed = answer.get(name, []) if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        raise WorkerLost("crash", "the worker's answer is none that tsdash gives")
    return tuple(take(kind, item) for item in listed)


@functools.cache
def _cleaner(kind: Any) -> Callable[[Any], Any]:
    """The function that gives a JSON value back, cleaned, if it is of the type `kind`, and raises otherwise."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        inner = _cleaner(next(option for option in arguments if option is not type(None)))
        return lambda raw: None if raw is None else inner(raw)
    if origin is tuple:
        item = _cleaner(arguments[0])
        return lambda raw: [item(value) for value in _of(list, raw)]
    if origin is dict:
        entry = _cleaner(arguments[1])
        return lambda raw: {clean_text(key, TEXT_BYTES): entry(value) for key, value in _of(dict, raw).items()}
    if dataclasses.is_dataclass(kind):
        return _fields_cleaner(kind)
    return _SCALARS[kind]


def _fields_cleaner(kind: Any) -> Callable[[Any], Any]:
    fields: dict[str, Callable[[Any], Any]] = {}

    def clean(raw: Any) -> dict[str, Any]:
        if not fields:  # filled at first use, for a type may contain itself
            for name, hint in typing.get_type_hints(kind).items():
                is_long = name in LONG_TEXTS and str in (hint, *typing.get_args(hint))
                fields[name] = _long(LONG_TEXTS[name]) if is_long else _cleaner(hint)
        return {name: fields[name](value) for name, value in _of(dict, raw).items() if name in fields}

    return clean


def _long(limit: int) -> Callable[[Any], Any]:
    """The cleaner of a text of up to `limit` bytes, or of none."""
    return lambda raw: None if raw is None else clean_text(_of(str, raw), limit)


def _of(kind: type[T], raw: Any) -> T:
    if not isinstance(raw, kind):
        raise TypeError
    return raw


def _number(raw: Any) -> Any:
    if type(raw) is not float and type(raw) is not int:
        raise TypeError
    return raw


def _integer(raw: Any) -> int:
    if type(raw) is not int or abs(raw) >= 2**63:  # more than SQLite and numpy hold
        raise ValueError
    return raw


_SCALARS: dict[Any, Callable[[Any], Any]] = {
    str: lambda raw: clean_text(_of(str, raw), TEXT_BYTES),
    bool: lambda raw: _of(bool, raw),
    int: _integer,
    float: _number,
}
