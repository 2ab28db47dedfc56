"""A small U-Net: down, up again, and across, for images of any size.

The upper half is enlarged to the size of the skip connection. That size is passed on without int(), so it stays symbolic and odd
sizes work too.
"""

import torch
import torch.nn.functional as F
from torch import nn

EXPECTED = {"trace": None, "script": None}


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter = nn.Conv2d(1, 4, 3, padding=1)
        self.down = nn.Conv2d(4, 8, 3, stride=2, padding=1)
        self.deep = nn.Conv2d(8, 8, 3, padding=1)
        self.leave = nn.Conv2d(12, 2, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        skip = torch.relu(self.enter(image))  # (B, 4, H, W)
        deep = torch.relu(self.deep(torch.relu(self.down(skip))))  # (B, 8, H / 2, W / 2)
        up = F.interpolate(deep, size=[skip.size(2), skip.size(3)], mode="bilinear", align_corners=False)
        return self.leave(torch.cat([skip, up], dim=1))


def make_model():
    return UNet().eval()


def make_inputs(batch=1, height=16, width=16):
    return (torch.randn(batch, 1, height, width),)
