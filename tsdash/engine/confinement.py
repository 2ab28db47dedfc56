"""What a worker may do: its own session, limits, a clean environment, a folder of its own, no inherited descriptors."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import resource
import signal
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1
ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "CUDA_VISIBLE_DEVICES", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_FILE_MIB = 16384
_DESCRIPTORS = 256


def die_with_parent() -> None:
    """Ask the kernel for SIGKILL when the thread that started this process ends (Linux; elsewhere a closed socket tells)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def confine(folder: str, channel: int, output: int, confinement: dict[str, Any]) -> tuple[int, int]:
    """Apply `confinement` ({"memory_mib": …, "environment": {…}}) to this freshly forked process.

    Returns the descriptors of channel and output as they are now: 3 and 1.
    """
    os.setsid()
    die_with_parent()
    os.dup2(output, 1)
    os.dup2(output, 2)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    if channel != 3:
        os.dup2(channel, 3)
    os.closerange(4, 65536)
    os.set_inheritable(3, False)
    os.chdir(folder)
    kept = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    os.environ.clear()
    os.environ.update({**kept, "HOME": folder, "TMPDIR": folder, "TORCH_HOME": folder, "MPLCONFIGDIR": folder})
    limit = int(confinement["memory_mib"]) * 2**20
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_MIB * 2**20, _FILE_MIB * 2**20))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_DESCRIPTORS, _DESCRIPTORS))
    faulthandler.enable(file=2)
    return 3, 1
