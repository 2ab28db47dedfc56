"""A half-precision net for raw readings: folding its batch norm leaves weights that float16 can hardly hold.

Freezing multiplies the batch norm into the convolution. In float16 numbers below 0.00006 lose digits, and weights of 0.0001
divided by 245 are far below. The frozen net is some hundred times further from the float64 result than eager is. A plain
trace and a plain script keep the two steps apart and are right to the bit.
"""

import torch
import torch.nn.functional as F
from torch import nn

EXPECTED = {"trace": None, "script": None, "trace+freeze": "folding_numerics", "script+freeze": "folding_numerics"}
BLAME = {
    "trace+freeze": "x = F.relu(self.norm(self.conv(readings)))  # (B, 8, S)",
    "script+freeze": "x = F.relu(self.norm(self.conv(readings)))  # (B, 8, S)",
}


class RawReadings(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm1d(8)
        self.scale = nn.LayerNorm(8)
        self.score = nn.Linear(8, 3)
        with torch.no_grad():
            self.conv.weight.mul_(0.0005)
            self.norm.running_var.fill_(60_000.0)

    def forward(self, readings: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm(self.conv(readings)))  # (B, 8, S)
        x = 1000 * x.mean(dim=-1)  # (B, 8)
        return self.score(self.scale(x))


def make_model():
    return RawReadings().half().eval()


def make_inputs(batch=2, seq=16):
    return (3000 * torch.randn(batch, 4, seq).half(),)
