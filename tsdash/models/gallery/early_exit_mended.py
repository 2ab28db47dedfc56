"""Mended: both heads are computed and torch.where chooses, so nothing is left for Python to decide.

`torch.where` is an operator like any other. The trace records it, and it looks at the values of every input it is given. Where
no token is sure it returns the deep head everywhere, which is what the branch did.
"""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


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
        return torch.where(sure[..., None], early, self.deep(h))


def make_model():
    return EarlyExit().eval()


def make_inputs(batch=2, seq=8):
    return (torch.randn(batch, seq, 16),)
