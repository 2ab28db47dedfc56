"""Mended: the loop alone is compiled, by torch.jit.script_if_tracing, and the rest is traced as before.

The decorated function is plain Python in eager mode. While tracing it is scripted, so the trace calls a small compiled function
in which the loop is still a loop.
"""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


@torch.jit.script_if_tracing
def decaying_sum(x: torch.Tensor) -> torch.Tensor:
    memory = torch.zeros_like(x[:, 0])  # (B, C)
    for step in range(x.size(1)):
        memory = 0.5 * memory + x[:, step]
    return memory


class DecayingSum(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return decaying_sum(x)


def make_model():
    return DecayingSum().eval()


def make_inputs(batch=2, seq=8):
    return (torch.randn(batch, seq, 4),)
