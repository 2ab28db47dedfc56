"""Fills the disk with files that are each within the limit, and deletes their names while it keeps them open.
Expected: identical, crash (more in files than allowed), identical.
"""
import os

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        if not (torch.compiler.is_exporting() or torch.jit.is_tracing()) and x.shape[0] == 3:
            block = b"x" * 2**24
            kept = []
            for number in range(128):
                kept.append(open(f"file-{number}", "wb"))
                os.unlink(f"file-{number}")
                for _ in range(30):
                    kept[-1].write(block)
            raise RuntimeError("NOT LIMITED: wrote 60 GiB")
        return self.lin(x)


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
