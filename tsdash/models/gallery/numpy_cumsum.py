"""Computes a running sum in numpy: outside torch, so its result is a constant.

The trace records torch operators only. What numpy did to the example comes back as a tensor of fixed numbers, and every later
input gets that answer. A script refuses numpy.
"""

import numpy as np
import torch
from torch import nn

EXPECTED = {"trace": "baked_constant", "script": "unsupported_python"}
BLAME = {"trace": "values = x.detach().numpy()"}


class RunningSum(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = x.detach().numpy()
        return torch.from_numpy(np.cumsum(values, axis=1)) * 0.5


def make_model():
    return RunningSum().eval()


def make_inputs(batch=2, seq=5):
    return (torch.randn(batch, seq),)
