"""Every call leaves threads, one of them busy, none of them a daemon.
Expected: identical, identical, identical.
"""
import threading

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        if not (torch.compiler.is_exporting() or torch.jit.is_tracing()) and x.shape[0] == 3:
            for _ in range(8):
                threading.Thread(target=threading.Event().wait).start()
            threading.Thread(target=busy).start()
        return self.lin(x)


def busy():
    while True:
        pass


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
