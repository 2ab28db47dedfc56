"""Mended: every sum is a new tensor, so nothing is written to and zeros may well be shared.

`zeros_like` also takes dtype and device from the input.
"""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


class RotatingSums(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = second = third = torch.zeros_like(x[0])
        for step in range(3):
            first, second, third = third, first, second
            first = first + x[step]
        return torch.cat([first, second, third])


def make_model():
    return RotatingSums().eval()


def make_inputs():
    return (torch.randn(3, 4),)
