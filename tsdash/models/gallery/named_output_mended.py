"""Mended: a plain tuple, which every mode returns as it is. Names are put on by the caller."""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


class Summarise(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x.mean(dim=1), x.amax(dim=1) - x.amin(dim=1)


def make_model():
    return Summarise().eval()


def make_inputs(batch=2, width=5):
    return (torch.randn(batch, width),)
