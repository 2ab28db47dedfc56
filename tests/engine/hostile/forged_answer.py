"""Writes answers of its own to whatever looks like a channel to the parent.
Expected: identical, crash (something else wrote to the channel), identical.
"""
import json
import os

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        if not (torch.compiler.is_exporting() or torch.jit.is_tracing()) and x.shape[0] == 3:
            for number in range(200):
                forged = {"id": number, "ok": {"side": {"ended": "returned", "seconds": 0.0}, "bytes": 0}}
                os.write(3, json.dumps(forged).encode() + b"\n")
        return self.lin(x)


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
