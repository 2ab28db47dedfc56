"""Scales a signal to a peak of one: .item() turns the peak into a constant.

`.item()` gives a Python number, and to a trace a Python number is a constant: every later signal is divided by the peak of the
example. A script reads the value each time.
"""

import torch
from torch import nn

EXPECTED = {"trace": "baked_constant", "script": None}
BLAME = {"trace": "peak = signal.abs().max().item()"}


class PeakScale(nn.Module):
    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        peak = signal.abs().max().item()
        return signal / (peak + 1e-6)


def make_model():
    return PeakScale().eval()


def make_inputs(batch=2, samples=16):
    return (torch.randn(batch, samples),)
