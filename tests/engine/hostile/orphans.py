"""Leaves a child and a daemon with a session of its own, both holding every descriptor.
Expected: identical, identical, identical; no process is left.
"""
import os
import subprocess
import time

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        if not (torch.compiler.is_exporting() or torch.jit.is_tracing()) and x.shape[0] == 3:
            subprocess.Popen(["sleep", "600"], close_fds=False)
            subprocess.Popen(["sh", "-c", "setsid sleep 600 & sleep 0"], close_fds=False, start_new_session=True).wait()
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    time.sleep(600)
                os._exit(0)
        return self.lin(x)


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
