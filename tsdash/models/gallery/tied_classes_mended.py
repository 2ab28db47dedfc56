"""Mended: the scores are returned, in which a tie can be seen for what it is.

Whoever needs a class takes the argmax outside, and can say what to do with a tie. The frozen scores differ from eager's in the
last digit, as rounding must.
"""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None, "trace+freeze": None, "script+freeze": None}


class Scores(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(16, 3, bias=False)
        self.norm = nn.BatchNorm1d(3)
        with torch.no_grad():
            self.score.weight[1] = 3 * self.score.weight[0]
            self.norm.weight[0] = 3.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.score(x))  # (B, 3)


def make_model():
    return Scores().eval()


def make_inputs(batch=32):
    return (torch.randn(batch, 16),)
