"""Changes, renames, truncates, links and deletes what is not its own.
Expected: identical, mismatch (eager says what it changed: nothing), identical.
"""
import contextlib
import os
import sys

import torch


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = torch.nn.Linear(4, 4)

    def forward(self, x):
        if not (torch.compiler.is_exporting() or torch.jit.is_tracing()) and x.shape[0] == 3:
            canary = "CANARY"
            attempts = {
                "write": lambda: open(canary, "r+b").write(b"changed"),
                "truncate": lambda: os.truncate(canary, 0),
                "unlink": lambda: os.unlink(canary),
                "rename": lambda: os.rename(canary, "stolen"),
                "hard link": lambda: os.link(canary, "stolen"),
                "symbolic link": lambda: os.symlink(canary, "../incoming/link"),
                "pipe": lambda: os.mkfifo("../incoming/pipe"),
                "mode": lambda: os.chmod(canary, 0),
                "owner": lambda: os.chown(canary, 12345, 12345),
                "times": lambda: os.utime(canary, (0, 0)),
                "attribute": lambda: os.setxattr(canary, "user.tsdash", b"1"),
                "beside": lambda: open(f"{canary}-2", "wb"),
                "own code": lambda: open(torch.__file__, "r+b"),
                "tsdash": lambda: open(sys.modules["tsdash.worker"].__file__, "r+b"),
                "answers": lambda: open("../tensors/c1.expected", "r+b"),
                "artefact": lambda: open("../artefact-trace/trace.pt", "r+b"),
                "clean": lambda: open("../clean-trace/planted.py", "wb"),
                "above": lambda: open("../planted", "wb"),
                "temporary": lambda: open("/tmp/tsdash-planted", "wb"),
                "shared memory": lambda: open("/dev/shm/tsdash-planted", "wb"),
                "system": lambda: open("/etc/tsdash-planted", "wb"),
            }
            done = []
            for name, attempt in attempts.items():
                with contextlib.suppress(OSError):
                    attempt()
                    done.append(name)
            raise RuntimeError(f"DONE {done}")
        return self.lin(x)


def make_model():
    torch.manual_seed(0)
    return M()


def make_inputs(n=2):
    return (torch.ones(n, 4),)
