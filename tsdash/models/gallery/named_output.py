"""Returns a NamedTuple: the values survive a trace, the names do not.

A trace knows tensors, tuples, lists and dicts. `out.mean` fails on the traced module, `out[0]` works. A script keeps the type.
"""

from typing import NamedTuple

import torch
from torch import nn

EXPECTED = {"trace": "output_structure", "script": None}
BLAME = {"trace": "return Gaussian(mean=x.mean(dim=1), spread=x.std(dim=1))"}


class Gaussian(NamedTuple):
    mean: torch.Tensor
    spread: torch.Tensor


class Summary(nn.Module):
    def forward(self, x: torch.Tensor) -> Gaussian:
        return Gaussian(mean=x.mean(dim=1), spread=x.std(dim=1))


def make_model():
    return Summary().eval()


def make_inputs(batch=2, width=5):
    return (torch.randn(batch, width),)
