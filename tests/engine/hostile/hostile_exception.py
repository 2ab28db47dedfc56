"""Raises an exception whose text, class and arguments all raise or lie.
Expected: identical, mismatch (eager raises), identical.
"""

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        if not (torch.compiler.is_exporting() or torch.jit.is_tracing()) and x.shape[0] == 3:
            raise Liar(1)
        return self.lin(x)


class Liar(Exception):
    @property
    def __class__(self):
        raise SystemExit(0)

    @property
    def args(self):
        raise KeyboardInterrupt

    def __str__(self):
        raise self

    __repr__ = __str__


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
