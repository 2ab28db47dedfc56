"""Stops every clock and makes sleeping instant, then never ends.
Expected: identical, timeout, identical.
"""
import signal
import time

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        if not (torch.compiler.is_exporting() or torch.jit.is_tracing()) and x.shape[0] == 3:
            for name in ("time", "monotonic", "perf_counter", "process_time", "time_ns", "monotonic_ns", "perf_counter_ns"):
                setattr(time, name, lambda: float("nan"))
            time.sleep = lambda _: None
            signal.setitimer = signal.alarm = lambda *_: None
            while True:
                pass
        return self.lin(x)


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
