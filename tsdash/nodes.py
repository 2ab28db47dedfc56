"""Nested values as a JSON-able structure and a list of tensors, and back again in another process.

Outputs come from users' models: nothing here calls a method that a class of theirs could have overridden without a guard.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree

MAX_DEPTH = 64
MAX_NODES = 100_000
MAX_TEXT = 16 * 1024 * 1024  # characters of all strings and keys together
MAX_DENSE = 2**28  # elements that a sparse tensor may have when made dense


class NotATree(ValueError):
    """An output that has no end, or no place in another process."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"output is not a tree of tensors: {reason}")


@dataclass(frozen=True, kw_only=True)
class Node:
    """One node of an output's structure, and all below it.

    kind      tensor | scalar | none | sequence | mapping | namedtuple | dataclass | object | opaque
    type      what Python calls it: "list", "tuple", "dict", "int", "sparse_coo tensor", a class's name
    keys      of a mapping as Python literals, of a namedtuple or dataclass its fields
    leaf      position in the list of tensors; numbers have one too, so that float 0.1 can be held against float 0.1000001
    value     of a scalar, as text that `unflatten` reads back
    note      how a tensor was changed to be comparable
    """

    kind: str
    type: str = ""
    keys: tuple[str, ...] = ()
    children: tuple[Node, ...] = ()
    leaf: int | None = None
    shape: tuple[int, ...] = ()
    dtype: str = ""
    device: str = ""
    value: str = ""
    note: str = ""


Structure = Node  # a whole output is known by its root


@dataclass
class _Reading:
    """What one call of `flatten` has met so far."""

    leaves: list[torch.Tensor] = field(default_factory=list)
    seen: dict[int, tuple[Any, Node]] = field(
        default_factory=dict
    )  # by id; the object is held so that the id stays its own
    above: set[int] = field(default_factory=set)  # ids of the containers around the current node
    nodes: int = 0
    text: int = 0

    def add(self, leaf: torch.Tensor) -> int:
        self.leaves.append(leaf)
        return len(self.leaves) - 1

    def keep(self, text: str) -> str:
        self.text += len(text)
        if self.text > MAX_TEXT:
            raise NotATree(f"its strings are longer than {MAX_TEXT:,} characters together")
        return text


def flatten(value: Any) -> tuple[Node, list[torch.Tensor]]:
    """The structure of a nested output and its tensors, detached and dense, each once however often it occurs.

    Raises NotATree for a cycle, for more than 64 levels and for more than 100,000 nodes.
    """
    reading = _Reading()
    with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
        return _read(value, reading), reading.leaves


def _read(value: Any, reading: _Reading) -> Node:
    """The node of `value`; opaque where reading it fails, because its class may do anything."""
    reading.nodes += 1
    if reading.nodes > MAX_NODES:
        raise NotATree(f"it has more than {MAX_NODES:,} parts")
    if len(reading.above) > MAX_DEPTH:
        raise NotATree(f"it is nested more than {MAX_DEPTH} levels deep")
    if id(value) in reading.above:
        raise NotATree(f"a {type(value).__name__} contains itself")
    kept = len(reading.leaves)
    try:
        reader = next(read for belongs, read in _READERS if belongs(type(value)))
        return reader(value, reading)
    except NotATree:
        raise
    except Exception as error:
        del reading.leaves[kept:]
        return Node(kind="opaque", type=_name(type(value)), note=f"reading it raised {type(error).__name__}")


def _name(kind: type) -> str:
    return str(type.__getattribute__(kind, "__name__"))


def _children(value: Any, parts: Iterable[Any], reading: _Reading) -> tuple[Node, ...]:
    reading.above.add(id(value))
    try:
        return tuple(_read(part, reading) for part in parts)
    finally:
        reading.above.discard(id(value))


def _read_tensor(value: torch.Tensor, reading: _Reading) -> Node:
    if id(value) in reading.seen:
        return reading.seen[id(value)][1]
    plain = value.detach()
    facts: dict[str, Any] = {"dtype": str(value.dtype).removeprefix("torch."), "device": str(value.device)}
    if plain.is_nested:
        return Node(
            kind="sequence",
            type="nested tensor",
            children=_children(value, plain.unbind(), reading),
            note="taken apart into its tensors",
        )
    layout = str(plain.layout).removeprefix("torch.").lstrip("_")
    if plain.is_quantized:
        plain, facts["note"] = plain.dequantize(), f"dequantised from {facts['dtype']}"
    elif layout != "strided":
        if plain.numel() > MAX_DENSE:
            return Node(
                kind="opaque", type=f"{layout} tensor", note=f"too large to be made dense, over {MAX_DENSE:,} elements"
            )
        plain, facts["note"] = plain.to_dense(), f"made dense from {layout}"
    kind = "tensor" if layout == "strided" else f"{layout} tensor"
    node = Node(
        kind="tensor", type=kind, leaf=reading.add(plain.as_subclass(torch.Tensor)), shape=tuple(plain.shape), **facts
    )
    reading.seen[id(value)] = (value, node)
    return node


def _read_array(value: Any, reading: _Reading) -> Node:
    array = np.array(value, copy=True, subok=False)
    leaf = reading.add(torch.from_numpy(array))
    return Node(kind="tensor", type="ndarray", leaf=leaf, shape=array.shape, dtype=str(array.dtype), device="cpu")


def _read_number(value: Any, reading: _Reading) -> Node:
    """A Python number; the base class's own method gives an exact copy of one of its subclasses."""
    bases: tuple[tuple[Any, torch.dtype], ...] = (
        (bool, torch.bool),
        (int, torch.int64),
        (float, torch.float64),
        (complex, torch.complex128),
    )
    base, dtype = next((base, dtype) for base, dtype in bases if issubclass(type(value), base))
    plain = value if base is bool else base.__pos__(value)
    name = f"numpy.{_name(type(value))}" if type(value).__module__ == "numpy" else _name(type(value))
    text = reading.keep(_write_number(plain))
    if base is int and not -(2**63) <= plain < 2**63:
        return Node(kind="scalar", type=name, value=text)
    leaf = reading.add(torch.tensor(plain, dtype=dtype))
    return Node(kind="scalar", type=name, value=text, leaf=leaf, dtype=str(dtype).removeprefix("torch."), device="cpu")


def _write_number(number: complex) -> str:
    if isinstance(number, complex):
        return f"{number.real!r} {number.imag!r}"
    # Python refuses to print or read decimal integers beyond 4,300 digits.
    return hex(number) if isinstance(number, int) and number.bit_length() > 10_000 else repr(number)


def _read_numpy_scalar(value: Any, reading: _Reading) -> Node:
    node = _read_number(value.item(), reading)
    return dataclasses.replace(node, type=f"numpy.{_name(type(value))}")


def _read_string(value: str, reading: _Reading) -> Node:
    return Node(kind="scalar", type=_name(type(value)), value=reading.keep(str.__str__(value)))


def _read_torch_name(value: Any, reading: _Reading) -> Node:
    return Node(kind="scalar", type=_name(type(value)), value=str(value).removeprefix("torch."))


def _read_enum(value: Any, reading: _Reading) -> Node:
    return Node(
        kind="scalar",
        type=_name(type(value)),
        value=reading.keep(str(object.__getattribute__(value, "_name_"))),
        note="enum",
    )


def _read_dataclass(value: Any, reading: _Reading) -> Node:
    names = tuple(f.name for f in dataclasses.fields(value))
    parts = (object.__getattribute__(value, name) for name in names)
    return Node(kind="dataclass", type=_name(type(value)), keys=names, children=_children(value, parts, reading))


def _field_names(kind: type) -> tuple[str, ...] | None:
    """The fields of a NamedTuple or of one of torch's own result tuples; None for a plain tuple."""
    names = getattr(kind, "_fields", None)
    if names is None and hasattr(kind, "n_sequence_fields"):
        names = getattr(kind, "__match_args__", None)
    return tuple(str(name) for name in names) if isinstance(names, tuple) else None


def _read_sequence(value: Any, reading: _Reading) -> Node:
    is_list = issubclass(type(value), list)
    children = _children(value, (list if is_list else tuple).__iter__(value), reading)
    names = None if is_list else _field_names(type(value))
    if names is not None and len(names) == len(children):
        return Node(kind="namedtuple", type=_name(type(value)), keys=names, children=children)
    return Node(kind="sequence", type="list" if is_list else "tuple", children=children)


def _read_mapping(value: Any, reading: _Reading) -> Node:
    base: Any = (
        OrderedDict if issubclass(type(value), OrderedDict) else dict if issubclass(type(value), dict) else type(value)
    )
    items = list(base.items(value))
    keys = tuple(reading.keep(_write_key(key)) for key, _ in items)
    name = "dict" if issubclass(type(value), dict) else _name(type(value))
    return Node(kind="mapping", type=name, keys=keys, children=_children(value, (item for _, item in items), reading))


def _write_key(key: Any) -> str:
    return repr(key) if type(key) in (str, int, float, bool, type(None)) else f"<{_name(type(key))}>"


def _read_registered(value: Any, reading: _Reading) -> Node:
    """A class that its library taught torch to take apart, such as a cache of keys and values."""
    parts, _ = _pytree.SUPPORTED_NODES[type(value)].flatten_fn(value)
    return Node(kind="object", type=_name(type(value)), children=_children(value, parts, reading))


def _is_kind_of(*bases: type) -> Callable[[type], bool]:
    return lambda kind: issubclass(kind, bases)


_READERS: tuple[tuple[Callable[[type], bool], Callable[[Any, _Reading], Node]], ...] = (
    (_is_kind_of(type(None)), lambda value, reading: Node(kind="none", type="None")),
    (_is_kind_of(torch.Tensor), _read_tensor),
    (_is_kind_of(np.ndarray), _read_array),
    (_is_kind_of(enum.Enum), _read_enum),
    (_is_kind_of(bool, int, float, complex), _read_number),
    (_is_kind_of(np.generic), _read_numpy_scalar),
    (_is_kind_of(str), _read_string),
    (_is_kind_of(torch.dtype, torch.device, torch.layout, torch.memory_format), _read_torch_name),
    (dataclasses.is_dataclass, _read_dataclass),
    (_is_kind_of(tuple, list), _read_sequence),
    (_is_kind_of(dict), _read_mapping),
    (lambda kind: kind in _pytree.SUPPORTED_NODES, _read_registered),
    (_is_kind_of(Mapping), _read_mapping),
    (lambda kind: True, lambda value, reading: Node(kind="opaque", type=_name(type(value)), note="cannot be compared")),
)


def unflatten(structure: Node, leaves: list[torch.Tensor]) -> Any:
    """The value that `flatten` took apart, in a process that need not know its classes.

    A NamedTuple comes back as one with the same fields. Raises NotATree for what cannot be rebuilt.
    """
    if structure.kind == "none":
        return None
    if structure.kind == "tensor":
        return _rebuild_tensor(structure, leaves)
    if structure.kind == "scalar":
        return _rebuild_scalar(structure)
    if structure.kind in ("dataclass", "object", "opaque") or structure.type == "nested tensor":
        raise NotATree(
            f"a {structure.type} ({structure.kind}) cannot be rebuilt in a process that does not know its class; pass tensors, numbers, lists, tuples or dicts"
        )
    parts = [unflatten(child, leaves) for child in structure.children]
    if structure.kind == "mapping":
        return dict(zip((_rebuild_key(key) for key in structure.keys), parts, strict=True))
    if structure.kind == "namedtuple":
        return namedtuple(structure.type, structure.keys)(*parts)
    return parts if structure.type == "list" else tuple(parts)


def _rebuild_tensor(structure: Node, leaves: list[torch.Tensor]) -> Any:
    assert structure.leaf is not None
    leaf = leaves[structure.leaf]
    if structure.type == "ndarray":
        return leaf.numpy()
    if structure.note.startswith("dequantised"):
        raise NotATree(
            f"a {structure.dtype} tensor cannot be rebuilt from its values; pass floats and quantise in forward"
        )
    if structure.type != "tensor":
        return leaf.to_sparse(layout=getattr(torch, structure.type.removesuffix(" tensor")))
    return leaf


def _rebuild_scalar(structure: Node) -> Any:
    kind, text = structure.type, structure.value
    if kind.startswith("numpy."):
        plain = (
            complex(*map(float, text.split()))
            if " " in text
            else text == "True"
            if kind == "numpy.bool"
            else float(text)
            if "float" in kind
            else int(text, 0)
        )
        return getattr(np, kind.removeprefix("numpy."))(plain)
    builders: dict[str, Callable[[str], Any]] = {
        "bool": lambda text: text == "True",
        "int": lambda text: int(text, 0),
        "float": float,
        "complex": lambda text: complex(*map(float, text.split())),
        "str": str,
        "dtype": lambda text: getattr(torch, text),
        "layout": lambda text: getattr(torch, text),
        "memory_format": lambda text: getattr(torch, text),
        "device": torch.device,
    }
    if structure.note == "enum" or kind not in builders:
        raise NotATree(
            f"a {kind} cannot be rebuilt in a process that does not know its class; pass a plain number or string"
        )
    return builders[kind](text)


def _rebuild_key(key: str) -> Any:
    constants = {"None": None, "True": True, "False": False}
    if key in constants:
        return constants[key]
    if key.startswith("<"):
        raise NotATree(
            f"a dict with a key of type {key} cannot be rebuilt in another process; use strings or numbers as keys"
        )
    return _literal(key)


def _literal(key: str) -> str | int | float:
    if key[:1] in "'\"":
        return str(ast.literal_eval(key))
    try:
        return int(key)
    except ValueError:
        return float(key)
