"""Dies while it is exported.
Expected: crash, crash, crash.
"""
import os

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        return self.lin(x)


class Dies(M):
    def forward(self, x):
        if torch.jit.is_tracing():
            os._exit(0)
        return self.lin(x)


def make_model():
    torch.manual_seed(0)
    return Dies()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
