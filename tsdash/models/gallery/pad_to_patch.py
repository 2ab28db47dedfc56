"""Pads a sequence to whole patches: a remainder by zero ends the scripted program.

The patch is half as long as a row is wide, so with a width of one it is zero. Python raises ZeroDivisionError. TorchScript
lets the processor divide, and the whole process dies with SIGFPE: no exception, no message, no server. A trace raises.
"""

import torch
import torch.nn.functional as F
from torch import nn

EXPECTED = {"trace": None, "script": "process_crash"}
BLAME = {"script": "missing = -x.size(1) % patch"}


class PadToPatch(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        patch = x.size(2) // 2
        missing = -x.size(1) % patch
        return F.pad(x, (0, 0, 0, missing))


def make_model():
    return PadToPatch().eval()


def make_inputs(batch=2, seq=6, width=8):
    return (torch.randn(batch, seq, width),)
