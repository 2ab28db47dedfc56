"""Workers where there is no zygote (macOS, Windows): each a new Python that imports torch itself, and not isolated.

What holds there as well: the parent's clock, a limit of memory that the parent watches, a clean environment, a folder of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import psutil

from tsdash.engine import confinement, folders
from tsdash.engine.workers import KILL_GRACE_S, MAX_MESSAGE, Kept, Worker

_WATCH_S = 0.25
_LAST_WORDS_S = 1.0  # for what a worker printed, once it has ended: a child of its may hold the pipe open


class ColdNursery:
    """Owns every worker that it has started. All methods run in the engine's event loop."""

    def __init__(self) -> None:
        self.root = folders.root()
        self.confinement: tuple[str, ...] = ()
        self._operator = confinement.operator()
        self._alive: dict[int, asyncio.Task[None]] = {}
        folders.remove_abandoned(self.root)

    async def start(self) -> None:
        """Nothing can be made ready."""

    async def preload(self, modules: tuple[str, ...], *, spare: bool = False) -> None:
        """Every worker imports for itself."""

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
        """A new worker in `folder`, which is emptied. Raises WorkerLost."""
        await asyncio.to_thread(folders.fresh, folder)
        bounds = self._operator.bounds(role, folder, memory_mib, reads=reads, writes=writes, searches=searches)
        worker = Worker(kill=_end, output_kib=output_kib)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tsdash.engine.coldstart", role, json.dumps(asdict(bounds))),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=MAX_MESSAGE,
            env={**self._operator.environment(), "OMP_NUM_THREADS": "1"},
            cwd=folder,
            start_new_session=os.name == "posix",
        )
        worker.started(process.pid)
        self._alive[process.pid] = asyncio.ensure_future(self._accompany(worker, process, memory_mib))
        assert process.stdout is not None
        assert process.stdin is not None
        await worker.open(process.stdout, process.stdin)
        self.confinement = worker.confinement
        return worker

    async def close(self) -> None:
        """End every worker."""
        for pid in self._alive:
            _end(pid)
        if self._alive:
            await asyncio.wait(self._alive.values(), timeout=KILL_GRACE_S)

    async def _accompany(self, worker: Worker, process: asyncio.subprocess.Process, memory_mib: int) -> None:
        """Keep what the worker prints, watch its memory, and tell it when the process has ended."""
        assert process.stderr is not None
        printed = asyncio.ensure_future(_drain(process.stderr, worker.printed))
        ended = asyncio.ensure_future(process.wait())
        why = ""
        while process.returncode is None:  # the wait itself also waits for whoever else holds the pipes
            await asyncio.wait({ended}, timeout=_WATCH_S)
            held_mib = worker.rss_bytes() // 2**20
            if held_mib > memory_mib and not why:
                why = f"it held {held_mib:,} MiB of memory, and {memory_mib:,} MiB is the limit"
                _end(process.pid)
        await asyncio.wait({printed}, timeout=_LAST_WORDS_S)
        printed.cancel()
        ended.cancel()
        del self._alive[process.pid]
        worker.ended(process.returncode, why)


async def _drain(stream: asyncio.StreamReader, kept: Kept) -> None:
    while chunk := await stream.read(2**16):
        kept.add(chunk)


def _end(pid: int) -> None:
    """End a worker and, as far as the system tells, all that it has started."""
    with contextlib.suppress(psutil.Error):
        started = psutil.Process(pid).children(recursive=True)
        for process in (psutil.Process(pid), *started):
            with contextlib.suppress(psutil.Error):
                process.kill()
    if os.name == "posix":
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
