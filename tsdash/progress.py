"""A run from start to end, its progress on standard error."""

from __future__ import annotations

import sys
import time
from typing import Any

from tsdash import environment, formats
from tsdash.engine.core import Engine
from tsdash.records import Record
from tsdash.spec import RunSpec

POLL_S = 0.1


def carry_out(
    engine: Engine, spec: RunSpec, sweep: dict[str, Any], *, parcel: bytes | None = None, shown: bool = True
) -> Record:
    """Submit a run and wait for its end; Ctrl-C cancels it. `parcel`: what came from Python with the model."""
    store = engine.store
    bar = _Progress(len(spec.cases) * len(spec.modes)) if shown else None
    run = store.create(spec, sweep, environment.describe(), engine.owner)
    if parcel is not None:
        store.keep_bytes(parcel)
    future = engine.submit(run, spec)
    try:
        while not future.done():
            _, done, doing = store.progress(run)
            if bar:
                bar.show(done, doing)
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        engine.cancel(run)
    future.result()
    record = store.load(run)
    if bar:
        bar.end(finished=record.state == "done")
    return record


class _Progress:
    """A bar on a terminal, a line for every tenth elsewhere; on standard error."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._terminal = sys.stderr.isatty()
        self._told = -1
        self._began = time.monotonic()

    def show(self, done: int, doing: str) -> None:
        """`doing` is empty while the model is loaded, which may turn out to be none: no line promises its cases."""
        if self._terminal:
            filled = round(30 * done / max(1, self._total))
            line = f"\r{'━' * filled}{'─' * (30 - filled)} {done} of {self._total} · {doing}"
            print(line[:110].ljust(110), end="", file=sys.stderr, flush=True)
        elif (done or doing) and done * 10 // max(1, self._total) > self._told:
            self._told = done * 10 // max(1, self._total)
            print(f"tsdash: {done} of {self._total} cases", file=sys.stderr, flush=True)

    def end(self, *, finished: bool) -> None:
        if self._terminal:
            print("\r" + " " * 110 + "\r", end="", file=sys.stderr)
        if finished:
            print(f"tsdash: finished in {formats.duration(time.monotonic() - self._began)}", file=sys.stderr)
