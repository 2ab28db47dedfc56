"""Takes its temperature as a Python float: an argument that cannot be traced.

A trace has tensors for inputs. A script has typed arguments, and `temperature: float` is one.
"""

import torch
from torch import nn

EXPECTED = {"trace": "signature", "script": None}
BLAME = {"trace": "def forward(self, x: torch.Tensor, temperature: float) -> torch.Tensor:"}


class Tempered(nn.Module):
    def forward(self, x: torch.Tensor, temperature: float) -> torch.Tensor:
        return torch.softmax(x / temperature, dim=-1)


def make_model():
    return Tempered().eval()


def make_inputs(batch=2, classes=4):
    return (torch.randn(batch, classes), 0.7)
