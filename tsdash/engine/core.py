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
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsdash import environment
from tsdash.engine import owners
from tsdash.engine.conduct import COMMON_MODULES, Lanes, Past, conduct
from tsdash.engine.lanes import FairLane, MeasuringLane
from tsdash.engine.nursery import open_nursery
from tsdash.engine.studies import study
from tsdash.errors import ModelError
from tsdash.spec import CaseResult, Cause, Description, ErrorFacts, Export, Latency, RunSpec
from tsdash.store import Store
from tsdash.study import Study, StudySpec
from tsdash.verdicts import digest

START_S = 60.0
TELL_AFTER_S = 0.2  # a case that takes longer is told to the store, so that a server that dies in it is remembered
MOST_RUNS = 8  # at work at once; the others wait, for every run holds processes


@dataclass(frozen=True, kw_only=True)
class Lane:
    """Where cases run: how many at once, and how many runs are at work and waiting."""

    name: str
    places: int
    running: int
    waiting: int


class Engine:
    """Runs what is submitted and writes every fact to the store. Close it, or use it as a context manager.

    `kind` is "server" or "check". A server takes up the unfinished runs of servers that have died; what a dead check left is
    marked interrupted.
    """

    def __init__(self, store: Store, kind: str = "check") -> None:
        self.store = store
        self.owner = owners.this_process(kind)
        self._places = max(1, (os.cpu_count() or 2) - 1)
        self._lock = threading.Lock()
        self._resumes = kind == "server"
        self._life = self._start()
        if self._resumes:
            self._take_over()

    def submit(self, run: int, spec: RunSpec, session: str = "") -> concurrent.futures.Future[None]:
        """Queue a run that the store has created. The Future ends when the run has; what came of it is in the store."""
        return self._alive().submit(run, spec, session or str(run))

    def study(self, spec: StudySpec, session: str = "") -> concurrent.futures.Future[Study]:
        """Export a model and put questions to it, without a run in the store. The Future raises ModelError where the model
        cannot be loaded; cancelling it ends the study and its workers."""
        return self._alive().study(spec, session)

    def cancel(self, run: int) -> None:
        """End a run now, its workers included. Nothing happens if it has ended."""
        self._alive().cancel(run)

    def ahead(self, run: int) -> int:
        """How many runs are before this one in the queue; 0 once it is at work."""
        return self._alive().ahead(run)

    def lanes(self) -> tuple[Lane, ...]:
        life = self._alive()
        working = min(len(life.tasks), MOST_RUNS)
        return (
            Lane(name="correctness", places=self._places, running=working, waiting=len(life.tasks) - working),
            Lane(name="latency", places=1, running=life.measuring.running, waiting=life.measuring.waiting),
        )

    def close(self) -> None:
        """Interrupt what runs and end the zygote."""
        self._life.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> _Life:
        return _Life(self.store, self._places, resumes=self._resumes)

    def _alive(self) -> _Life:
        """The engine's thread; a new one, which takes up the work, where the old one has died."""
        with self._lock:
            if not self._life.alive:
                self._life = self._start()
                for run, owner in self.store.unfinished().items():
                    if owner == self.owner:
                        self._life.submit(run, self.store.load(run).spec, str(run))
            return self._life

    def _take_over(self) -> None:
        """Adopt what servers that have died left unfinished."""
        for run, owner in self.store.unfinished().items():
            if owners.lives(owner):
                continue
            if not owner.startswith("server"):
                self.store.end(run, "interrupted")
            elif self.store.claim(run, owner, self.owner):
                self._life.submit(run, self.store.load(run).spec, str(run))


class _Life:
    """One thread with an event loop and a zygote, from its start to its end."""

    def __init__(self, store: Store, places: int, *, resumes: bool) -> None:
        self._store = store
        self._places = places
        self._resumes = resumes
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self._studying: set[asyncio.Task[Study]] = set()
        self._nursery = open_nursery()
        self._loop = asyncio.new_event_loop()
        self._closing = False
        self._leaves = False  # what is unfinished stays so: another engine will take it up
        started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._live, args=(started,), name="tsdash engine", daemon=True)
        self._thread.start()
        started.result(START_S)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def submit(self, run: int, spec: RunSpec, session: str) -> concurrent.futures.Future[None]:
        return asyncio.run_coroutine_threadsafe(self._carry_out(run, spec, session), self._loop)

    def study(self, spec: StudySpec, session: str) -> concurrent.futures.Future[Study]:
        return asyncio.run_coroutine_threadsafe(self._study(spec, session), self._loop)

    def cancel(self, run: int) -> None:
        self._loop.call_soon_threadsafe(self._cancel, run)

    def ahead(self, run: int) -> int:
        waiting = list(self.tasks)[MOST_RUNS:]
        return waiting.index(run) + 1 if run in waiting else 0

    def close(self) -> None:
        if self.alive:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(START_S)

    def _live(self, started: concurrent.futures.Future[None]) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve(started))
        except BaseException:  # something ended this thread: the next one takes up what ran
            self._closing = self._leaves = True
            raise
        finally:
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            if left:
                self._loop.run_until_complete(asyncio.wait(left))
            self._loop.run_until_complete(self._nursery.close())
            self._loop.close()

    async def _serve(self, started: concurrent.futures.Future[None]) -> None:
        self._stop = asyncio.Event()
        self._correctness = FairLane(self._places)
        self.measuring = MeasuringLane(self._correctness)
        self._runs = asyncio.Semaphore(MOST_RUNS)
        self._studies = asyncio.Semaphore(MOST_RUNS)
        started.set_result(None)
        warm = asyncio.ensure_future(self._warm_up())
        await self._stop.wait()
        self._closing, self._leaves = True, self._resumes
        working = (warm, *self.tasks.values(), *self._studying)
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)

    async def _warm_up(self) -> None:
        """So that the first run finds torch imported; a server has the time for what else most runs need."""
        await self._nursery.start()
        if self._resumes:
            await self._nursery.preload(COMMON_MODULES, spare=True)

    async def _study(self, spec: StudySpec, session: str) -> Study:
        lanes = Lanes(correctness=self._correctness, measuring=self.measuring, session=session)
        async with self._studies:
            task = asyncio.ensure_future(study(spec, nursery=self._nursery, lanes=lanes))
            self._studying.add(task)
            try:
                return await task
            finally:
                self._studying.discard(task)

    def _cancel(self, run: int) -> None:
        if run in self.tasks:
            self.tasks[run].cancel()

    async def _carry_out(self, run: int, spec: RunSpec, session: str) -> None:
        if self._closing:
            return
        task = asyncio.ensure_future(self._one(run, spec, session))
        self.tasks[run] = task
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        finally:
            self.tasks.pop(run, None)

    async def _one(self, run: int, spec: RunSpec, session: str) -> None:
        state: str = "failed"
        failure: ErrorFacts | None = None
        sink = _StoreSink(self._store, run)
        try:
            async with self._runs:
                self._store.begin(run)
                lanes = Lanes(correctness=self._correctness, measuring=self.measuring, session=session)
                kept = self._store.artefacts
                await conduct(spec, nursery=self._nursery, sink=sink, lanes=lanes, past=self._past(run), kept=kept)
            state = "done"
        except ModelError as error:
            failure = ErrorFacts(type="ModelError", message=str(error), file=error.file, line=error.line)
        except asyncio.CancelledError:
            state = "interrupted" if self._closing else "cancelled"
            raise
        except Exception as error:  # a fault of ours: the run says so, the engine lives on
            failure = ErrorFacts(
                type=type(error).__name__, message=f"tsdash failed: {error}", traceback=traceback.format_exc()[-8192:]
            )
            traceback.print_exc()
        except BaseException:  # the end of this thread
            self._leaves = True
            raise
        finally:
            sink.close()
            if not self._leaves:
                self._store.end(run, state, failure)
                self._store.summarize(run, digest(self._store.load(run)))
                self._store.purge(environment.limit_bytes())

    def _past(self, run: int) -> Past:
        record = self._store.load(run)
        return Past(results=record.results, explained=frozenset(record.causes), deadly=self._store.deadly(run))


class _StoreSink:
    """Facts of one run into the store."""

    def __init__(self, store: Store, run: int) -> None:
        self._store = store
        self._run = run
        self._timer: asyncio.TimerHandle | None = None

    def confined(self, applied: tuple[str, ...]) -> None:
        self._store.note_environment(self._run, {"confinement": applied})

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
        """Told once it has taken a while: most cases are over before anybody could read it."""
        self.close()
        self._timer = asyncio.get_running_loop().call_later(TELL_AFTER_S, self._store.doing, self._run, mode, case)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
