"""Mended: type_as takes the dtype from the tensor when it runs.

`weights.type_as(x)` is an operator with two tensors, while `x.dtype` is a Python value. It works because `x` itself is left
alone. After `x.float()`, which returns a float32 `x` as it is, the trace would take the converted tensor for `x`.
"""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


class StableSoftmax(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = x.softmax(-1, dtype=torch.float32)
        return weights.type_as(x)


def make_model():
    return StableSoftmax().eval()


def make_inputs(batch=2, classes=5):
    return (torch.randn(batch, classes),)
