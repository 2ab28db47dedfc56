"""Cleans its input only if something in it is NaN: a guard that the trace never sees.

The example input holds no NaN, so the clean-up is not run and not recorded. The first broken sensor reading in production
goes straight through. A script keeps the guard.
"""

import torch
from torch import nn

EXPECTED = {"trace": "baked_control_flow", "script": None}
BLAME = {"trace": "if torch.isnan(readings).any():"}


class SensorScore(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(6, 3)

    def forward(self, readings: torch.Tensor) -> torch.Tensor:
        if torch.isnan(readings).any():
            readings = torch.nan_to_num(readings)
        return self.score(readings)


def make_model():
    return SensorScore().eval()


def make_inputs(batch=3):
    return (torch.randn(batch, 6),)
