"""Places where cases run. Correctness cases share the cores, fairly between sessions; a measurement has the machine to itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows has no flock; there a measurement is exclusive within one server
    fcntl = None  # type: ignore[assignment]

_LOCK_POLL_S = 0.25


class FairLane:
    """`places` at once. A free place goes to the waiting session that was served longest ago, within it first come first served."""

    def __init__(self, places: int) -> None:
        self.places = places
        self._free = places
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # in the order in which sessions were last served
        self._paused = 0

    @contextlib.asynccontextmanager
    async def place(self, session: str) -> AsyncIterator[None]:
        """Hold one place while the body runs."""
        await self._take(session)
        try:
            yield
        finally:
            self._free += 1
            self._grant()

    @contextlib.asynccontextmanager
    async def all_places(self) -> AsyncIterator[None]:
        """Hold every place: nobody is served until the body is done."""
        self._paused += 1
        try:
            while self._free < self.places:
                await asyncio.sleep(_LOCK_POLL_S / 10)
            yield
        finally:
            self._paused -= 1
            self._grant()

    async def _take(self, session: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(session, deque()).append(turn)
        self._grant()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # granted and cancelled in the same moment
                self._free += 1
                self._grant()
            raise

    def _grant(self) -> None:
        while self._free and not self._paused:
            session = next((name for name, turns in self._waiting.items() if turns), None)
            if session is None:
                self._waiting.clear()
                return
            turns = self._waiting.pop(session)
            turn = turns.popleft()
            if turns:
                self._waiting[session] = turns  # now behind all others
            if not turn.done():
                self._free -= 1
                turn.set_result(None)


class MeasuringLane:
    """One measurement at a time on the machine, also across servers: the holder locks a file in the system's temporary folder.

    Whatever the device: the processor launches an accelerator's work too, and two measurements would disturb each other.
    """

    def __init__(self, correctness: FairLane) -> None:
        self._correctness = correctness
        self._lock = asyncio.Lock()
        self.running = 0
        self._asked = 0

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Hold the machine while the body runs; no correctness case of this server runs meanwhile."""
        user = os.getuid() if hasattr(os, "getuid") else 0
        self._asked += 1
        try:
            async with self._lock, self._correctness.all_places():
                with open(Path(tempfile.gettempdir()) / f"tsdash-measuring-{user}.lock", "w") as file:
                    while not _locked(file):
                        await asyncio.sleep(_LOCK_POLL_S)
                    self.running = 1
                    try:
                        yield
                    finally:
                        self.running = 0
        finally:
            self._asked -= 1

    @property
    def waiting(self) -> int:
        """How many measurements wait for this one's end, or for the cases that run."""
        return self._asked - self.running


def _locked(file: IO[str]) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
