"""Two experts and a gate that chooses one for each row: torch.where is a branch that a trace keeps.

Both experts see every row, and the gate picks the answers. Compare early_exit, where Python chooses.
"""

import torch
from torch import nn

EXPECTED = {"trace": None, "script": None}


class ExpertMixture(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(6, 1)
        self.plain = nn.Linear(6, 4)
        self.bent = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.where(self.gate(x) > 0, self.plain(x), self.bent(x))


def make_model():
    return ExpertMixture().eval()


def make_inputs(batch=4):
    return (torch.randn(batch, 6),)
