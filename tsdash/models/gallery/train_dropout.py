"""Exported while it is still in training mode: dropout stays on, whatever eval() says later.

make_model leaves the model in training mode. The trace records a dropout that drops. Calling `.eval()` on the traced module sets
a flag that nothing in the graph looks at. A script looks at `self.training` each time.
"""

import torch
from torch import nn

EXPECTED = {"trace": "training_mode", "script": None}
BLAME = {"trace": "return self.drop(self.score(x))"}


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(6, 8)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(self.score(x))


def make_model():
    return Classifier().train()


def make_inputs(batch=3):
    return (torch.randn(batch, 6),)
