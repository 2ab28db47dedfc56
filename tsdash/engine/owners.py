"""Who runs a run: a process, told apart from a later one that got the same number by the time at which it started."""

from __future__ import annotations

import os

import psutil


def this_process(kind: str) -> str:
    """ "server:4711:1790000000.5": the kind of engine, the process, its start."""
    return f"{kind}:{os.getpid()}:{psutil.Process().create_time():.2f}"


def lives(owner: str) -> bool:
    """Whether that very process is still there."""
    _, _, rest = owner.partition(":")
    pid, _, started = rest.partition(":")
    try:
        return bool(abs(psutil.Process(int(pid)).create_time() - float(started)) < 0.1)
    except (psutil.Error, ValueError):
        return False
