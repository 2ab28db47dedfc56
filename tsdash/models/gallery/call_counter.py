"""Counts its calls in a Python attribute: the trace stops counting.

`self.calls` is a Python number. The trace stores its value during tracing, and no later call changes it. A script turns the
attribute into a part of the module that its code updates.
"""

import torch
from torch import nn

EXPECTED = {"trace": "python_state", "script": None}
BLAME = {"trace": "self.calls += 1"}


class Annealed(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return x / float(self.calls)


def make_model():
    return Annealed().eval()


def make_inputs(batch=2):
    return (torch.randn(batch, 3),)
