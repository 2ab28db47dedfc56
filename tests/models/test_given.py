"""A live module as a model file: what is taken along, what is refused and why."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
import torch
from torch import nn

from tsdash import models
from tsdash.errors import ModelError, OptionError
from tsdash.models import given, loading


class Net(nn.Module):
    """At the top of its module, as a pickle wants it."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.layer = nn.Linear(width, 3)

    def forward(self, x: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        return self.layer(x) * scale


def unpacked(parcel: given.Parcel, folder: Path) -> loading.Loaded:
    """The model file as an author worker loads it."""
    (folder / given.FOLDER).mkdir()
    (folder / given.FOLDER / given.FILE).write_bytes(parcel.content)
    (folder / "author").mkdir()
    return loading.load(parcel.source, folder / "author")


def test_a_module_keeps_its_weights_and_its_mode(tmp_path: Path) -> None:
    """The worker's model is another object with the same parameters, in evaluation as it was given."""
    model = Net().eval()
    built = unpacked(given.pack(model, torch.ones(2, 4)), tmp_path).build()
    assert not built.training
    assert torch.equal(built.layer.weight, model.layer.weight)


def test_tensors_of_one_length_have_a_batch(tmp_path: Path) -> None:
    """Their first axis can be varied: what was given, over and over; at its own size it is what was given."""
    x = torch.arange(8.0).reshape(2, 4)
    loaded = unpacked(given.pack(Net(), x, {"scale": 2.0}), tmp_path)
    assert models.default_dims(loaded.source) == {"batch": 2}
    args, kwargs = loaded.inputs()
    assert torch.equal(args[0], x)
    assert kwargs == {"scale": 2.0}
    assert torch.equal(loaded.inputs({"batch": 3})[0][0], x[[0, 1, 0]])


@pytest.mark.parametrize(("axes", "dims"), [({"width": 1}, {"width": 4}), ({}, {})])
def test_axes_say_what_may_change(axes: dict[str, int], dims: dict[str, int]) -> None:
    """Named axes take the place of the batch, none of them leaves nothing to vary."""
    assert models.default_dims(given.pack(Net(), torch.ones(2, 4), axes=axes).source) == dims


def test_a_function_names_its_dims_itself(tmp_path: Path) -> None:
    """Integer defaults are dims, as in a model file; a function without a name of its own comes along with what it holds on to."""
    width = 4
    parcel = given.pack(functools.partial(Net, width), lambda batch=5: torch.ones(batch, width))
    loaded = unpacked(parcel, tmp_path)
    assert loaded.inputs({"batch": 7})[0][0].shape == (7, 4)
    assert loaded.build().layer.in_features == width


def test_the_source_map_knows_the_users_own_file(tmp_path: Path) -> None:
    """A class that was imported from a file of the user's is named by that file."""
    sources = unpacked(given.pack(Net(), torch.ones(2, 4)), tmp_path).sources
    assert sources.name(__file__) == "tests/models/test_given.py"


def test_a_class_inside_a_function_is_refused() -> None:
    """Another process cannot find it; the message says what to do."""

    class Inner(nn.Module):
        pass

    with pytest.raises(ModelError, match="at the top of a file"):
        given.pack(Inner(), torch.ones(1))


@pytest.mark.parametrize(
    ("model", "inputs", "options", "says"),
    [
        ({}, torch.ones(1), {}, "The model is a dict"),
        (Net(), {"x": torch.ones(1)}, {}, "kwargs="),
        (Net(), torch.ones(1), {"axes": {"batch": 3}}, "an axis, from 0 up"),
        (Net(), lambda: (), {"axes": {"batch": 0}}, "names its dims itself"),
    ],
)
def test_what_cannot_be_meant_is_refused(model: object, inputs: object, options: dict[str, object], says: str) -> None:
    """Each wrong argument has a message of its own."""
    with pytest.raises(OptionError, match=says):
        given.pack(model, inputs, **options)
