"""Makes torch.jit.trace return something else than it was given.
Expected: mismatch, mismatch, mismatch.
"""

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        return self.lin(x)


trace = torch.jit.trace
torch.jit.trace = lambda model, inputs, **options: trace(torch.nn.Identity(), inputs)


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
