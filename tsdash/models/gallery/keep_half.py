"""Keeps the first half of a sequence: a size that int() makes a constant.

While tracing, `x.size(1)` is followed: what is computed from it is computed again for every input. `int()` ends that. It
gives a Python number, 4 for the example's 8, and the trace keeps four steps of whatever comes. A script computes it each time.
"""

import torch
from torch import nn

EXPECTED = {"trace": "baked_shape", "script": None}
BLAME = {"trace": "keep = int(x.size(1) * 0.5)"}


class KeepHalf(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        keep = int(x.size(1) * 0.5)
        return x[:, :keep]


def make_model():
    return KeepHalf().eval()


def make_inputs(batch=2, seq=8):
    return (torch.randn(batch, seq, 3),)
