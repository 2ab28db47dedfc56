"""Embeds a time with frequencies made on the input's device: the device of the example, for ever.

`t.device` is a Python value, so the trace stores "cpu". Moved to a GPU it still makes the frequencies on the CPU and fails.
tsdash sees it without a GPU, on the meta device, which has shapes and no numbers. A script asks for the device each time.
"""

import torch
from torch import nn

EXPECTED = {"trace": "device_baked", "script": None}
BLAME = {"trace": "octaves = torch.arange(4, device=t.device)"}


class TimeEmbedding(nn.Module):
    def forward(self, t: torch.Tensor) -> torch.Tensor:
        octaves = torch.arange(4, device=t.device)
        angles = t[:, None] * torch.exp2(-octaves)  # (B, 4)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)


def make_model():
    return TimeEmbedding().eval()


def make_inputs(batch=3):
    return (torch.rand(batch) * 10,)
