"""The parent's side of the zygote: start it, fork workers, talk to them under a deadline, learn how they ended."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tsdash.engine import bubblewrap, folders
from tsdash.engine.confinement import ENVIRONMENT, Bounds, isolation

_MAX_MESSAGE = 64 * 2**20  # bytes of one line from a worker; more is a protocol error
_KILL_GRACE_S = 10.0  # for the kernel to take down a killed worker
_HELLO_S = 60.0  # for a forked worker to confine itself
_HOME_OF_TSDASH = str(Path(__file__).resolve().parents[2])


class WorkerLost(Exception):
    """A worker that gave no answer. `ended` is "timeout", "crash" or, when it failed inside tsdash's own code, "bug"."""

    def __init__(self, ended: str, message: str) -> None:
        super().__init__(message)
        self.ended = ended


class Nursery:
    """Owns the zygote process. All methods run in the engine's event loop."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._keys = itertools.count(1)
        self._waiting: dict[int, Worker] = {}
        self._workers: dict[int, Worker] = {}
        self._ready: asyncio.Future[None] | None = None
        self._readable = [
            os.path.abspath(path) for path in os.environ.get("TSDASH_READABLE", "").split(os.pathsep) if path
        ]
        self.confinement: tuple[str, ...] = ()  # what was applied to the latest worker
        self._isolation = isolation()
        self._sandbox: tuple[Path, int] | None = None
        self.root = folders.root()  # of the folders of all runs
        folders.remove_abandoned(self.root)
        if self._isolation == "strict":
            bubblewrap.require(self.root)
            self._sandbox = folders.create(self.root)
            self.root = self._sandbox[0]

    async def start(self) -> None:
        """Start the zygote if none is running and wait until it has imported torch."""
        if self._ready is None:
            loop = asyncio.get_running_loop()
            self._ready = loop.create_future()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
            self._process = subprocess.Popen(
                self._command([sys.executable, "-m", "tsdash.engine.zygote", str(theirs.fileno())]),
                pass_fds=[theirs.fileno()],
                env={
                    **environment,
                    "PYTHONPATH": os.pathsep.join([_HOME_OF_TSDASH, *_own_path()]),
                    "OMP_NUM_THREADS": "1",
                },
                cwd=os.sep,  # -m puts the current folder on the search path
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            theirs.close()
            ours.setblocking(False)
            self._control = ours
            loop.add_reader(ours, self._hear)
        await asyncio.shield(self._ready)

    @property
    def sandboxed(self) -> bool:
        return self._sandbox is not None

    def _command(self, program: list[str]) -> list[str]:
        if self._sandbox is None:
            return program
        return bubblewrap.command(program, reads=(*self._readable, *_own_path(), os.getcwd()), root=self.root)

    async def preload(self, modules: tuple[str, ...]) -> None:
        """Have the zygote import what the coming workers need, once for all of them."""
        await self.start()
        self._tell({"preload": modules})

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
        bounds = Bounds(
            folder=str(folder),
            memory_mib=memory_mib,
            reads=(*map(str, reads), *(self._readable if role == "author" else ())),
            writes=tuple(map(str, writes)),
            searches=(*searches, *(_own_path() if role == "author" else ())),
            strict=self._sandbox is not None,
        )
        channel, channel_end = socket.socketpair()
        output, output_end = os.pipe()
        key = next(self._keys)
        worker = self._waiting[key] = Worker(self, channel, output, output_kib)
        try:
            self._tell({"fork": key, "role": role, "bounds": asdict(bounds)}, [channel_end.fileno(), output_end])
        finally:
            channel_end.close()
            os.close(output_end)
        await worker.open()
        self.confinement = (*((bubblewrap.APPLIED,) if self._sandbox else ()), *worker.confinement)
        return worker

    def kill(self, pid: int) -> None:
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
                await asyncio.to_thread(self._process.wait, _KILL_GRACE_S)
            self._process.kill()
        self._forget("the engine was closed")
        if self._sandbox is not None:
            await asyncio.to_thread(folders.release, *self._sandbox)

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
            self._waiting.pop(report["unforked"]).ended(signal.SIGKILL, report["why"])
        elif "exited" in report:
            self._workers.pop(report["exited"]).ended(report["status"], report["why"])

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
        for worker in (*self._waiting.values(), *self._workers.values()):
            worker.ended(signal.SIGKILL)
        self._control, self._ready, self._waiting, self._workers = None, None, {}, {}


def _own_path() -> list[str]:
    """The operator's additions to Python's search path."""
    return [os.path.abspath(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


class Worker:
    """One forked worker: a request and its answer at a time, each under a deadline."""

    def __init__(self, nursery: Nursery, channel: socket.socket, output: int, output_kib: int) -> None:
        self.pid = 0  # until it is forked
        self._nursery = nursery
        self._channel = channel
        self._output = _Drain(output, output_kib * 1024)
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._lock = asyncio.Lock()
        self._why = ""
        self._killed = False
        self.confinement: tuple[str, ...] = ()

    def started(self, pid: int) -> None:
        """Called by the nursery when the zygote has forked it."""
        self.pid = pid

    async def open(self) -> None:
        """Wait until the worker has confined itself and hear what that came to. Raises WorkerLost."""
        self._channel.setblocking(False)
        self._reader, self._writer = await asyncio.open_unix_connection(sock=self._channel, limit=_MAX_MESSAGE)
        self._output.start()
        try:
            hello = await asyncio.wait_for(self._reader.readline(), _HELLO_S)
            self.confinement = tuple(json.loads(hello)["confined"])
        except asyncio.CancelledError:
            await self.kill()
            raise
        except (asyncio.TimeoutError, OSError, ValueError):
            how = await self._death()
            raise WorkerLost("bug", f"a worker could not be started: {how}\n{self.output[-2000:]}".rstrip()) from None

    @property
    def alive(self) -> bool:
        """Whether it can be asked: it has neither ended nor been told to."""
        return not (self._exit.done() or self._killed)

    def rss_bytes(self) -> int:
        """Resident memory of the worker; 0 where the system does not tell, and in a sandbox, where its number is another."""
        if self._nursery.sandboxed:
            return 0
        try:
            return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):
            return 0

    @property
    def output(self) -> str:
        """What the worker wrote to stdout and stderr, head and tail."""
        return self._output.text()

    async def call(self, request: dict[str, Any], limit_s: float) -> dict[str, Any]:
        """Send one request and return its answer. Raises WorkerLost after `limit_s` seconds or when the worker ends."""
        async with self._lock:
            key = secrets.token_hex(8)  # so that text which a model writes to its channel is no answer
            try:
                return await asyncio.wait_for(self._exchange({**request, "id": key}, key), limit_s)
            except asyncio.TimeoutError:
                await self.kill()
                raise WorkerLost("timeout", f"no answer within {limit_s:g} s; the process was killed") from None
            except (ValueError, RecursionError):  # no JSON, too long, nested too deep, or no answer to this request
                await self.kill()
                raise WorkerLost(
                    "crash", "something else than tsdash wrote to the worker's channel; the process was killed"
                ) from None
            except ConnectionError:
                raise WorkerLost("crash", await self._death()) from None
            except asyncio.CancelledError:
                await self.kill()
                raise

    async def _exchange(self, request: dict[str, Any], key: str) -> dict[str, Any]:
        self._writer.write(json.dumps(request).encode() + b"\n")
        await self._writer.drain()
        answer = asyncio.ensure_future(self._reader.readline())
        either: set[asyncio.Future[Any]] = {answer, self._exit}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():  # an orphan may hold the channel open, and the last answer may still be in it
            await asyncio.wait({answer}, timeout=0.2)
        if not answer.done() or not answer.result().endswith(b"\n"):
            answer.cancel()
            raise ConnectionResetError
        reply = json.loads(answer.result())
        if not isinstance(reply, dict) or reply.get("id") != key or not reply.keys() & {"ok", "fault", "bug"}:
            raise ValueError("not an answer to this request")
        if "bug" in reply:
            await self.kill()
            raise WorkerLost("bug", str(reply["bug"]))
        return reply

    async def _death(self) -> str:
        """How the worker ended, in words."""
        try:
            status = await asyncio.wait_for(asyncio.shield(self._exit), _KILL_GRACE_S)
        except asyncio.TimeoutError:
            await self.kill()
            return "the worker closed its channel and was killed"
        if self._why:
            return f"{self._why}; the process was killed"
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            known = {known.value: known.name for known in signal.Signals}
            return f"the process died of {known.get(number, f'signal {number}')}"
        return f"the process ended by itself with status {os.waitstatus_to_exitcode(status)}"

    async def kill(self) -> None:
        """End the worker now and wait until it is gone."""
        self._killed = True
        if self.pid and not self._exit.done():
            self._nursery.kill(self.pid)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._exit), _KILL_GRACE_S)
        self._writer.close()

    def ended(self, status: int, why: str = "") -> None:
        """Called by the nursery when the zygote reports the end, and `why` where the warden brought it about."""
        self._why = why
        if not self._exit.done():
            self._exit.set_result(status)
        self._output.stop()


class _Drain:
    """Reads a pipe for ever, keeping the first and the last bytes: a flood costs neither memory nor time to its writer."""

    def __init__(self, fd: int, keep: int) -> None:
        self._fd = fd
        self._keep = keep // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def start(self) -> None:
        os.set_blocking(self._fd, False)
        asyncio.get_running_loop().add_reader(self._fd, self._read)

    def _read(self) -> None:
        try:
            chunk = os.read(self._fd, 2**20)
        except (BlockingIOError, OSError):
            return
        if not chunk:
            self._close()
            return
        room = self._keep - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:] if room > 0 else chunk
        if len(self._tail) > self._keep:
            self._dropped += len(self._tail) - self._keep
            del self._tail[: -self._keep]

    def stop(self) -> None:
        """Take what is left in the pipe and close it."""
        while self._fd >= 0:
            before = len(self._head) + len(self._tail) + self._dropped
            self._read()
            if len(self._head) + len(self._tail) + self._dropped == before:
                self._close()

    def _close(self) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def text(self) -> str:
        cut = f"\n… {self._dropped:,} bytes dropped …\n" if self._dropped else ""
        return self._head.decode(errors="backslashreplace") + cut + self._tail.decode(errors="backslashreplace")
