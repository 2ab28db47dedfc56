"""The embedded engine: one long-lived thread with an event loop and a zygote. Pages and command line see only this.

The seam is small so that a cluster's scheduler can take its place: submit a run's spec (JSON), get a Future, cancel a run, list
the lanes.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsdash.engine.conduct import Lanes, conduct
from tsdash.engine.nursery import Nursery
from tsdash.errors import ModelError
from tsdash.spec import CaseResult, Cause, Description, ErrorFacts, Export, Latency, RunSpec
from tsdash.store import Store

START_S = 60.0
TELL_EVERY_S = 0.2  # what a run is doing; its results are told at once


@dataclass(frozen=True, kw_only=True)
class Lane:
    """A place where cases run, and how many at once."""

    name: str
    places: int


class Engine:
    """Runs what is submitted and writes every fact to the store. Close it, or use it as a context manager."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._places = max(1, (os.cpu_count() or 2) - 1)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._loop = asyncio.new_event_loop()
        started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._live, args=(started,), name="tsdash engine", daemon=True)
        self._thread.start()
        started.result(START_S)

    def submit(self, run: int, spec: RunSpec) -> concurrent.futures.Future[None]:
        """Queue a run that the store has created. The Future ends when the run has; what came of it is in the store."""
        return asyncio.run_coroutine_threadsafe(self._carry_out(run, spec), self._loop)

    def cancel(self, run: int) -> None:
        """End a run now, its workers included. Nothing happens if it has ended."""
        self._loop.call_soon_threadsafe(self._cancel, run)

    def lanes(self) -> tuple[Lane, ...]:
        return (Lane(name="correctness", places=self._places), Lane(name="latency", places=1))

    def close(self) -> None:
        """Cancel what runs and end the zygote."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(START_S)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _live(self, started: concurrent.futures.Future[None]) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve(started))
        self._loop.close()

    async def _serve(self, started: concurrent.futures.Future[None]) -> None:
        self._stop = asyncio.Event()
        self._nursery = Nursery()
        self._lanes = Lanes(correctness=asyncio.Semaphore(self._places), measuring=asyncio.Lock())
        started.set_result(None)
        warm = asyncio.ensure_future(self._nursery.start())  # so that the first run finds torch imported
        await self._stop.wait()
        for task in (warm, *self._tasks.values()):
            task.cancel()
        await asyncio.gather(warm, *self._tasks.values(), return_exceptions=True)
        await self._nursery.close()

    def _cancel(self, run: int) -> None:
        if run in self._tasks:
            self._tasks[run].cancel()

    async def _carry_out(self, run: int, spec: RunSpec) -> None:
        task = asyncio.ensure_future(self._one(run, spec))
        self._tasks[run] = task
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        finally:
            self._tasks.pop(run, None)

    async def _one(self, run: int, spec: RunSpec) -> None:
        self.store.begin(run)
        state: str = "failed"
        failure: ErrorFacts | None = None
        try:
            await conduct(spec, nursery=self._nursery, sink=_StoreSink(self.store, run), lanes=self._lanes)
            state = "done"
        except ModelError as error:
            failure = ErrorFacts(type="ModelError", message=str(error), file=error.file, line=error.line)
        except asyncio.CancelledError:
            state = "interrupted" if self._stop.is_set() else "cancelled"
            raise
        except Exception as error:  # a fault of ours: the run says so, the engine lives on
            failure = ErrorFacts(type=type(error).__name__, message=f"tsdash failed: {error}", traceback=traceback.format_exc()[-8192:])
            traceback.print_exc()
        finally:
            self.store.end(run, state, failure)


class _StoreSink:
    """Facts of one run into the store."""

    def __init__(self, store: Store, run: int) -> None:
        self._store = store
        self._run = run
        self._tell_at = 0.0

    def described(self, description: Description) -> None:
        self._store.describe(self._run, description)

    def exported(self, export: Export, artefact: Path | None) -> None:
        self._store.add_export(self._run, export, artefact)

    def judged(self, result: CaseResult, views: dict[str, Any]) -> None:
        self._store.add_case(self._run, result, views)

    def timed(self, latency: Latency) -> None:
        self._store.add_latency(self._run, latency)

    def explained(self, mode: str, causes: tuple[Cause, ...]) -> None:
        self._store.add_causes(self._run, mode, causes)

    def doing(self, mode: str, case: str) -> None:
        if time.monotonic() >= self._tell_at:
            self._store.doing(self._run, mode, case)
            self._tell_at = time.monotonic() + TELL_EVERY_S
