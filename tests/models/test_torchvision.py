"""torchvision's models: their names, their weights and the inputs they take."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
import torchvision as installed

from tsdash.models import default_dims, find, torchvision
from tsdash.models.loading import load

# The cheapest of each family, at sizes below the defaults where the architecture takes them.
CHEAP = {
    "squeezenet1_1": {"height": 64, "width": 96},
    "inception_v3": {"height": 299, "width": 299},
    "quantized_shufflenet_v2_x0_5": {"height": 64},
    "lraspp_mobilenet_v3_large": {},
    "ssdlite320_mobilenet_v3_large": {"batch": 2, "height": 100},
    "r3d_18": {"frames": 4, "height": 32, "width": 32},
    "raft_small": {},
}


def test_the_names_are_those_that_torchvision_registers() -> None:
    """Read from its source, equal to what it says itself."""
    assert sorted(torchvision.families()) == installed.models.list_models()


@pytest.mark.parametrize("family", ["detection", "segmentation", "video", "optical_flow", "quantization"])
def test_a_family_is_the_subpackage_of_its_models(family: str) -> None:
    """As torchvision sorts them."""
    expected = installed.models.list_models(module=getattr(installed.models, family))
    assert sorted(name for name, own in torchvision.families().items() if own == family) == expected


def test_every_other_model_is_a_classifier() -> None:
    """Those that stand in torchvision.models itself."""
    expected = installed.models.list_models(module=installed.models)
    assert sorted(name for name, own in torchvision.families().items() if own == "classification") == expected


@pytest.mark.parametrize("name", sorted(torchvision.families()))
def test_every_model_has_inputs_at_its_default_size(name: str) -> None:
    """Batch first, as many images as it takes, and the dims that its model file declares."""
    dims = default_dims(find(f"torchvision:{name}"))
    args = torchvision.make_inputs(name)
    images = args[0] if torchvision.families()[name] == "detection" else list(args[0])
    assert len(images) == dims["batch"]
    assert images[0].shape[-2:] == (dims["height"], dims["width"])
    assert len(args) == (2 if name.startswith("raft") else 1)


@pytest.mark.filterwarnings("ignore:The default weight initialization of inception_v3")
@pytest.mark.parametrize(("name", "sizes"), CHEAP.items())
def test_a_model_of_each_family_runs(name: str, sizes: dict[str, int], tmp_path: Path) -> None:
    """In eval mode, on the inputs that its model file makes."""
    loaded = load(find(f"torchvision:{name}"), tmp_path)
    args, kwargs = loaded.inputs(sizes)
    model = loaded.build()
    assert not model.training
    with torch.no_grad():
        assert model(*args, **kwargs) is not None


def test_building_twice_gives_the_same_weights() -> None:
    """Random weights with a fixed seed."""
    first, second = (torchvision.make_model("squeezenet1_1").state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("name", ["resnet18", "ssdlite320_mobilenet_v3_large", "quantized_resnet18"])
def test_nothing_is_downloaded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the backbone's weights, which some builders load unless they are told not to."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a download was tried")

    monkeypatch.setattr(installed.models._api, "load_state_dict_from_url", refuse)
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    assert torchvision.make_model(name) is not None


def test_without_torchvision_the_message_says_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra that a user may lack."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    torchvision.families.cache_clear()
    try:
        with pytest.raises(torchvision.errors.ModelError, match="torchvision is not installed"):
            find("torchvision:resnet18")
    finally:
        torchvision.families.cache_clear()
