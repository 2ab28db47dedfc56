"""Two classes with the same evidence, and only the winner is returned: rounding decides who wins.

Class 1 is a copy of class 0 at three times the scale, brought back by its batch norm: their scores are equal but for the last
digit. Freezing folds the batch norm into the linear layer, which rounds differently, and other rows are won by the other class.
Nothing is wrong by more than that last digit, but argmax makes a whole class of it.
"""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None, "trace+freeze": "argmax_tie", "script+freeze": "argmax_tie"}
BLAME = {"trace+freeze": "return scores.argmax(dim=-1)", "script+freeze": "return scores.argmax(dim=-1)"}


class Winner(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(16, 3, bias=False)
        self.norm = nn.BatchNorm1d(3)
        with torch.no_grad():
            self.score.weight[1] = 3 * self.score.weight[0]
            self.norm.weight[0] = 3.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = self.norm(self.score(x))  # (B, 3)
        return scores.argmax(dim=-1)


def make_model():
    return Winner().eval()


def make_inputs(batch=32):
    return (torch.randn(batch, 16),)
