"""What an expression gave, kept so that two runs can be compared: Python values by value, tensors by what the tracer knows.

While tracing a tensor is either part of the graph, and will be computed anew on every call, or a constant of it. A Python
value is always a constant: it was read once, and whatever follows from it stays as it was.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

_PLAIN = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    torch.dtype,
    torch.device,
    torch.layout,
    torch.memory_format,
    range,
    slice,
    type(...),
)
MAX_ITEMS = 512  # of a container that are looked at
MAX_DEPTH = 6
MAX_BYTES = 1 << 18  # of a tensor or array whose contents are compared
MAX_ANCESTORS = 200  # in a row that are looked through before a tensor counts as computed from the inputs
_DRAWS = ("rand", "bernoulli", "normal", "dropout", "multinomial", "poisson", "uniform", "exponential", "cauchy")
_SIZES = ("aten::size", "aten::numel", "aten::len", "aten::dim", "aten::sym_size", "prim::shape")

PYTHON, TRACED, TENSOR, SEQUENCE, MAPPING, OPAQUE = "python", "traced", "tensor", "sequence", "mapping", "opaque"


@dataclass(frozen=True)
class Seen:
    """One value as it was. `key` is its value where it is plain, `items` the parts of a container.

    Of a traced tensor `key` says what it comes from: "size" (of the inputs), "data" or "constant".
    """

    kind: str
    key: Any = None
    items: tuple[Seen, ...] = ()

    def leaves(self) -> Iterator[Seen]:
        if self.kind in (SEQUENCE, MAPPING):
            for item in self.items:
                yield from item.leaves()
        else:
            yield self


def look(value: Any, digest: bool, graph: TracedGraph | None = None, depth: int = 0) -> Seen:
    """`value` as a Seen. `digest`: compare the contents of tensors as well; `graph`: what the tracer knows, while tracing."""
    kind = type(value)
    if kind in _PLAIN:
        return Seen(PYTHON, (kind.__name__, repr(value)))
    if isinstance(value, torch.Tensor):
        return _look_at_tensor(value, digest, graph)
    if isinstance(value, (tuple, list, set, frozenset)):
        items = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value
        if depth >= MAX_DEPTH:
            return Seen(OPAQUE, kind.__name__)
        shown = tuple(look(item, digest, graph, depth + 1) for item in items[:MAX_ITEMS])
        return Seen(SEQUENCE, (kind.__name__, len(value)), shown)
    if isinstance(value, Mapping):
        if depth >= MAX_DEPTH:
            return Seen(OPAQUE, kind.__name__)
        keys = list(value)[:MAX_ITEMS]
        return Seen(
            MAPPING,
            (kind.__name__, len(value), repr(keys)),
            tuple(look(value[key], digest, graph, depth + 1) for key in keys),
        )
    if isinstance(value, np.ndarray):
        return Seen(
            PYTHON,
            (
                kind.__name__,
                str(value.dtype),
                value.shape,
                _hash(value.tobytes()) if value.nbytes <= MAX_BYTES else None,
            ),
        )
    if isinstance(value, (np.generic, enum.Enum, bool, int, float, str)):
        return Seen(PYTHON, (kind.__name__, repr(value)))
    name = getattr(value, "__qualname__", None)
    return Seen(OPAQUE, (kind.__name__, name if isinstance(name, str) else None))


def differ(base: Seen, trigger: Seen) -> bool:
    """Whether the value that went into the export at the base is another than the one that eager has at the trigger."""
    if base.kind == TRACED or trigger.kind == TRACED:
        return False
    if base.kind == TENSOR and trigger.kind == TENSOR:
        return base.key is not None and trigger.key is not None and base.key != trigger.key
    if base.kind == trigger.kind and base.kind in (SEQUENCE, MAPPING):
        return base.key != trigger.key or any(map(differ, base.items, trigger.items))
    return (base.kind, base.key) != (trigger.kind, trigger.key)


def is_python(seen: Seen) -> bool:
    """Whether nothing of the value is part of the graph, so that it can be put in place of another."""
    return all(leaf.kind in (PYTHON, TENSOR) for leaf in seen.leaves())


def keep(value: Any) -> Any:
    """`value` as it is now, to force it back with: copies of what a later write could reach.

    Only what Python, torch and numpy themselves define is copied: copying a class of the user's would run its code.
    """
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if type(value) in (tuple, list, set, frozenset):
        return type(value)(map(keep, value))
    if type(value) is dict:
        return {key: keep(item) for key, item in value.items()}
    return value.copy() if type(value) is np.ndarray else value


def contents(tensor: torch.Tensor) -> str | None:
    """A digest of dtype, shape and bits; None where the bits cannot be read or are too many."""
    if (
        tensor.device.type == "meta"
        or tensor.layout != torch.strided
        or tensor.is_quantized
        or tensor.numel() * tensor.element_size() > MAX_BYTES
    ):
        return None
    raw = (
        tensor.detach().resolve_conj().resolve_neg().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    )
    return f"{tensor.dtype} {tuple(tensor.shape)} {_hash(raw)}"


class TracedGraph:
    """What the running trace knows about tensors. It asks the tracer, so it must be used while tracing."""

    def __init__(self) -> None:
        self._origins: dict[int, str] = {}

    def origin(self, tensor: torch.Tensor) -> str:
        """ "constant", "size" or "data": what the tensor is computed from in the graph."""
        try:
            value = torch._C._get_value_trace(tensor)  # type: ignore[attr-defined]
        except RuntimeError:  # a leaf that requires grad and is no parameter cannot become a constant
            return "data"
        return self._of(value, 0)

    def _of(self, value: Any, depth: int) -> str:
        number = value.unique()  # a value's name may go to another one later
        known = self._origins.get(number)
        if known is None:
            known = self._origins[number] = self._of_node(value.node(), depth)
        return known

    def _of_node(self, node: Any, depth: int) -> str:
        kind = node.kind()
        if kind == "prim::Constant":
            return "constant"
        if kind in _SIZES:
            return "size"
        if kind in ("prim::Param", "prim::GetAttr") or depth > MAX_ANCESTORS or any(draw in kind for draw in _DRAWS):
            return "data"
        origins = {self._of(source, depth + 1) for source in node.inputs()}
        return next((origin for origin in ("data", "size") if origin in origins), "constant")


def _look_at_tensor(tensor: torch.Tensor, digest: bool, graph: TracedGraph | None) -> Seen:
    if graph is not None:
        origin = graph.origin(tensor)
        if origin != "constant":
            return Seen(TRACED, origin)
        return Seen(TENSOR, paused(lambda: contents(tensor)))
    return Seen(TENSOR, contents(tensor) if digest else None)


def paused(function: Callable[[], Any]) -> Any:
    """`function()` with the tracer looking away, so that what it does leaves no node in the graph."""
    state = torch._C._get_tracing_state()
    torch._C._set_tracing_state(None)  # type: ignore[attr-defined]
    try:
        return function()
    finally:
        torch._C._set_tracing_state(state)  # type: ignore[attr-defined]


def _hash(raw: bytes) -> str:
    return hashlib.blake2b(raw, digest_size=12).hexdigest()
