"""What differs between the structures of two outputs, and which of their tensors are compared."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from typing import Any, NamedTuple

import pytest
import torch

from tsdash import tree
from tsdash.spec import StructureDifference


class Boxes(NamedTuple):
    boxes: Any
    scores: Any


class Again(NamedTuple):
    boxes: Any
    scores: Any


@dataclasses.dataclass
class Answer:
    logits: Any
    hidden: Any = None
    attention: Any = None


ONE, TWO = torch.ones(2), torch.ones(3)


def compared(actual: Any, expected: Any) -> tuple[list[tuple[str, str, str, str]], list[str]]:
    """Differences as (path, what, expected, actual), and the paths of the tensors that are compared."""
    a, e = tree.flatten(actual)[0], tree.flatten(expected)[0]
    differences = [(d.path, d.what, d.expected, d.actual) for d in tree.differences(a, e)]
    return differences, [path for path, _, _ in tree.pairs(a, e)]


@pytest.mark.parametrize(
    "value",
    [
        ONE,
        (ONE, [TWO, None, 3, 2.5, "text"]),
        {"a": ONE, 1: TWO},
        Boxes(ONE, TWO),
        Answer(ONE),
        torch.ones(2, 3).max(0),
    ],
)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    """The same structure has no difference, and every tensor is compared."""
    differences, paths = compared(value, value)
    assert differences == []
    assert len(paths) >= 1


def test_paths_read_like_python() -> None:
    """A path is what one would write to get there."""
    _, paths = compared(*[{"logits": ONE, 0: [TWO, Boxes(ONE, {"x": ONE})], "more": Answer(ONE)}] * 2)
    assert paths == [
        "output['logits']",
        "output[0][0]",
        "output[0][1].boxes",
        "output[0][1].scores['x']",
        "output['more'].logits",
    ]


def test_a_float_is_compared_as_an_element() -> None:
    """A Python float may differ by rounding: it is measured, not held equal."""
    assert compared([0.1], [0.1000001]) == ([], ["output[0]"])


@pytest.mark.parametrize(
    ("actual", "expected", "difference"),
    [
        (4, 3, ("output", "value", "3", "4")),
        ("b", "a", ("output", "value", "'a'", "'b'")),
        (True, 1, ("output", "type", "int 1", "bool True")),
        (None, 3, ("output", "type", "int 3", "None")),
        ([ONE], (ONE,), ("output", "type", "tuple of 1", "list of 1")),
        ([1], [1, 2], ("output", "length", "2", "1")),
        ({"a": 1}, {"b": 1}, ("output", "keys", "'b'", "'a'")),
        ({"b": 1, "a": 2}, {"a": 2, "b": 1}, ("output", "keys", "'a', 'b'", "'b', 'a'")),
        (torch.ones(2), torch.ones(3), ("output", "shape", "(3,)", "(2,)")),
        (torch.ones(2), torch.ones(2).double(), ("output", "dtype", "float64", "float32")),
        (torch.ones(2), torch.ones(2, device="meta"), ("output", "device", "meta", "cpu")),
        ((ONE, TWO), Boxes(ONE, TWO), ("output", "type", "NamedTuple Boxes(boxes, scores)", "tuple of 2")),
        (
            {"logits": ONE},
            Answer(ONE),
            ("output", "type", "dataclass Answer(logits, hidden, attention)", "dict with keys 'logits'"),
        ),
        (torch.tensor(3.0), 3.0, ("output", "type", "float 3.0", "float32 tensor of shape ()")),
        (ONE.numpy(), ONE, ("output", "type", "float32 tensor of shape (2,)", "float32 ndarray of shape (2,)")),
        (object(), ONE, ("output", "type", "float32 tensor of shape (2,)", "object")),
    ],
)
def test_a_difference_says_what_was_expected_and_what_came(
    actual: Any, expected: Any, difference: tuple[str, ...]
) -> None:
    """Each kind of difference is named, eager's side first."""
    assert compared(actual, expected)[0] == [difference]


def test_equal_types_under_other_names_do_not_differ() -> None:
    """OrderedDict and dict are the same, and so is a NamedTuple that was made again."""
    assert compared(OrderedDict(a=ONE), {"a": ONE})[0] == []
    assert compared(Again(ONE, TWO), Boxes(ONE, TWO))[0] == []


def test_lost_names_leave_the_values_comparable() -> None:
    """A NamedTuple or dataclass that became a tuple or dict is still compared, part by part."""
    assert compared((ONE, TWO), Boxes(ONE, TWO))[1] == ["output.boxes", "output.scores"]
    assert compared({"scores": TWO, "boxes": ONE}, Boxes(ONE, TWO))[1] == ["output.boxes", "output.scores"]
    assert compared((ONE, TWO), Answer(ONE, None, TWO))[1] == ["output.logits", "output.attention"]


def test_dtype_and_device_differences_do_not_stop_the_comparison() -> None:
    """Values of two dtypes are compared; those on meta do not exist."""
    assert compared(ONE.double(), ONE)[1] == ["output"]
    assert compared(torch.tensor(3.0), 3.0)[1] == ["output"]
    assert compared(ONE, torch.ones(2, device="meta"))[1] == []


def test_keys_in_common_are_compared() -> None:
    """A key that is missing takes nothing but itself out of the comparison, and an order that changed nothing."""
    assert compared({"a": ONE, "b": TWO}, {"b": TWO, "c": ONE})[1] == ["output['b']"]
    assert compared({"a": ONE, "b": TWO}, {"b": TWO, "a": ONE})[1] == ["output['b']", "output['a']"]


def test_a_tensor_in_a_tuple_is_found() -> None:
    """A tensor that became a tuple has changed, and is compared with the part that looks like it."""
    differences, paths = compared((ONE, TWO), TWO)
    assert differences == [("output", "type", "float32 tensor of shape (3,)", "tuple of 2")]
    assert paths == ["output"]
    assert compared(TWO, (TWO,))[1] == ["output"]


def test_detections_are_found_beside_the_losses() -> None:
    """Scripted detectors return (losses, detections) where eager returns detections."""
    detections = [{"boxes": ONE, "labels": TWO}, {"boxes": TWO, "labels": ONE}]
    differences, paths = compared(({}, detections), detections)
    assert differences == [("output", "type", "list of 2", "tuple of 2")]
    assert paths == ["output[0]['boxes']", "output[0]['labels']", "output[1]['boxes']", "output[1]['labels']"]


def test_differences_below_a_difference_are_told_too() -> None:
    """One difference does not hide the next."""
    assert [d[:2] for d in compared([TWO, 3], (ONE, 4))[0]] == [
        ("output", "type"),
        ("output[0]", "shape"),
        ("output[1]", "value"),
    ]


def test_notes_say_what_was_changed_and_what_is_left_out() -> None:
    """Dequantised and opaque parts are named with their path."""
    structure, _ = tree.flatten([torch.quantize_per_tensor(ONE, 0.5, 0, torch.quint8), object()])
    assert tree.notes(structure) == (
        "output[0] (quint8): dequantised from quint8",
        "output[1] (object): cannot be compared",
    )


def test_a_long_description_is_cut() -> None:
    """A difference stays readable whatever the size of the output."""
    (found,) = tree.differences(tree.flatten({str(i): i for i in range(1000)})[0], tree.flatten([])[0])
    assert isinstance(found, StructureDifference)
    assert len(found.actual) == 300
    assert found.actual.endswith("…")
