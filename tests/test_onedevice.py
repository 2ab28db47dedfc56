"""The meta device as strict as a real one."""

import pytest
import torch

from tsdash.onedevice import one_device

WEIGHTS = torch.ones(4, 2, device="meta")
PLACES = torch.arange(3)


def test_an_operator_on_two_devices_is_refused_though_meta_takes_it():
    """The ids of an embedding lie on the CPU."""
    torch.embedding(WEIGHTS, PLACES)
    with (
        pytest.raises(RuntimeError, match="same device, but embedding was given some on cpu and on meta"),
        one_device(),
    ):
        torch.embedding(WEIGHTS, PLACES)


@pytest.mark.parametrize(
    "call",
    [
        lambda: WEIGHTS * torch.tensor(2.0),
        lambda: WEIGHTS[PLACES],
        lambda: PLACES.to("meta"),
        lambda: PLACES + 1,
        lambda: WEIGHTS.clone().copy_(torch.ones(4, 2)),
    ],
)
def test_what_a_real_device_takes_is_taken(call):
    """Numbers, indices and copies from the CPU; and work on one device."""
    with one_device():
        call()


def test_a_script_that_is_stopped_says_why():
    """Its interpreter drops what is raised below it."""

    @torch.jit.script
    def look_up(weights: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        return torch.embedding(weights, ids)

    @torch.jit.script
    def fetch(weights: torch.Tensor) -> torch.Tensor:
        return weights.to("cpu") * 2

    with pytest.raises(RuntimeError, match=r"Traceback of TorchScript(.|\n)*same device, but embedding"), one_device():
        look_up(WEIGHTS, PLACES)
    with pytest.raises(RuntimeError, match=r"Traceback of TorchScript(.|\n)*Cannot copy out of meta"), one_device():
        fetch(WEIGHTS)
