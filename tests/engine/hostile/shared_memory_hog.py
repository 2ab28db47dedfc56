"""Fills shared memory, which RLIMIT_DATA does not count.
Expected: identical, crash (more shared memory than allowed), identical.
"""
import mmap

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        if not (torch.compiler.is_exporting() or torch.jit.is_tracing()) and x.shape[0] == 3:
            kept = []
            for _ in range(240):
                kept.append(mmap.mmap(-1, 2**26))
                kept[-1].write(b"x" * 2**26)
            raise RuntimeError("NOT LIMITED: got 15 GiB")
        return self.lin(x)


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
