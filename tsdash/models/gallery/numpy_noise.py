"""Adds noise whose strength numpy draws: one draw, while tracing, and never again.

numpy's generator is outside torch, so its number is a constant of the trace: the noise has the same strength at every call.
A script refuses numpy.
"""

import numpy as np
import torch
from torch import nn

EXPECTED = {"trace": "rng", "script": "unsupported_python"}
BLAME = {"trace": "strength = np.random.rand()", "script": "strength = np.random.rand()"}


class NoisyInput(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        strength = np.random.rand()
        return x + strength * torch.randn_like(x)


def make_model():
    return NoisyInput().eval()


def make_inputs(batch=2):
    return (torch.randn(batch, 6),)
