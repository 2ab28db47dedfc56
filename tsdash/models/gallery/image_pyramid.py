"""Returns a list of three images, each half the size: a list of fixed length is fine in every mode."""

import torch
import torch.nn.functional as F
from torch import nn

EXPECTED = {"trace": None, "script": None}


class ImagePyramid(nn.Module):
    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        half = F.avg_pool2d(image, 2)
        return [image * 0.5, half, F.avg_pool2d(half, 2)]


def make_model():
    return ImagePyramid().eval()


def make_inputs(batch=1, height=8, width=8):
    return (torch.randn(batch, 2, height, width),)
