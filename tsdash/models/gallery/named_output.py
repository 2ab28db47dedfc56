"""Returns a NamedTuple: the values survive a trace, the names do not.

A trace knows tensors, tuples, lists and dicts. `out.mean` fails on the traced module, `out[0]` works. A script keeps the type.
"""

from typing import NamedTuple

import torch
from torch import nn

EXPECTED = {"trace": "output_structure", "script": None}
BLAME = {"trace": "return Summary(mean=x.mean(dim=1), spread=x.amax(dim=1) - x.amin(dim=1))"}


class Summary(NamedTuple):
    mean: torch.Tensor
    spread: torch.Tensor


class Summarise(nn.Module):
    def forward(self, x: torch.Tensor) -> Summary:
        return Summary(mean=x.mean(dim=1), spread=x.amax(dim=1) - x.amin(dim=1))


def make_model():
    return Summarise().eval()


def make_inputs(batch=2, width=5):
    return (torch.randn(batch, width),)
