"""Mended: the one option that exists is spelt out, with its type."""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


class OpenOptions(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(4, 3)

    def head(self, x: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
        return x * gain

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.score(x), gain=2.0)


def make_model():
    return OpenOptions().eval()


def make_inputs(batch=2):
    return (torch.randn(batch, 4),)
