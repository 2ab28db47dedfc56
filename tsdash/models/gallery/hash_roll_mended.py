"""Mended: the remainder is taken at every step, so that no number needs more than 64 bits."""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


class HashedRoll(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mixed = 7
        for step in range(5):
            mixed = (mixed * 1099511628211 + step) % 97
        return torch.roll(x, mixed, 1)


def make_model():
    return HashedRoll().eval()


def make_inputs(batch=2, seq=8):
    return (torch.randn(batch, seq),)
