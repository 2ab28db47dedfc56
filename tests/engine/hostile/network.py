"""Tries every way out: TCP, UDP, names, netlink, raw packets, sockets of other programs.
Expected: identical, mismatch (eager says that nothing was open), identical.
"""
import contextlib
import socket

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        if not (torch.compiler.is_exporting() or torch.jit.is_tracing()) and x.shape[0] == 3:
            opened = []
            for family in range(1, 46):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
                    with contextlib.suppress(OSError):
                        made = socket.socket(family, kind)
                        for address in ("/run/systemd/notify", "/var/run/docker.sock", "\0nobody"):
                            made.connect(address)
                        opened.append((family, kind))
            with contextlib.suppress(OSError):
                opened.append(socket.getaddrinfo("example.com", 80))
            raise RuntimeError(f"OPEN {opened}")
        return self.lin(x)


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
