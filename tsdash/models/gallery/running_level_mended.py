"""Mended: the level comes in and goes out, so exporting the model cannot move it."""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


class LevelFollower(nn.Module):
    def forward(self, signal: torch.Tensor, level: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        level = 0.9 * level + 0.1 * signal.mean()
        return signal - level, level


def make_model():
    return LevelFollower().eval()


def make_inputs(batch=2):
    return (torch.randn(batch, 8), torch.ones(()))
