"""Warns 5,000 times, each time with another text, while it is exported too.
Expected: identical, identical, identical; a bounded number of warnings is kept.
"""
import warnings

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        return self.lin(x)


class Warns(M):
    def forward(self, x):
        for number in range(5_000):
            warnings.warn(f"warning {number} " + "x" * 1000)
        return self.lin(x)


def make_model():
    torch.manual_seed(0)
    return Warns()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
