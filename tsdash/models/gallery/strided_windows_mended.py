"""Mended: unfold cuts the same windows and looks the strides up itself, each time it runs."""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


class WindowPeaks(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        windows = x.unfold(1, 3, 1)  # (B, S - 2, 3)
        return windows.amax(dim=2)


def make_model():
    return WindowPeaks().eval()


def make_inputs(batch=2, seq=8):
    return (torch.randn(batch, seq),)
