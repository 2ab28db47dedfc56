"""Runs that may kill the process, in a process of their own: a forked child that answers through a pipe.

Forking is safe here because a worker has one thread. A sandbox may refuse it; then there is no answer, and evidence that
needs one is missing.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came out of a child: the items that it told until it ended, and how it ended."""

    items: tuple[Any, ...] = ()
    ended: str = "refused"  # "returned", "crash", "timeout", or "refused" where there was no child


Tell = Callable[[Any], None]


def apart(function: Callable[[Tell], object], seconds: float) -> Answer:
    """Every item that `function` tells in a child of this process, one by one, so that those before a crash are kept.

    Items are pickled: tensors, numbers, strings and plain classes of tsdash's own.
    """
    reading, writing = os.pipe()
    try:
        child = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        return Answer()
    if child == 0:
        os.close(reading)
        _serve(function, writing, seconds)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        items = tuple(_received(pipe))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return Answer(items=items, ended="timeout" if os.WTERMSIG(status) == signal.SIGALRM else "crash")
    return Answer(items=items, ended="returned" if os.WEXITSTATUS(status) == 0 else "crash")


def _serve(function: Callable[[Tell], object], writing: int, seconds: float) -> None:
    """In the child. It ends itself in time, because a sandboxed parent may not send it a signal."""
    status = 1
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            function(lambda item: _write(pipe, item))
        status = 0
    finally:
        os._exit(status)  # nothing of the parent's is flushed or closed twice


def _write(pipe: Any, item: Any) -> None:
    pipe.write(pickle.dumps(item))


def _received(pipe: Any) -> Iterator[Any]:
    with contextlib.suppress(EOFError, pickle.UnpicklingError):
        while True:
            yield pickle.load(pipe)
