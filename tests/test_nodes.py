"""Values taken apart into structure and tensors, and put together again."""

from __future__ import annotations

import dataclasses
import enum
import json
import threading
from collections import OrderedDict, UserDict, namedtuple
from typing import Any, NamedTuple

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from tsdash import nodes
from tsdash.nodes import Node, NotATree, flatten, unflatten
from tsdash.spec import from_json, to_json


class Boxes(NamedTuple):
    boxes: torch.Tensor
    scores: Any


@dataclasses.dataclass
class Answer:
    logits: Any
    state: Any = None


class Colour(enum.Enum):
    RED = 1


def through_json(node: Node) -> Node:
    return from_json(Node, json.loads(json.dumps(to_json(node))))


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(),
    st.sampled_from([torch.float16, torch.device("cpu"), torch.channels_last, 2**70, -(2**63)]),
)
KEYS = st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False))
VALUES = st.recursive(
    SCALARS | st.integers(0, 3).map(torch.arange),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(KEYS, inner, max_size=3),
        st.tuples(st.just(torch.ones(2)), inner).map(lambda pair: Boxes(*pair)),
    ),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    """Equal in type and value, NaN like NaN."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, Boxes):
        return other._fields == one._fields and all(map(same, one, other))
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return [repr(key) for key in one] == [repr(key) for key in other] and all(
            map(same, one.values(), other.values())
        )
    return repr(one) == repr(other)


@settings(max_examples=150)
@given(VALUES)
def test_a_value_comes_back_through_json_as_it_was(value: Any) -> None:
    """Containers, keys, numbers, strings and tensors survive the way into another process."""
    structure, leaves = flatten(value)
    assert same(value, unflatten(through_json(structure), leaves))


@settings(max_examples=60)
@given(VALUES)
def test_a_structure_survives_json(value: Any) -> None:
    """What is written to JSON reads back equal."""
    structure, _ = flatten(value)
    assert through_json(structure) == structure


def test_numpy_scalars_and_arrays_come_back() -> None:
    """numpy's numbers keep their type, arrays their values."""
    structure, leaves = flatten(
        [np.float32(1.5), np.float64(2.5), np.int8(3), np.bool_(True), np.complex64(1 + 2j), np.arange(3)]
    )
    back = unflatten(through_json(structure), leaves)
    assert [type(item) for item in back[:5]] == [np.float32, np.float64, np.int8, np.bool_, np.complex64]
    assert back[:5] == [1.5, 2.5, 3, True, 1 + 2j]
    np.testing.assert_array_equal(back[5], [0, 1, 2])


def test_a_tensor_that_occurs_twice_is_one_leaf() -> None:
    """Inputs that share memory share it in the other process too."""
    tensor = torch.ones(2)
    structure, leaves = flatten((tensor, {"again": tensor}))
    back = unflatten(structure, leaves)
    assert len(leaves) == 1
    assert back[0] is back[1]["again"]


def test_leaves_are_detached_and_plain() -> None:
    """A parameter is a tensor like any other, without its history."""
    _, (leaf,) = flatten(torch.nn.Parameter(torch.ones(2)))
    assert type(leaf) is torch.Tensor
    assert not leaf.requires_grad


@pytest.mark.parametrize(
    ("tensor", "dtype", "note"),
    [
        (torch.quantize_per_tensor(torch.ones(2), 0.5, 0, torch.quint8), "quint8", "dequantised from quint8"),
        (torch.eye(2).to_sparse(), "float32", "made dense from sparse_coo"),
        (torch.eye(2).to_sparse_csr(), "float32", "made dense from sparse_csr"),
    ],
)
def test_what_is_stored_otherwise_is_made_dense_and_said_so(tensor: torch.Tensor, dtype: str, note: str) -> None:
    """Quantised and sparse tensors are compared by their values; the structure tells what they were."""
    structure, (leaf,) = flatten(tensor)
    assert (structure.dtype, structure.note) == (dtype, note)
    assert leaf.layout == torch.strided
    assert not leaf.is_quantized


def test_a_sparse_tensor_is_rebuilt_sparse_and_a_quantised_one_refused() -> None:
    """Inputs reach the other process in their own layout, or not at all."""
    structure, leaves = flatten(torch.eye(2).to_sparse())
    assert unflatten(structure, leaves).layout == torch.sparse_coo
    with pytest.raises(NotATree, match="quint8"):
        unflatten(*flatten(torch.quantize_per_tensor(torch.ones(2), 0.5, 0, torch.quint8)))


def test_a_nested_tensor_is_taken_apart() -> None:
    """The components of a nested tensor are leaves of their own shapes."""
    structure, leaves = flatten(torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]))
    assert (structure.type, [child.shape for child in structure.children]) == ("nested tensor", [(2,), (3,)])
    assert len(leaves) == 2


def test_a_result_of_torch_has_named_fields() -> None:
    """`torch.max` over a dimension returns something that is no plain tuple."""
    structure, _ = flatten(torch.ones(2, 3).max(dim=0))
    assert (structure.kind, structure.keys) == ("namedtuple", ("values", "indices"))


def test_mappings_of_every_class_keep_their_order() -> None:
    """OrderedDict and dict are one type; other mappings keep their name."""
    ordered = OrderedDict(a=1, b=2)
    ordered.move_to_end("a")
    assert flatten(ordered)[0].keys == ("'b'", "'a'")
    assert flatten(ordered)[0].type == flatten({})[0].type == "dict"
    assert flatten(UserDict(a=1))[0].type == "UserDict"


def test_a_class_that_torch_can_take_apart_is_taken_apart() -> None:
    """A container registered with torch's pytree is no black box."""

    class Cache:
        def __init__(self, keys: torch.Tensor) -> None:
            self.keys = keys

    torch.utils._pytree.register_pytree_node(Cache, lambda cache: ([cache.keys], None), lambda parts, _: Cache(*parts))
    structure, leaves = flatten(Cache(torch.ones(2)))
    assert (structure.kind, structure.type, len(leaves)) == ("object", "Cache", 1)


@pytest.mark.parametrize("value", [threading.Lock(), (x for x in ()), lambda: None, object(), b"bytes", {1, 2}])
def test_what_cannot_be_compared_is_opaque(value: Any) -> None:
    """Locks, generators, functions and other objects are known by the name of their type alone."""
    structure, leaves = flatten(value)
    assert (structure.kind, structure.type, leaves) == ("opaque", type(value).__name__, [])


def hostile(base: type, method: str) -> Any:
    def refuse(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("hostile")

    return type("Hostile", (base,), {method: refuse})


@pytest.mark.parametrize(
    ("base", "arguments", "methods"),
    [
        (dict, ({"a": 1},), ("items", "keys", "__iter__", "__getitem__", "__len__", "__eq__", "__repr__")),
        (list, ([1, 2],), ("__iter__", "__len__", "__getitem__", "__repr__")),
        (tuple, ([1, 2],), ("__iter__", "__len__", "__getitem__", "__repr__")),
        (int, (3,), ("__repr__", "__int__", "__index__", "__eq__", "__str__", "__pos__")),
        (float, (3.5,), ("__repr__", "__float__", "__eq__", "__str__", "__pos__")),
        (str, ("text",), ("__repr__", "__str__", "__eq__", "__len__")),
    ],
)
def test_overridden_methods_are_never_called(base: type, arguments: tuple[Any, ...], methods: tuple[str, ...]) -> None:
    """A subclass that raises in its methods is read as what it derives from."""
    for method in methods:
        structure, _ = flatten(hostile(base, method)(*arguments))
        assert structure.kind != "opaque", method


def test_a_part_that_raises_is_opaque_and_the_rest_is_read() -> None:
    """Reading goes on where a mapping's own code fails, and leaves no tensor behind."""

    class Broken(UserDict):  # type: ignore[type-arg]
        def items(self) -> Any:
            raise RuntimeError("broken")

    structure, leaves = flatten([Broken(a=torch.ones(1)), torch.ones(2)])
    assert [child.kind for child in structure.children] == ["opaque", "tensor"]
    assert structure.children[0].note == "reading it raised RuntimeError"
    assert [leaf.shape for leaf in leaves] == [(2,)]


def test_a_tensor_subclass_is_not_asked() -> None:
    """`__torch_function__` of a user's tensor never runs while it is read."""

    class Loud(torch.Tensor):
        @classmethod
        def __torch_function__(cls, *args: Any, **kwargs: Any) -> Any:
            raise RuntimeError("asked")

    structure, (leaf,) = flatten(torch.ones(2).as_subclass(Loud))
    assert structure.kind == "tensor"
    assert type(leaf) is torch.Tensor


def test_a_cycle_is_refused() -> None:
    """A list that contains itself has no end."""
    value: list[Any] = []
    value.append({"again": value})
    with pytest.raises(NotATree, match="output is not a tree of tensors: a list contains itself"):
        flatten(value)


def test_one_part_in_two_places_is_no_cycle() -> None:
    """A shared part is read twice."""
    part = [torch.ones(1)]
    assert len(flatten([part, part])[0].children) == 2


def test_deep_and_wide_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than 64 levels, 100,000 parts or 16 million characters are no output that can be compared."""
    value: Any = 1
    for _ in range(64):
        value = [value]
    assert flatten(value)[0].kind == "sequence"
    with pytest.raises(NotATree, match="64 levels"):
        flatten([value])
    monkeypatch.setattr(nodes, "MAX_NODES", 100)
    with pytest.raises(NotATree, match="100 parts"):
        flatten([0] * 100)
    monkeypatch.setattr(nodes, "MAX_TEXT", 10)
    with pytest.raises(NotATree, match="longer than 10"):
        flatten(["abcdef", "abcdef"])


@pytest.mark.parametrize(
    "value", [Answer(1), Colour.RED, threading.Lock(), {(1, 2): 3}, torch.nested.nested_tensor([torch.ones(1)])]
)
def test_what_needs_its_class_cannot_be_rebuilt(value: Any) -> None:
    """The other process does not know the user's classes, and the message says what to pass instead."""
    with pytest.raises(NotATree, match="cannot be rebuilt"):
        unflatten(*flatten(value))


def test_a_namedtuple_is_rebuilt_with_the_same_fields() -> None:
    """A NamedTuple comes back under its name, without its module."""
    back = unflatten(*flatten(namedtuple("Pair", "left right")(1, 2)))
    assert (type(back).__name__, back.left, back.right) == ("Pair", 1, 2)
