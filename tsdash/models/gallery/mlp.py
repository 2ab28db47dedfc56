"""Three linear layers: nothing to lose, so trace and script give eager's bits.

Start here: there is no branch, no loop and no state. What a trace records is all there is.
"""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def make_model():
    return Mlp().eval()


def make_inputs(batch=2):
    return (torch.randn(batch, 8),)
