"""Mended: the count comes in and goes out as a tensor, so the caller keeps the state and the model has none."""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


class Annealed(nn.Module):
    def forward(self, x: torch.Tensor, calls: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        calls = calls + 1
        return x / calls, calls


def make_model():
    return Annealed().eval()


def make_inputs(batch=2):
    return (torch.randn(batch, 3), torch.tensor(0))
