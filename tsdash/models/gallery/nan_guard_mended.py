"""Mended: NaN is replaced always, which changes nothing where there is none.

`torch.where` with `isnan` runs for every input, so it is in the trace. It also leaves infinities as they are, which
`nan_to_num` would have turned into large numbers only on the guarded path.
"""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


class SensorScore(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(6, 3)

    def forward(self, readings: torch.Tensor) -> torch.Tensor:
        readings = torch.where(torch.isnan(readings), torch.zeros_like(readings), readings)
        return self.score(readings)


def make_model():
    return SensorScore().eval()


def make_inputs(batch=3):
    return (torch.randn(batch, 6),)
