"""Passes options on as **options: the compiler needs to know every argument.

TorchScript is statically typed, and a function with a variable number of arguments has no type. A trace does not care how
Python found its way to the operators.
"""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": "unsupported_python"}
BLAME = {"script": "def head(self, x, **options):"}


class OpenOptions(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(4, 3)

    def head(self, x, **options):
        return x * options.get("gain", 1.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.score(x), gain=2.0)


def make_model():
    return OpenOptions().eval()


def make_inputs(batch=2):
    return (torch.randn(batch, 4),)
