"""Asks the kernel for what no model needs: namespaces, tracing, keys, BPF, mounts, another user.
Expected: identical, mismatch (eager says what it got: nothing), identical.
"""
import ctypes
import os

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        if not (torch.compiler.is_exporting() or torch.jit.is_tracing()) and x.shape[0] == 3:
            libc = ctypes.CDLL(None, use_errno=True)
            buffer = ctypes.create_string_buffer(4096)
            attempts = {
                "unshare": lambda: libc.unshare(0x10000000),
                "mount": lambda: libc.mount(b"none", b"/", b"tmpfs", 0, None),
                "chroot": lambda: libc.chroot(b"."),
                "ptrace": lambda: libc.ptrace(16, os.getppid(), None, None),
                "setuid": lambda: libc.setuid(0),
                "memfd": lambda: libc.memfd_create(b"hidden", 0),
                "shmget": lambda: libc.shmget(0, 4096, 0o600),
                "msgget": lambda: libc.msgget(0, 0o600),
                "keyctl": lambda: libc.syscall(250, 0, -3, 1, 0, 0),
                "bpf": lambda: libc.syscall(321, 0, buffer, 128),
                "perf": lambda: libc.syscall(298, buffer, 0, -1, -1, 0),
                "userfaultfd": lambda: libc.syscall(323, 0),
                "io_uring": lambda: libc.syscall(425, 8, buffer),
                "newer call": lambda: libc.syscall(600),
                "read memory": lambda: libc.process_vm_readv(os.getppid(), buffer, 1, buffer, 1, 0),
                "priority": lambda: libc.setpriority(2, 0, 5),
                "affinity": lambda: libc.sched_setaffinity(os.getppid(), 128, buffer),
                "limits": lambda: libc.prlimit(os.getppid(), 7, buffer, None),
                "outlive": lambda: libc.prctl(1, 0, 0, 0, 0),
                "inotify": lambda: libc.inotify_init(),
            }
            got = [name for name, attempt in attempts.items() if attempt() >= 0]
            raise RuntimeError(f"GOT {got}")
        return self.lin(x)


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
