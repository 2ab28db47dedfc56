"""Hides positions with the smallest number of the dtype: a constant that no other dtype can hold.

`torch.finfo(x.dtype).min` is about -3.4e38 for float32, and that number is in the trace. float16 goes down to -65504, so the
half-precision model fails with an overflow. A script refuses torch.finfo.
"""

import torch
from torch import nn

EXPECTED = {"trace": "dtype_baked", "script": "unsupported_python"}
BLAME = {
    "trace": "lowest = torch.finfo(scores.dtype).min",
    "script": "lowest = torch.finfo(scores.dtype).min",
}


class MaskedSoftmax(nn.Module):
    def forward(self, scores: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        lowest = torch.finfo(scores.dtype).min
        return scores.masked_fill(hidden, lowest).softmax(-1)


def make_model():
    return MaskedSoftmax().eval()


def make_inputs(batch=2, seq=4):
    hidden = torch.arange(seq).expand(batch, seq) > seq // 2
    return (torch.randn(batch, seq), hidden)
