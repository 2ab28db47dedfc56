"""Adds up a sequence with a decaying memory: a loop over time, unrolled to eight steps.

`range(x.size(1))` is eight while tracing, so eight steps are recorded. A longer sequence is cut off without a word: only its
first eight steps count. A shorter one is an error. A script compiles the loop.
"""

import torch
from torch import nn

EXPECTED = {"trace": "unrolled_loop", "script": None}
BLAME = {"trace": "for step in range(x.size(1)):"}


class DecayingSum(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        memory = torch.zeros_like(x[:, 0])  # (B, C)
        for step in range(x.size(1)):
            memory = 0.5 * memory + x[:, step]
        return memory


def make_model():
    return DecayingSum().eval()


def make_inputs(batch=2, seq=8):
    return (torch.randn(batch, seq, 4),)
