"""Refuses a batch that does not come in pairs: the check is gone from the trace.

`assert` is Python, and it held for the example. With three rows the trace subtracts one row from two, which
broadcasting allows, and returns an answer where eager raises. A script keeps the check.
"""

import torch
from torch import nn

EXPECTED = {"trace": "lost_check", "script": None}
BLAME = {"trace": 'assert rows.size(0) % 2 == 0, "rows must come in pairs"'}


class PairDistance(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(4, 3)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        assert rows.size(0) % 2 == 0, "rows must come in pairs"
        vectors = self.embed(rows)  # (2 P, 3)
        return (vectors[0::2] - vectors[1::2]).abs().sum(dim=1)


def make_model():
    return PairDistance().eval()


def make_inputs(batch=4):
    return (torch.randn(batch, 4),)
