"""The parent's side of the zygote: start it, have it fork workers, learn how they ended. Linux."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tsdash.engine import bubblewrap, confinement, folders
from tsdash.engine.workers import KILL_GRACE_S, MAX_MESSAGE, Kept, Worker, WorkerLost

_PIPE_READS = 8  # of 1 MiB at a worker's end: no pipe holds more, unless someone goes on writing


class ForkingNursery:
    """Owns the zygote process. All methods run in the engine's event loop."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._keys = itertools.count(1)
        self._waiting: dict[int, Worker] = {}
        self._workers: dict[int, Worker] = {}
        self._ready: asyncio.Future[None] | None = None
        self.confinement: tuple[str, ...] = ()  # what was applied to the latest worker
        self._operator = confinement.operator()
        self._outputs: dict[Worker, _Drain] = {}
        self._sandbox: tuple[Path, int] | None = None
        self.root = folders.root()  # of the folders of all runs
        folders.remove_abandoned(self.root)
        if confinement.isolation() == "strict":
            bubblewrap.require(self.root)
            self._sandbox = folders.create(self.root)
            self.root = self._sandbox[0]

    async def start(self) -> None:
        """Start the zygote if none is running and wait until it has imported torch."""
        if self._ready is None:
            loop = asyncio.get_running_loop()
            self._ready = loop.create_future()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._process = subprocess.Popen(
                self._command([sys.executable, "-m", "tsdash.engine.zygote", str(theirs.fileno())]),
                pass_fds=[theirs.fileno()],
                env={**self._operator.environment(), "OMP_NUM_THREADS": "1"},
                cwd=os.sep,  # -m puts the current folder on the search path
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            theirs.close()
            ours.setblocking(False)
            self._control = ours
            loop.add_reader(ours, self._hear)
        await asyncio.shield(self._ready)

    def _command(self, program: list[str]) -> list[str]:
        if self._sandbox is None:
            return program
        return bubblewrap.command(
            program, reads=(*self._operator.readable, *self._operator.searches, os.getcwd()), root=self.root
        )

    async def preload(self, modules: tuple[str, ...], *, spare: bool = False) -> None:
        """Have the zygote import what the coming workers need, once for all of them."""
        await self.start()
        self._tell({"preload": modules, "spare": spare})

    async def fork(
        self,
        role: str,
        folder: Path,
        memory_mib: int,
        output_kib: int,
        *,
        reads: Sequence[Path] = (),
        writes: Sequence[Path] = (),
        searches: Sequence[str] = (),
    ) -> Worker:
        """A new worker in `folder`, which is emptied; what it may read, write and import beside it see `confinement.Bounds`."""
        await self.start()
        await asyncio.to_thread(folders.fresh, folder)
        bounds = self._operator.bounds(
            role, folder, memory_mib, reads=reads, writes=writes, searches=searches, strict=self._sandbox is not None
        )
        channel, channel_end = socket.socketpair()
        output, output_end = os.pipe()
        key = next(self._keys)
        worker = self._waiting[key] = Worker(kill=self._end, output_kib=output_kib, seen=self._sandbox is None)
        self._outputs[worker] = _Drain(output, worker.printed)
        try:
            self._tell({"fork": key, "role": role, "bounds": asdict(bounds)}, [channel_end.fileno(), output_end])
        finally:
            channel_end.close()
            os.close(output_end)
        channel.setblocking(False)
        await worker.open(*await asyncio.open_unix_connection(sock=channel, limit=MAX_MESSAGE))
        self.confinement = (*((bubblewrap.APPLIED,) if self._sandbox else ()), *worker.confinement)
        return worker

    def _end(self, pid: int) -> None:
        """SIGKILL to a worker, its process group and whatever it left behind."""
        with contextlib.suppress(OSError, WorkerLost):
            self._tell({"kill": pid})

    async def close(self) -> None:
        """End the zygote and with it every worker."""
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                await _aside(self._process.wait, KILL_GRACE_S)
            self._process.kill()
        self._forget("the engine was closed")
        if self._sandbox is not None:
            await _aside(folders.release, *self._sandbox)

    def _tell(self, request: dict[str, Any], fds: list[int] | None = None) -> None:
        if self._control is None:
            raise WorkerLost("crash", "the zygote is gone")
        try:
            socket.send_fds(self._control, [json.dumps(request).encode()], fds or [])
        except OSError as error:
            self._forget(f"the zygote is gone: {error}")
            raise WorkerLost("crash", "the zygote is gone") from error

    def _hear(self) -> None:
        """One report of the zygote."""
        assert self._control is not None
        try:
            raw = self._control.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            raw = b""
        if not raw:
            self._forget("the zygote died")
            return
        report = json.loads(raw)
        if "ready" in report and self._ready is not None and not self._ready.done():
            self._ready.set_result(None)
        elif "forked" in report:
            worker = self._workers[report["pid"]] = self._waiting.pop(report["forked"])
            worker.started(report["pid"])
        elif "unforked" in report:
            self._ended(self._waiting.pop(report["unforked"]), -signal.SIGKILL, report["why"])
        elif "exited" in report:
            self._ended(self._workers.pop(report["exited"]), report["status"], report["why"])

    def _ended(self, worker: Worker, status: int, why: str = "") -> None:
        self._outputs.pop(worker).stop()
        worker.ended(status, why)

    def _forget(self, reason: str) -> None:
        """The zygote is gone and all its workers with it; the next fork starts another."""
        if self._control is not None:
            with contextlib.suppress(ValueError, OSError):
                asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
        lost = WorkerLost("crash", reason)
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(lost)
            self._ready.exception()  # seen: a future that nobody awaits any more must not complain
        for pid in self._workers if self._sandbox is None else ():  # a zygote that was killed could not do it
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
        for worker in (*self._waiting.values(), *self._workers.values()):
            self._ended(worker, -signal.SIGKILL)
        self._control, self._ready, self._waiting, self._workers = None, None, {}, {}


class _Drain:
    """Reads a pipe as soon as there is something in it, so that its writer never waits."""

    def __init__(self, fd: int, kept: Kept) -> None:
        self._fd = fd
        self._kept = kept
        os.set_blocking(fd, False)
        asyncio.get_running_loop().add_reader(fd, self._read)

    def _read(self) -> bool:
        try:
            chunk = os.read(self._fd, 2**20)
        except BlockingIOError:
            return False
        except OSError:
            chunk = b""
        self._kept.add(chunk)
        if not chunk:
            self._close()
        return bool(chunk)

    def stop(self) -> None:
        """Take what is left in the pipe and close it."""
        for _ in range(_PIPE_READS):
            if self._fd < 0 or not self._read():
                break
        self._close()

    def _close(self) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1


async def _aside(function: Callable[..., object], *args: object) -> None:
    """Call it in another thread; in this one where the interpreter is about to end and starts none any more."""
    try:
        await asyncio.to_thread(function, *args)
    except RuntimeError:
        function(*args)
