"""Treats the rows of a batch one by one: a loop that is unrolled to the length of the example.

Iterating over a tensor is a Python loop. The trace records its body once for each row of the example, three times here, and
expects three rows for ever: fewer or more are an error. A script compiles the loop.
"""

import torch
from torch import nn

EXPECTED = {"trace": "unrolled_loop", "script": None}
BLAME = {"trace": "scores = [self.score(row) for row in rows]"}


class RowScores(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(6, 2)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        scores = [self.score(row) for row in rows]
        return torch.stack(scores)


def make_model():
    return RowScores().eval()


def make_inputs(batch=3):
    return (torch.randn(batch, 6),)
