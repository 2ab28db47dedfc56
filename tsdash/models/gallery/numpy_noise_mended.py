"""Mended: torch draws the strength as well, and a draw by torch is an operator that runs at every call."""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


class NoisyInput(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        strength = torch.rand_like(x[0, 0])
        return x + strength * torch.randn_like(x)


def make_model():
    return NoisyInput().eval()


def make_inputs(batch=2):
    return (torch.randn(batch, 6),)
