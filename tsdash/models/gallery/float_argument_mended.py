"""Mended: the temperature is a tensor with one element, an input like any other."""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


class Tempered(nn.Module):
    def forward(self, x: torch.Tensor, temperature: torch.Tensor) -> torch.Tensor:
        return torch.softmax(x / temperature, dim=-1)


def make_model():
    return Tempered().eval()


def make_inputs(batch=2, classes=4):
    return (torch.randn(batch, classes), torch.tensor(0.7))
