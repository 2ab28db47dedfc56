"""Follows the level of a signal in a buffer that forward updates: exporting is a call too.

To trace a model is to run it, so the buffer has moved before the export is used for the first time: its first answer is what
eager gives at its second call or later. A script is compiled without being run.
"""

import torch
from torch import nn

EXPECTED = {"trace": "export_side_effect", "script": None}
BLAME = {"trace": "self.level.mul_(0.9).add_(0.1 * signal.mean())"}


class LevelFollower(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("level", torch.ones(()))

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        self.level.mul_(0.9).add_(0.1 * signal.mean())
        return signal - self.level


def make_model():
    return LevelFollower().eval()


def make_inputs(batch=2):
    return (torch.randn(batch, 8),)
