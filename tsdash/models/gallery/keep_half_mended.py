"""Mended: whole-number arithmetic on the size, which the trace follows.

`//` on a size stays symbolic: the graph holds the division, not its result.
"""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


class KeepHalf(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        keep = x.size(1) // 2
        return x[:, :keep]


def make_model():
    return KeepHalf().eval()


def make_inputs(batch=2, seq=8):
    return (torch.randn(batch, seq, 3),)
