"""The parent's side of a worker: a request and its answer at a time under a deadline, what it prints, how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import signal
from collections.abc import Callable
from typing import Any

import psutil

MAX_MESSAGE = 64 * 2**20  # bytes of one line from a worker; more is a protocol error
KILL_GRACE_S = 10.0  # for the system to take down a killed worker
_HELLO_S = 60.0  # for a started worker to confine itself


class WorkerLost(Exception):
    """A worker that gave no answer. `ended` is "timeout", "crash" or, when it failed inside tsdash's own code, "bug"."""

    def __init__(self, ended: str, message: str) -> None:
        super().__init__(message)
        self.ended = ended


class Kept:
    """The first and the last bytes of a stream: a flood costs no memory."""

    def __init__(self, size: int) -> None:
        self._half = max(1, size // 2)
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def add(self, chunk: bytes) -> None:
        room = self._half - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:] if room > 0 else chunk
        if len(self._tail) > self._half:
            self._dropped += len(self._tail) - self._half
            del self._tail[: -self._half]

    def text(self) -> str:
        cut = f"\n… {self._dropped:,} bytes dropped …\n" if self._dropped else ""
        return self._head.decode(errors="backslashreplace") + cut + self._tail.decode(errors="backslashreplace")


class Worker:
    """One worker process. `kill` asks whoever started it to end it; `seen` says whether its number is one of this system's."""

    def __init__(self, *, kill: Callable[[int], None], output_kib: int, seen: bool = True) -> None:
        self.pid = 0  # until it is started
        self.printed = Kept(output_kib * 1024)
        self.confinement: tuple[str, ...] = ()
        self._kill = kill
        self._seen = seen
        self._process: psutil.Process | None = None
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._lock = asyncio.Lock()
        self._why = ""
        self._killed = False

    def started(self, pid: int) -> None:
        """Called by the nursery once the process is there."""
        self.pid = pid

    async def open(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Wait until the worker has confined itself and hear what that came to. Raises WorkerLost."""
        self._reader, self._writer = reader, writer
        try:
            hello = await asyncio.wait_for(reader.readline(), _HELLO_S)
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
        """Resident memory of the worker; 0 where this system does not see it."""
        if not self._seen:
            return 0
        try:
            if self._process is None:
                self._process = psutil.Process(self.pid)
            return int(self._process.memory_info().rss)
        except psutil.Error:
            return 0

    @property
    def output(self) -> str:
        """What the worker wrote to stdout and stderr, head and tail."""
        return self.printed.text()

    async def call(self, request: dict[str, Any], limit_s: float) -> dict[str, Any]:
        """Send one request and return its answer. Raises WorkerLost after `limit_s` seconds or when the worker ends."""
        async with self._lock:
            key = secrets.token_hex(8)  # so that text which a model writes to its channel is no answer
            try:
                self._writer.write(json.dumps({**request, "id": key}).encode() + b"\n")
                return await asyncio.wait_for(self._answer(key), limit_s)
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

    async def _answer(self, key: str) -> dict[str, Any]:
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
            status = await asyncio.wait_for(asyncio.shield(self._exit), KILL_GRACE_S)
        except asyncio.TimeoutError:
            await self.kill()
            return "the worker closed its channel and was killed"
        if self._why:
            return f"{self._why}; the process was killed"
        if status < 0:
            known = {known.value: known.name for known in signal.Signals}
            return f"the process died of {known.get(-status, f'signal {-status}')}"
        return f"the process ended by itself with status {status}"

    async def kill(self) -> None:
        """End the worker now and wait until it is gone."""
        self._killed = True
        if self.pid and not self._exit.done():
            self._kill(self.pid)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._exit), KILL_GRACE_S)
        self._writer.close()

    def ended(self, status: int, why: str = "") -> None:
        """Called by the nursery at the end: the exit status, or minus the signal; `why` where the warden brought it about."""
        self._why = why
        if not self._exit.done():
            self._exit.set_result(status)
