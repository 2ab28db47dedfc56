"""Strict isolation: the zygote and all workers inside bubblewrap, with user, pid, network, IPC and mount namespaces of their own.

One sandbox holds all workers, for they are forked from one zygote. Against the server it is a second wall behind Landlock and
seccomp; between workers Landlock and seccomp stand alone, so strict refuses to start without them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tsdash.engine import confinement, landlock, seccomp
from tsdash.errors import OptionError

APPLIED = "bubblewrap: user, pid, network, IPC and mount namespaces of their own for all workers together"
_NAMESPACES = (
    "--unshare-user",
    "--unshare-pid",
    "--unshare-net",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
)
_PROBE_S = 30.0


def command(program: Sequence[str], *, reads: Sequence[str], root: Path) -> list[str]:
    """`program` inside the sandbox: it sees the system, Python, tsdash and `reads`, and writes below `root` alone."""
    arguments = [
        shutil.which("bwrap") or "bwrap",
        *_NAMESPACES,
        "--die-with-parent",
        "--cap-drop",
        "ALL",
        "--chdir",
        "/",
    ]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for path in (*confinement.SYSTEM, *confinement.installation(), *reads):
        if not path.startswith("/proc/"):
            arguments += ["--ro-bind-try", path, path]
    accelerators = confinement.accelerators()
    for path in accelerators:
        arguments += ["--dev-bind-try", path, path]
    for path in confinement.DRIVERS if accelerators else ():
        if not path.startswith("/proc/"):
            arguments += ["--ro-bind-try", path, path]
    return [*arguments, "--bind", str(root), str(root), "--", *program]


def require(root: Path) -> None:
    """Raises OptionError, with what is missing, where strict isolation cannot hold."""
    missing = ""
    if not landlock.abi():
        missing = "Landlock, which this kernel does not have or has switched off (Linux 5.13, lsm=landlock)"
    elif not seccomp.supported():
        missing = "seccomp filters, which this system does not have"
    elif shutil.which("bwrap") is None:
        missing = "bubblewrap, which is not installed here (Debian: apt-get install bubblewrap)"
    else:
        program = command([sys.executable, "-c", "import tsdash"], reads=(), root=root)
        environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
        tried = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=_PROBE_S, check=False)
        if tried.returncode != 0:
            missing = f"user namespaces, which bubblewrap does not get here: {tried.stderr.strip()[-500:]}"
    if missing:
        raise OptionError(
            f"TSDASH_ISOLATION=strict needs {missing}. Mend that, or leave TSDASH_ISOLATION out and read docs/isolation.md."
        )
