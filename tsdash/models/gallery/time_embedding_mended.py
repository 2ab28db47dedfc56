"""Mended: the frequencies are a buffer, and buffers move with the module.

`.to("cuda")` on the exported module takes them along.
"""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


class TimeEmbedding(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("frequencies", torch.exp2(-torch.arange(4.0)))

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        angles = t[:, None] * self.frequencies  # (B, 4)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)


def make_model():
    return TimeEmbedding().eval()


def make_inputs(batch=3):
    return (torch.rand(batch) * 10,)
