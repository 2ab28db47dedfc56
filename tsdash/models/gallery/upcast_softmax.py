"""Computes a softmax in float32 and goes back to the input's dtype: the dtype of the example, for ever.

`x.dtype` is a Python value, so the trace stores float32. Fed with float16 later it returns float32, and the layer after it
fails or runs at twice the cost. A script asks for the dtype each time.
"""

import torch
from torch import nn

EXPECTED = {"trace": "dtype_baked", "script": None}
BLAME = {"trace": "return weights.to(x.dtype)"}


class StableSoftmax(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = x.softmax(-1, dtype=torch.float32)
        return weights.to(x.dtype)


def make_model():
    return StableSoftmax().eval()


def make_inputs(batch=2, classes=5):
    return (torch.randn(batch, classes),)
