"""Returns a list that gets longer while it is read.
Expected: identical, timeout or mismatch, identical.
"""

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        if not (torch.compiler.is_exporting() or torch.jit.is_tracing()) and x.shape[0] == 3:
            return Endless([self.lin(x)])
        return self.lin(x)


class Endless(list):
    def __iter__(self):
        while True:
            yield self[0]

    def __len__(self):
        return 2**40


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
