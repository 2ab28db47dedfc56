"""Mixes numbers into a hash that grows past 64 bits: Python's integers do not end, TorchScript's do.

Five rounds of multiplication make a number of 200 bits in Python. TorchScript's int has 64 and wraps around without an error,
so the hash, and the shift taken from it, is another. A trace has run the Python and holds the right shift.
"""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": "int_overflow"}
BLAME = {"script": "mixed = mixed * 1099511628211 + step"}


class HashedRoll(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mixed = 7
        for step in range(5):
            mixed = mixed * 1099511628211 + step
        return torch.roll(x, mixed % 97, 1)


def make_model():
    return HashedRoll().eval()


def make_inputs(batch=2, seq=8):
    return (torch.randn(batch, seq),)
