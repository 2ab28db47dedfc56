"""Leaves early where the first head is sure: a branch on the values of a tensor.

A trace runs forward once, on the example input, and records the operators it meets. `if sure.any()` is Python: it is asked
once, then it is gone, and every later input takes the path of the example. No token of the example is sure, so the trace
always answers with the deep head. A script compiles the `if` itself and stays right.
"""

import torch
from torch import nn

EXPECTED = {"trace": "baked_control_flow", "script": None}
BLAME = {"trace": "if sure.any():"}


class EarlyExit(nn.Module):
    """Answers early where the first head is sure."""

    def __init__(self, width: int = 32, classes: int = 8):
        super().__init__()
        self.stem = nn.Linear(16, width)
        self.exit = nn.Linear(width, classes)
        self.deep = nn.Linear(width, classes)
        nn.init.normal_(self.exit.weight, std=0.7)  # as sure of itself as a trained head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.relu(self.stem(x))  # (B, S, W)
        early = self.exit(h)  # (B, S, C)
        sure = early.softmax(-1).amax(-1) > 0.9  # (B, S)
        if sure.any():
            return torch.where(sure[..., None], early, self.deep(h))
        return self.deep(h)


def make_model():
    return EarlyExit().eval()


def make_inputs(batch=2, seq=8):
    return (torch.randn(batch, seq, 16),)
