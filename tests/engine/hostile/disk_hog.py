"""Writes one file without end.
Expected: identical, mismatch (eager hits the limit of a file), identical.
"""

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        if not (torch.compiler.is_exporting() or torch.jit.is_tracing()) and x.shape[0] == 3:
            block = b"x" * 2**24
            with open("hog", "wb") as file:
                for _ in range(4096):
                    file.write(block)
            raise RuntimeError("NOT LIMITED: wrote 64 GiB")
        return self.lin(x)


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
