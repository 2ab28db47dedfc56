"""Truncates and replaces every file that it has written, those of the cases before it too where it can reach them.
Expected: identical, crash (its inputs are not what it was given), identical.
"""
import contextlib
import glob
import os

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        if not (torch.compiler.is_exporting() or torch.jit.is_tracing()) and x.shape[0] == 3:
            written = [*glob.glob("../incoming/*"), *(f"../tensors/c{n}.{what}" for n in (1, 3) for what in ("inputs", "expected"))]
            for path in written:
                with contextlib.suppress(OSError):
                    os.truncate(path, 0)
        return self.lin(x)


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
