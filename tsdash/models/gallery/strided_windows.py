"""Cuts overlapping windows by hand, from the strides of its input: another width, other strides.

`x.stride(0)` is a Python number while tracing, the row length of the example. With longer rows the windows of the second row
start inside the first. There is no warning and no error. A script asks for the strides each time.
"""

import torch
from torch import nn

EXPECTED = {"trace": "baked_layout", "script": None}
BLAME = {"trace": "row, step = x.stride(0), x.stride(1)"}


class WindowPeaks(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        row, step = x.stride(0), x.stride(1)
        windows = x.as_strided((x.size(0), x.size(1) - 2, 3), (row, step, step))  # (B, S - 2, 3)
        return windows.amax(dim=2)


def make_model():
    return WindowPeaks().eval()


def make_inputs(batch=2, seq=8):
    return (torch.randn(batch, seq),)
