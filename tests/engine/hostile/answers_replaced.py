"""Puts a folder in place of every file that it has written.
Expected: identical, crash (its inputs are no file), identical.
"""
import glob
import os

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        if not (torch.compiler.is_exporting() or torch.jit.is_tracing()) and x.shape[0] == 3:
            for path in glob.glob("../incoming/*"):
                os.unlink(path)
                os.mkdir(path)
        return self.lin(x)


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
