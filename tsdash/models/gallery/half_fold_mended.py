"""Mended: the readings are brought to ordinary size first, so that the folded weights are of ordinary size too.

Dividing the input by a constant is not folded into the weights, because the input is not a constant.
"""

import torch
import torch.nn.functional as F
from torch import nn

EXPECTED = {"trace": None, "script": None, "trace+freeze": None, "script+freeze": None}


class RawReadings(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm1d(8)
        self.scale = nn.LayerNorm(8)
        self.score = nn.Linear(8, 3)

    def forward(self, readings: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm(self.conv(readings / 3000)))  # (B, 8, S)
        x = x.mean(dim=-1)  # (B, 8)
        return self.score(self.scale(x))


def make_model():
    return RawReadings().half().eval()


def make_inputs(batch=2, seq=16):
    return (3000 * torch.randn(batch, 4, seq).half(),)
