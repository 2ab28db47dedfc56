"""The zygote: torch imported once, one thread, no model code; forks a worker in tens of milliseconds.

Started as `python -m tsdash.engine.zygote FD`. Requests and reports are JSON datagrams on the control socket FD:
    {"fork": key, "role": …, "bounds": …} with two descriptors, the worker's channel and its output
    {"kill": pid}, {"preload": [module…]}
    {"ready": pid}, {"forked": key, "pid": pid}, {"exited": pid, "status": wait status, "why": … where the warden ended it}
A worker's first message on its channel is {"confined": [what was applied…]}. The zygote adopts the orphans of its workers
(subreaper) and ends them, so whatever a model starts ends with its worker at the latest.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import Any

from tsdash.engine import confinement, warden

_PR_SET_CHILD_SUBREAPER = 36
_MAX_DATAGRAM = 65536


@dataclass
class _Watched:
    """A worker that lives, and why it was ended if the warden did it."""

    allowance: warden.Allowance
    why: str = ""


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    confinement.die_with_parent()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    _warm_up()
    wake, wake_end = os.pipe()
    os.set_blocking(wake_end, False)
    signal.set_wakeup_fd(wake_end)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    control.send(json.dumps({"ready": os.getpid()}).encode())
    workers: dict[int, _Watched] = {}
    watched_at = time.monotonic()
    while True:
        readable, _, _ = select.select([control, wake], [], [], warden.INTERVAL_S if workers else None)
        if wake in readable:
            os.read(wake, 4096)
            _reap(control, workers)
        if time.monotonic() > watched_at + warden.INTERVAL_S:
            _watch(workers)
            watched_at = time.monotonic()
        if control in readable and not _answer(control, workers):
            for pid in workers:
                _kill(pid)
            os._exit(0)


def _warm_up() -> None:
    """Everything that a worker would import, and one single-threaded trace: the first one sets up the tracer."""
    import warnings

    import torch

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    for name in ("tsdash.author", "tsdash.clean", "tsdash.worker"):
        importlib.import_module(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(torch.nn.Linear(1, 1), torch.zeros(1, 1))(torch.zeros(1, 1))
    gc.collect()
    gc.freeze()  # so that a worker's collections do not copy the pages of what the zygote imported


def _answer(control: socket.socket, workers: dict[int, _Watched]) -> bool:
    """Do what the parent asks; False once the parent is gone."""
    try:
        raw, fds, _, _ = socket.recv_fds(control, _MAX_DATAGRAM, 2)
    except OSError:
        return False
    if not raw:
        return False
    request = json.loads(raw)
    if "fork" in request:
        bounds = confinement.Bounds(**request["bounds"])
        allowance = warden.Allowance(memory_mib=bounds.memory_mib, folders=(bounds.folder, *bounds.writes))
        pid = os.fork()
        if pid == 0:
            control.close()
            _become_worker(request["role"], bounds, allowance, *fds)
        workers[pid] = _Watched(allowance)
        for fd in fds:
            os.close(fd)
        control.send(json.dumps({"forked": request["fork"], "pid": pid}).encode())
    elif "kill" in request and request["kill"] in workers:
        _kill(request["kill"])
    elif "preload" in request:
        for name in request["preload"]:
            importlib.import_module(name)
        gc.freeze()
    return True


def _kill(pid: int) -> None:
    """SIGKILL to the worker and to its process group."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _reap(control: socket.socket, workers: dict[int, _Watched]) -> None:
    """Report the workers that ended, after all that they started has been ended too."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            break
        if pid in workers:
            watched = workers.pop(pid)
            _kill(pid)
            control.send(json.dumps({"exited": pid, "status": status, "why": watched.why}).encode())
    _end_orphans(workers)


def _watch(workers: dict[int, _Watched]) -> None:
    """End the workers that hold more than they may, and what has no parent left but this process."""
    for pid, watched in workers.items():
        watched.why = watched.why or warden.excess(pid, watched.allowance) or ""
        if watched.why:
            _kill(pid)
    _end_orphans(workers)


def _end_orphans(workers: dict[int, _Watched]) -> None:
    for orphan in set(warden.children(os.getpid())) - workers.keys():
        _kill(orphan)


def _become_worker(role: str, bounds: confinement.Bounds, allowance: warden.Allowance, channel: int, output: int) -> None:
    """In the forked child: confine itself, say so, then serve until the channel closes. Never returns."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        applied = confinement.confine(bounds, channel, output)
        from tsdash import worker

        parent = socket.socket(fileno=confinement.CHANNEL)
        parent.sendall(json.dumps({"confined": [*applied, warden.describe(allowance)]}).encode() + b"\n")
        worker.serve(parent, role, bounds.folder)
    except BaseException:
        import traceback

        os.write(confinement.STANDARD_ERROR, traceback.format_exc().encode(errors="backslashreplace")[-8192:])
        os._exit(70)
    os._exit(0)


if __name__ == "__main__":
    main()
