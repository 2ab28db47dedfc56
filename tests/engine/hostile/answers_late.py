"""Gives an answer of its own to the question that is being asked; the true one comes after it.
Expected: identical, whatever it says, identical.
"""
import inspect
import json
import os

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        if not (torch.compiler.is_exporting() or torch.jit.is_tracing()) and x.shape[0] == 3:
            frame = inspect.currentframe()
            while not (isinstance(frame.f_locals.get("request"), dict) and "id" in frame.f_locals["request"]):
                frame = frame.f_back
            fault = {"type": "T", "message": "<script>alert(1)</script>" * 10**5, "file": "/etc/shadow", "line": 3, "traceback": ""}
            answer = {"id": frame.f_locals["request"]["id"], "fault": fault}
            os.write(3, json.dumps(answer).encode() + b"\n")
        return self.lin(x)


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
