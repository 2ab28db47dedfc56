"""A small image classifier with batch norm: exact as a trace or a script, rounded differently once frozen.

In eval mode batch norm is a fixed scale and shift. Freezing multiplies it into the convolution before it, which is faster and
changes the last digits. Compare the modes.
"""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


def block(channels_in, channels_out):
    conv = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
    norm = nn.BatchNorm2d(channels_out)
    nn.init.uniform_(norm.running_mean, -0.2, 0.2)
    nn.init.uniform_(norm.running_var, 0.2, 2.0)
    return nn.Sequential(conv, norm, nn.ReLU(), nn.MaxPool2d(2))


class SmallCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(block(3, 8), block(8, 16))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.score = nn.Linear(16, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.features(image))  # (B, 16, 1, 1)
        return self.score(x.flatten(1))


def make_model():
    return SmallCnn().eval()


def make_inputs(batch=2, height=16, width=16):
    return (torch.randn(batch, 3, height, width),)
