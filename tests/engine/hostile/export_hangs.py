"""Never comes back from being exported.
Expected: timeout, timeout, timeout.
"""

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        return self.lin(x)


class Hangs(M):
    def forward(self, x):
        while torch.jit.is_tracing():
            pass
        return self.lin(x)


def make_model():
    torch.manual_seed(0)
    return Hangs()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
