"""Rotates three sums that start at zero: to the compiler equal zeros are one constant.

`torch.zeros(4)` has only constants for arguments, so the compiler computes it ahead, once for two of the three. `+=` then writes
into that constant: two sums run together, and the next call starts with what this one left. A trace makes new zeros each time.
"""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": "constant_aliasing"}
BLAME = {"script": "first, second, third = torch.zeros(4), torch.zeros(4), torch.zeros(4)"}


class RotatingSums(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second, third = torch.zeros(4), torch.zeros(4), torch.zeros(4)
        for step in range(3):
            first, second, third = third, first, second
            first += x[step]
        return torch.cat([first, second, third])


def make_model():
    return RotatingSums().eval()


def make_inputs():
    return (torch.randn(3, 4),)
