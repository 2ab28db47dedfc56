"""Turns and shifts an image by learned numbers: the trace warns, and is right all the same.

torch's own grid functions check sizes with Python, and the tracer warns of each check. The checks decide nothing here. A warning
is a reason to look, not a verdict.
"""

import torch
import torch.nn.functional as F
from torch import nn

EXPECTED = {"trace": None, "script": None}


class SpatialTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([[0.9, 0.1, 0.05], [-0.1, 1.1, 0.0]]))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        theta = self.theta.expand(image.size(0), 2, 3)
        grid = F.affine_grid(theta, [image.size(0), image.size(1), image.size(2), image.size(3)], align_corners=False)
        return F.grid_sample(image, grid, align_corners=False)


def make_model():
    return SpatialTransformer().eval()


def make_inputs(batch=1, height=8, width=8):
    return (torch.randn(batch, 2, height, width),)
