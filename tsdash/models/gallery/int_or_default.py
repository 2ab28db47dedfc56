"""Writes `k or 3` for a default: in TorchScript `or` on numbers gives a bool.

In Python `0 or 3` is 3. The compiler turns both sides into True or False, so k becomes True, which is 1: one column is kept
instead of three. Nothing warns. A trace has run the Python and is right.
"""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": "script_semantics"}
BLAME = {"script": "k = self.k or 3"}


class FirstColumns(nn.Module):
    def __init__(self):
        super().__init__()
        self.k = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        k = self.k or 3
        return x[:, :k]


def make_model():
    return FirstColumns().eval()


def make_inputs(batch=2, seq=8):
    return (torch.randn(batch, seq),)
