"""Two outputs as trees: what differs in structure, and which of their tensors can be held against each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tsdash.nodes import Node, NotATree, Structure, flatten, unflatten
from tsdash.spec import StructureDifference

__all__ = [
    "Node",
    "NotATree",
    "Structure",
    "describe",
    "differences",
    "flatten",
    "leaves",
    "notes",
    "pairs",
    "unflatten",
]

ROOT = "output"
_SHOWN = 300  # characters of a description
_CONTAINERS = ("sequence", "mapping", "namedtuple", "dataclass", "object")

Pair = tuple[str, int, int]  # path, leaf of actual, leaf of expected


def differences(actual: Node, expected: Node) -> tuple[StructureDifference, ...]:
    """Everything in which the structure of the export's output is not that of eager's, values of tensors aside."""
    return tuple(met for met in _walk(ROOT, actual, expected) if isinstance(met, StructureDifference))


def pairs(actual: Node, expected: Node) -> list[Pair]:
    """The leaves of equal shape whose elements can be compared, with their path.

    Where a wrapper was lost or gained (a NamedTuple became a tuple, a list was put into a tuple) what is inside is still
    paired, so that the report can say that the values are equal and only names or nesting are lost.
    """
    return [met for met in _walk(ROOT, actual, expected) if isinstance(met, tuple)]


def leaves(structure: Node, path: str = ROOT) -> Iterator[tuple[str, int]]:
    """Path and position of every tensor and number of a structure."""
    if structure.leaf is not None:
        yield path, structure.leaf
    for index, child in enumerate(structure.children):
        yield from leaves(child, _below(path, structure, index))


def notes(structure: Node) -> tuple[str, ...]:
    """Sentences on what was changed to be comparable (dequantised, made dense) and on what cannot be compared at all."""
    return tuple(_notes(ROOT, structure))


def _notes(path: str, node: Node) -> Iterator[str]:
    if node.note and node.note != "enum":
        yield f"{path} ({node.type if node.kind == 'opaque' else node.dtype or node.type}): {node.note}"
    for index, child in enumerate(node.children):
        yield from _notes(_below(path, node, index), child)


def describe(node: Node) -> str:
    """A node in a few words: "list of 2", "NamedTuple Boxes(boxes, scores)", "float32 tensor of shape (2, 3)"."""
    return _clip(_DESCRIPTIONS[node.kind](node))


_DESCRIPTIONS: dict[str, Callable[[Node], str]] = {
    "tensor": lambda node: f"{node.dtype} {node.type} of shape {_shape(node)}",
    "scalar": lambda node: f"{node.type} {_value(node)}",
    "none": lambda node: "None",
    "sequence": lambda node: f"{node.type} of {len(node.children)}",
    "mapping": lambda node: f"{node.type} with keys {_keys(node)}",
    "namedtuple": lambda node: f"NamedTuple {node.type}({_keys(node)})",
    "dataclass": lambda node: f"dataclass {node.type}({_keys(node)})",
    "object": lambda node: node.type,
    "opaque": lambda node: node.type,
}


def _clip(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _shape(node: Node) -> str:
    return str(tuple(node.shape))


def _keys(node: Node) -> str:
    return ", ".join(node.keys) or "none"


def _value(node: Node) -> str:
    if node.type == "complex":
        return str(complex(*map(float, node.value.split())))
    return repr(node.value) if node.type == "str" else node.value


def _walk(path: str, actual: Node, expected: Node) -> Iterator[StructureDifference | Pair]:
    """Differences and pairs of two nodes and of all below them, in the order in which they are met."""
    yield from _of_the_nodes(path, actual, expected)
    if _comparable(actual, expected):
        assert actual.leaf is not None
        assert expected.leaf is not None
        yield path, actual.leaf, expected.leaf
    for below, actual_part, expected_part in _counterparts(path, actual, expected):
        yield from _walk(below, actual_part, expected_part)


def _sort(node: Node) -> tuple[str, str]:
    """What has to agree for two nodes to be of one type. Class names do not: a scripted NamedTuple is made again."""
    return node.kind, node.type if node.kind in ("sequence", "tensor", "scalar", "object", "opaque") else ""


def _of_the_nodes(path: str, actual: Node, expected: Node) -> Iterator[StructureDifference]:
    def found(what: str, expected: str, actual: str) -> StructureDifference:
        return StructureDifference(path=path, what=what, expected=_clip(expected), actual=_clip(actual))

    if _sort(actual) != _sort(expected):
        yield found("type", describe(expected), describe(actual))
        if actual.kind != "tensor" or expected.kind != "tensor":
            return
    if actual.kind == "tensor":
        if actual.shape != expected.shape:
            yield found("shape", _shape(expected), _shape(actual))
        if actual.dtype != expected.dtype:
            yield found("dtype", expected.dtype, actual.dtype)
        if actual.device != expected.device:
            yield found("device", expected.device, actual.device)
    elif actual.kind in ("mapping", "namedtuple", "dataclass"):
        if actual.keys != expected.keys:
            yield found("keys", _keys(expected), _keys(actual))
    elif len(actual.children) != len(expected.children):
        yield found("length", str(len(expected.children)), str(len(actual.children)))
    elif actual.kind == "scalar" and actual.value != expected.value and not _measured(expected):
        yield found("value", _value(expected), _value(actual))


def _measured(node: Node) -> bool:
    """Whether a scalar is compared as an element rather than for equality: rounding may differ there."""
    return node.kind == "scalar" and node.dtype in ("float64", "complex128")


def _comparable(actual: Node, expected: Node) -> bool:
    if actual.leaf is None or expected.leaf is None or actual.shape != expected.shape:
        return False
    if "meta" in (actual.device, expected.device):
        return False
    both_scalars = actual.kind == expected.kind == "scalar"
    return not both_scalars or actual.type != expected.type or _measured(expected)


def _counterparts(path: str, actual: Node, expected: Node) -> Iterator[tuple[str, Node, Node]]:
    """The parts of two nodes that belong together, by what the nodes are: same form, one inside the other, or by name or place."""
    if not _alike(actual, expected, shapes=False):
        inside = _inside(actual, expected) if actual.kind in _CONTAINERS else None
        if inside is not None:
            yield path, inside, expected
            return
        inside = _inside(expected, actual) if expected.kind in _CONTAINERS else None
        if inside is not None:
            yield path, actual, inside
            return
    if actual.kind not in _CONTAINERS or expected.kind not in _CONTAINERS:
        return
    for actual_index, expected_index in _matches(actual, expected):
        yield _below(path, expected, expected_index), actual.children[actual_index], expected.children[expected_index]


def _alike(one: Node, other: Node, *, shapes: bool) -> bool:
    """Whether two trees have the same form, and with `shapes` also tensors of the same shapes."""
    if _sort(one) != _sort(other) or one.keys != other.keys or len(one.children) != len(other.children):
        return False
    if shapes and one.shape != other.shape:
        return False
    return all(_alike(a, b, shapes=shapes) for a, b in zip(one.children, other.children, strict=True))


def _inside(container: Node, wanted: Node) -> Node | None:
    """The part of `container` that looks like `wanted`: a detector's script returns (losses, detections) for detections."""
    for shapes in (True, False):
        for child in container.children:
            if _alike(child, wanted, shapes=shapes):
                return child
    return None


def _matches(actual: Node, expected: Node) -> list[tuple[int, int]]:
    """Indices of the children that belong together: by name where both have names, else by place."""
    if actual.keys and expected.keys:
        places = {name: index for index, name in reversed(list(enumerate(_names(actual))))}
        named = [(places[name], index) for index, name in enumerate(_names(expected)) if name in places]
        if named or actual.kind == expected.kind == "mapping":
            return named
    present = [[i for i, child in enumerate(node.children) if child.kind != "none"] for node in (actual, expected)]
    if len(actual.children) != len(expected.children) and len(present[0]) == len(present[1]):
        return list(zip(*present, strict=True))  # a ModelOutput leaves out the fields that are None
    return list(zip(range(len(actual.children)), range(len(expected.children)), strict=False))


def _names(node: Node) -> list[str]:
    """Keys and fields in one form, so that the field `logits` meets the key 'logits'."""
    return [repr(key) for key in node.keys] if node.kind in ("namedtuple", "dataclass") else list(node.keys)


def _below(path: str, node: Node, index: int) -> str:
    """The path of a child as Python would write it."""
    if node.kind in ("namedtuple", "dataclass"):
        return f"{path}.{node.keys[index]}"
    return f"{path}[{node.keys[index] if node.kind == 'mapping' else index}]"
