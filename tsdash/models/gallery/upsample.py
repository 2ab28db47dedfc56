"""Doubles an image: int() around height and width fixes the output size.

The trace stores 16 by 16. An image of another size is still enlarged or shrunk to 16 by 16, and the result looks plausible.
A script computes the size each time.
"""

import torch
import torch.nn.functional as F
from torch import nn

EXPECTED = {"trace": "baked_shape", "script": None}
BLAME = {"trace": "height, width = int(image.shape[2] * 2), int(image.shape[3] * 2)"}


class Upsample(nn.Module):
    def __init__(self):
        super().__init__()
        self.colour = nn.Conv2d(3, 3, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        height, width = int(image.shape[2] * 2), int(image.shape[3] * 2)
        return F.interpolate(self.colour(image), size=(height, width), mode="bilinear", align_corners=False)


def make_model():
    return Upsample().eval()


def make_inputs(batch=1, height=8, width=8):
    return (torch.randn(batch, 3, height, width),)
