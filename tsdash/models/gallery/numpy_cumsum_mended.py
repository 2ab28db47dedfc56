"""Mended: torch has the same function, and what torch does is recorded."""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


class RunningSum(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cumsum(x.detach(), dim=1) * 0.5


def make_model():
    return RunningSum().eval()


def make_inputs(batch=2, seq=5):
    return (torch.randn(batch, seq),)
