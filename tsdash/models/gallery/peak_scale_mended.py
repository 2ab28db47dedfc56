"""Mended: the peak stays a tensor, and dividing by it is one more operator of the graph."""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


class PeakScale(nn.Module):
    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        peak = signal.abs().max()
        return signal / (peak + 1e-6)


def make_model():
    return PeakScale().eval()


def make_inputs(batch=2, samples=16):
    return (torch.randn(batch, samples),)
