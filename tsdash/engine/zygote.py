"""The zygote: torch imported once, one thread, no model code; forks a worker in tens of milliseconds.

Started as `python -m tsdash.engine.zygote FD`. Requests and reports are JSON datagrams on the control socket FD:
    {"fork": key, "role": …, "bounds": …} with two descriptors, the worker's channel and its output
    {"kill": pid}, {"preload": [module…], "spare": whether only once nothing else is to be done}
    {"ready": pid}, {"forked": key, "pid": pid}, {"unforked": key, "why": …}, {"exited": pid, "status": exit status or minus the signal, "why": … where the warden ended it}
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
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from tsdash.engine import confinement, seccomp, warden

_PR_SET_CHILD_SUBREAPER = 36
_MAX_DATAGRAM = 65536


@dataclass
class _Watched:
    """A worker that lives. `asks` is the socket that brings its listener, then the listener at which it asks for processes."""

    allowance: warden.Allowance
    asks: int
    listening: bool = False
    why: str = ""  # it was ended, if the warden did it


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
    workers: dict[int, _Watched] = {}
    signal.signal(signal.SIGTERM, lambda *_: _leave(workers))  # the engine's thread has ended, though not its process
    control.send(json.dumps({"ready": os.getpid()}).encode())
    spare: list[str] = []
    watched_at = time.monotonic()
    while True:
        asking = {watched.asks: pid for pid, watched in workers.items() if watched.asks >= 0}
        idle = bool(spare) and not workers
        patience_s = 0 if idle else warden.INTERVAL_S if workers else None
        readable, _, _ = select.select([control.fileno(), wake, *asking], [], [], patience_s)
        if idle and not readable:
            _import([spare.pop(0)])
        for fd in asking.keys() & readable:
            _hear(asking[fd], workers)
        if wake in readable:
            os.read(wake, 4096)
            _reap(control, workers)
        if time.monotonic() > watched_at + warden.INTERVAL_S:
            _watch(workers)
            watched_at = time.monotonic()
        if control.fileno() in readable and not _answer(control, workers, spare):
            _leave(workers)


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
        trace: Any = torch.jit.trace
        trace(torch.nn.Linear(1, 1), torch.zeros(1, 1))(torch.zeros(1, 1))
    confinement.common_grants()
    gc.collect()
    gc.freeze()  # so that a worker's collections do not copy the pages of what the zygote imported


def _import(modules: Iterable[str]) -> None:
    for name in modules:
        with contextlib.suppress(ModuleNotFoundError):  # whoever needs it says so
            importlib.import_module(name)
    gc.freeze()


def _answer(control: socket.socket, workers: dict[int, _Watched], spare: list[str]) -> bool:
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
        allowance = warden.Allowance(memory_mib=bounds.memory_mib, folder=bounds.folder, results=bounds.writes)
        report: dict[str, object]
        asks, asks_end = (end.detach() for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        try:
            pid = os.fork()
        except OSError as error:
            os.close(asks)
            report = {"unforked": request["fork"], "why": f"the system could not start it ({error.strerror})"}
        else:
            if pid == 0:
                control.detach()  # its number will be another descriptor's
                _become_worker(request["role"], bounds, allowance, fds[0], fds[1], asks_end)
            workers[pid] = _Watched(allowance, asks)
            report = {"forked": request["fork"], "pid": pid}
        for fd in (fds[0], fds[1], asks_end):
            os.close(fd)
        control.send(json.dumps(report).encode())
    elif "kill" in request and request["kill"] in workers:
        _kill(request["kill"])
    elif "preload" in request:
        if request.get("spare"):
            spare += request["preload"]
        else:
            _import(request["preload"])
    return True


def _leave(workers: dict[int, _Watched]) -> NoReturn:
    """End every worker with all that it started: no kernel does that when this process ends, save for the workers themselves."""
    for pid in (*workers, *_orphans(workers)):
        _kill(pid)
    os._exit(0)


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
            if watched.asks >= 0:
                os.close(watched.asks)
            control.send(
                json.dumps({"exited": pid, "status": os.waitstatus_to_exitcode(status), "why": watched.why}).encode()
            )
    _end_orphans(workers)


def _hear(pid: int, workers: dict[int, _Watched]) -> None:
    """A worker has sent its listener, or asks there for another process: it gets it while it is within its allowance."""
    watched = workers[pid]
    if not watched.listening:
        with socket.socket(fileno=watched.asks) as channel:
            _, fds, _, _ = socket.recv_fds(channel, 16, 1)
        watched.asks, watched.listening = (fds[0], True) if fds else (-1, False)
        return
    try:
        question = seccomp.next_question(watched.asks)
    except EOFError:
        os.close(watched.asks)
        watched.asks = -1
        return
    if question is None:
        return
    if len(warden.family(pid, _orphans_of(workers).get(pid, ()))) > warden.MOST_PROCESSES:
        watched.why = watched.why or f"it asked for more than {warden.MOST_PROCESSES} processes"
        _kill(pid)
    else:
        seccomp.answer(watched.asks, question)


def _watch(workers: dict[int, _Watched]) -> None:
    """End the workers that hold more than they may, and what has no parent left but this process."""
    orphans = _orphans_of(workers)
    for pid, watched in workers.items():
        watched.why = watched.why or warden.excess(pid, orphans.get(pid, ()), watched.allowance) or ""
        if watched.why:
            _kill(pid)
    _end_orphans(workers)


def _orphans_of(workers: dict[int, _Watched]) -> dict[int, list[int]]:
    """The orphans by their process group, which is the worker that they come from."""
    orphans: dict[int, list[int]] = {}
    for orphan in _orphans(workers):
        with contextlib.suppress(ProcessLookupError):
            orphans.setdefault(os.getpgid(orphan), []).append(orphan)
    return orphans


def _end_orphans(workers: dict[int, _Watched]) -> None:
    for orphan in _orphans(workers):
        _kill(orphan)


def _orphans(workers: dict[int, _Watched]) -> set[int]:
    return set(warden.children(os.getpid())) - workers.keys()


def _become_worker(
    role: str, bounds: confinement.Bounds, allowance: warden.Allowance, channel: int, output: int, asks: int
) -> None:
    """In the forked child: confine itself, say so, then serve until the channel closes. Never returns."""
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        applied = confinement.confine(bounds, channel=channel, output=output, asks=asks)
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
