"""Mended: rounded up, the length of a patch is never zero."""

import torch
import torch.nn.functional as F
from torch import nn

EXPECTED = {"trace": None, "script": None}


class PadToPatch(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        patch = (x.size(2) + 1) // 2
        missing = -x.size(1) % patch
        return F.pad(x, (0, 0, 0, missing))


def make_model():
    return PadToPatch().eval()


def make_inputs(batch=2, seq=6, width=8):
    return (torch.randn(batch, seq, width),)
