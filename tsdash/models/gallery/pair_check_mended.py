"""Mended: view() makes the pairs, and refuses an odd number of rows by itself.

An operator that checks its input checks it in eager, in a trace and in a script.
"""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


class PairDistance(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(4, 3)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        pairs = self.embed(rows).view(-1, 2, 3)  # (P, 2, 3)
        return (pairs[:, 0] - pairs[:, 1]).abs().sum(dim=1)


def make_model():
    return PairDistance().eval()


def make_inputs(batch=4):
    return (torch.randn(batch, 4),)
