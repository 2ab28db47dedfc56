"""Saves nothing, and says that it has.
Expected: export_error, export_error, export_error.
"""
import pathlib

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        return self.lin(x)


torch.jit.ScriptModule.save = torch.jit.TopLevelTracedModule.save = lambda self, path: None
stat = pathlib.Path.stat
pathlib.Path.stat = lambda self, **options: stat(self if self.suffix != ".pt" else pathlib.Path("."), **options)


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
