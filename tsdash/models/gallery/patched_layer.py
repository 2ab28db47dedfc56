"""Replaces the forward of one layer: a script looks at the class and may not see it.

Two nn.Linear of the same size share one compiled type. The first is compiled as it is, the second gets the same code, and its
patch is lost. A trace calls the patched layer and records what it does.
"""

import types

import torch
import torch.nn.functional as F
from torch import nn

EXPECTED = {"trace": None, "script": "python_dispatch"}
BLAME = {"script": "self.tuned.forward = types.MethodType(with_gain, self.tuned)"}


def with_gain(self, x):
    return F.linear(x, self.weight, self.bias) * 3.0


class Tuned(nn.Module):
    def __init__(self):
        super().__init__()
        self.base = nn.Linear(4, 4)
        self.tuned = nn.Linear(4, 4)
        self.tuned.forward = types.MethodType(with_gain, self.tuned)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.tuned(torch.relu(self.base(x)))


def make_model():
    return Tuned().eval()


def make_inputs(batch=2):
    return (torch.randn(batch, 4),)
