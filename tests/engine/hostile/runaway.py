"""Leaves a process that forks and ends, again and again: whoever looks for it finds the one before.
Expected: identical, identical, identical; no process is left.
"""
import os

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        if not (torch.compiler.is_exporting() or torch.jit.is_tracing()) and x.shape[0] == 3:
            if os.fork() == 0:
                while os.fork() == 0:
                    pass
                os._exit(0)
        return self.lin(x)


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
