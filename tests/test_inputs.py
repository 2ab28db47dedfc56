"""The inputs of a case: the same bits every time, changed in the one respect that was asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
import torch

from tsdash import inputs
from tsdash.errors import OptionError
from tsdash.spec import Case, TensorFacts
from tsdash.transforms import LAYOUTS, TRANSFORMS


class Boxes(NamedTuple):
    corners: torch.Tensor
    label: str


class Detection:
    """Stands in for a loaded model whose inputs are a list of images, a dict and a mask."""

    dims: Mapping[str, int] = {"batch": 2, "height": 6, "width": 4}

    def inputs(self, dims: dict[str, int] | None = None, *, seed: int = 0) -> tuple[tuple[Any, ...], dict[str, Any]]:
        batch, height, width = (self.dims | (dims or {})).values()
        torch.manual_seed(seed)
        images = [torch.randn(3, height, width) for _ in range(batch)]
        ids = torch.randint(2, 30, (batch, width))
        boxes = Boxes(torch.rand(batch, 4), "corner")
        return (images, {"ids": ids, "boxes": boxes}, 0.5), {"mask": torch.zeros(height, dtype=torch.bool)}


class Windows:
    """Stands in for a model whose height must be a multiple of 4 and whose batch of 0 means one without a batch axis."""

    dims: Mapping[str, int] = {"batch": 1, "height": 4, "steps": 3}

    def inputs(self, dims: dict[str, int] | None = None, *, seed: int = 0) -> tuple[tuple[Any, ...], dict[str, Any]]:
        batch, height, _ = (self.dims | (dims or {})).values()
        if height % 4:
            raise ValueError("height must be a multiple of 4")
        return (torch.zeros(*([batch] if batch else []), height // 2),), {}


BASE = Case(id="c1", dims=dict(Detection.dims))


@pytest.mark.parametrize("values", sorted(TRANSFORMS))
def test_the_same_case_gives_the_same_inputs(values: str) -> None:
    """Bit for bit, whatever was drawn in between."""
    case = replace(BASE, values=values)
    first = inputs.build(Detection(), case)
    torch.randn(7)
    assert inputs.same(first, inputs.build(Detection(), case))


def test_another_seed_gives_other_inputs() -> None:
    """Both the given values and those that a transform draws."""
    for values in ("given", "normal", "shuffled"):
        case = replace(BASE, values=values)
        assert not inputs.same(inputs.build(Detection(), case), inputs.build(Detection(), replace(case, seed=1)))


def test_drawn_values_are_not_the_given_ones() -> None:
    """A transform has a seed of its own: that of make_inputs would draw what make_inputs drew."""

    class Normal(Detection):
        def inputs(
            self, dims: dict[str, int] | None = None, *, seed: int = 0
        ) -> tuple[tuple[Any, ...], dict[str, Any]]:
            torch.manual_seed(seed)
            return (torch.randn(2, 3),), {}

    given, drawn = (inputs.build(Normal(), replace(BASE, values=values))[0][0] for values in ("given", "normal"))
    assert not torch.equal(given, drawn)


def test_values_reach_every_tensor_in_the_nest() -> None:
    """Lists, dicts and NamedTuples keep their type, and what is no tensor is left alone."""
    (images, record, threshold), kwargs = inputs.build(Detection(), replace(BASE, values="zeros"))
    assert [image.abs().sum().item() for image in images] == [0.0, 0.0]
    assert (type(record["boxes"]), record["boxes"].label, threshold) == (Boxes, "corner", 0.5)
    assert record["boxes"].corners.sum() == record["ids"].sum() == kwargs["mask"].sum() == 0


def test_inputs_that_a_transform_does_not_change_are_the_base_inputs() -> None:
    """So that a case which repeats the base case can be told."""

    class Ids(Detection):
        def inputs(
            self, dims: dict[str, int] | None = None, *, seed: int = 0
        ) -> tuple[tuple[Any, ...], dict[str, Any]]:
            return (torch.tensor([[4, 2], [9, 3]]),), {}

    base = inputs.build(Ids(), BASE)
    assert inputs.same(base, inputs.build(Ids(), replace(BASE, values="x100")))
    assert not inputs.same(base, inputs.build(Ids(), replace(BASE, values="shuffled", seed=1)))


def test_a_float_dtype_leaves_integers_and_masks() -> None:
    """float16 for module and inputs, or for the inputs alone."""
    for dtype in ("float16", "inputs:float16"):
        (images, record, _), kwargs = inputs.build(Detection(), replace(BASE, dtype=dtype))
        assert [images[0].dtype, record["ids"].dtype, kwargs["mask"].dtype] == [torch.float16, torch.int64, torch.bool]


def test_an_integer_dtype_leaves_floats_and_masks() -> None:
    """Ids of 32 bits instead of 64."""
    (images, record, _), kwargs = inputs.build(Detection(), replace(BASE, dtype="inputs:int32"))
    assert [images[0].dtype, record["ids"].dtype, kwargs["mask"].dtype] == [torch.float32, torch.int32, torch.bool]


def test_a_dtype_says_what_it_is_for() -> None:
    """Module and inputs, or the inputs alone."""
    found = [inputs.parse_dtype(dtype) for dtype in ("given", "float16", "inputs:float16")]
    assert found == [("all", "given"), ("all", "float16"), ("inputs", "float16")]
    with pytest.raises(OptionError, match="Did you mean bfloat16"):
        inputs.parse_dtype("bfloat1")


def test_layout_survives_the_device() -> None:
    """Strides are made where the case runs."""
    (images, *_), _ = inputs.build(Detection(), replace(BASE, device="meta", layout="strided"))
    assert (images[0].device.type, images[0].stride()) == ("meta", (48, 8, 2))


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_a_layout_changes_no_value(layout: str) -> None:
    """Element for element the same inputs as in the base case."""
    base = inputs.paths(*inputs.build(Detection(), BASE))
    laid_out = inputs.paths(*inputs.build(Detection(), replace(BASE, layout=layout)))
    assert {path: torch.equal(tensor, laid_out[path]) for path, tensor in base.items()} == dict.fromkeys(base, True)


def test_paths_read_as_python() -> None:
    """Every tensor by where it sits, with its shape and dtype."""
    facts = inputs.describe(*Detection().inputs({"batch": 1}))
    assert facts == (
        TensorFacts(path="args[0][0]", shape=(3, 6, 4), dtype="float32"),
        TensorFacts(path="args[1]['ids']", shape=(1, 4), dtype="int64"),
        TensorFacts(path="args[1]['boxes'][0]", shape=(1, 4), dtype="float32"),
        TensorFacts(path="kwargs['mask']", shape=(6,), dtype="bool"),
    )


def test_a_nest_keeps_its_types() -> None:
    """An OrderedDict stays one, with its order, and the original is left as it was."""
    record = OrderedDict(b=torch.zeros(2), a=[torch.ones(1), "text"])
    changed = inputs.nest(lambda tensor: tensor + 1, record)
    assert (type(changed), list(changed), changed["a"][1]) == (OrderedDict, ["b", "a"], "text")
    assert (changed["b"].sum().item(), record["b"].sum().item()) == (2.0, 0.0)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (torch.tensor([float("nan")]), torch.tensor([float("nan")]), True),
        (torch.tensor([0.0]), torch.tensor([-0.0]), False),
        (torch.zeros(2), torch.zeros(2, dtype=torch.float64), False),
        (torch.zeros(2, 2), torch.zeros(2, 2).t(), False),
        (torch.zeros(0, 4)[:, ::2], torch.zeros(0, 4)[:, ::2], True),
        (torch.zeros(1, 2)[:, ::2], torch.ones(1, 2)[:, ::2], False),
        ([torch.zeros(1)], (torch.zeros(1),), False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
        ((1, "x", None), (1, "x", None), True),
    ],
)
def test_same_inputs_agree_in_everything(one: Any, other: Any, expected: bool) -> None:
    """Bits, dtypes, strides, structure and order."""
    assert inputs.same(one, other) is expected


def test_axes_that_move_with_a_dim_are_found() -> None:
    """By the shapes alone, in lists, dicts and keyword arguments; a batch that is a list's length moves no axis of it."""
    assert inputs.moving_axes(Detection(), Detection.dims) == {
        "args[0][0]": {1: "height", 2: "width"},
        "args[0][1]": {1: "height", 2: "width"},
        "args[1]['ids']": {0: "batch", 1: "width"},
        "args[1]['boxes'][0]": {0: "batch"},
        "kwargs['mask']": {0: "height"},
    }


def test_axes_are_found_where_most_sizes_are_invalid() -> None:
    """A doubled size is tried too, and a dim that moves nothing is left out."""
    assert inputs.moving_axes(Windows(), Windows.dims) == {"args[0]": {0: "batch", 1: "height"}}


def test_no_axis_moves_where_make_inputs_raises() -> None:
    """A model whose base inputs cannot be made has no axes, and no exception either."""
    assert inputs.moving_axes(Windows(), {"batch": 1, "height": 3, "steps": 3}) == {}


def test_the_example_for_torch_export_has_no_size_below_two() -> None:
    """torch.export takes 0 and 1 for constants."""
    assert inputs.export_dims(Windows(), {"batch": 0, "height": 4, "steps": 1}) == {"batch": 2, "height": 4, "steps": 2}


def test_a_dim_stays_where_the_model_refuses_two() -> None:
    """Each dim is tried by itself when all together fail."""

    def accepts(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if args[0].shape[0] == 2:
            raise ValueError("one at a time, please")

    assert inputs.export_dims(Windows(), {"batch": 1, "height": 4, "steps": 1}, accepts) == {
        "batch": 1,
        "height": 4,
        "steps": 2,
    }


@pytest.mark.parametrize(
    ("names", "nearest"),
    [
        ({"values": ["negativ"]}, "negative"),
        ({"dtypes": ["inputs:float8"]}, "inputs:float64|inputs:float16|inputs:float32"),
        ({"layouts": ["channel_last"]}, "channels_last"),
        ({"devices": ["cuda:1", "cudaa"]}, "cuda"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(names: dict[str, list[str]], nearest: str) -> None:
    """Values, dtypes, layouts and devices alike; "cuda:1" is a device."""
    with pytest.raises(OptionError, match=f"Did you mean ({nearest})"):
        inputs.check_names(**names)


def test_every_known_name_is_accepted() -> None:
    """What the registries list is what the check allows."""
    inputs.check_names(values=TRANSFORMS, dtypes=inputs.DTYPES, layouts=LAYOUTS, devices=(*inputs.DEVICES, "cuda:0"))
