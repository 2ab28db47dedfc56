"""Mended: the factor is given instead of the size, and the operator works the size out.

`scale_factor=2.0` is a true constant of the model, the size never was.
"""

import torch
import torch.nn.functional as F
from torch import nn

EXPECTED = {"trace": None, "script": None}


class Upsample(nn.Module):
    def __init__(self):
        super().__init__()
        self.colour = nn.Conv2d(3, 3, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return F.interpolate(self.colour(image), scale_factor=2.0, mode="bilinear", align_corners=False)


def make_model():
    return Upsample().eval()


def make_inputs(batch=1, height=8, width=8):
    return (torch.randn(batch, 3, height, width),)
