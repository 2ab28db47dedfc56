"""What all sessions look at: made by one of them at a time, while the others see it as it was.

Not with Streamlit's caches, which make everybody wait for what one makes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _Made(Generic[T]):
    version: Hashable
    at: float
    value: T


@dataclass
class _Entry(Generic[T]):
    lock: threading.Lock = field(default_factory=threading.Lock)  # held by the one who makes it
    made: _Made[T] | None = None


class Shared(Generic[T]):
    """The latest of each kind, by key; of the `most` kinds that were asked for last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._entries: dict[Hashable, _Entry[T]] = {}

    def get(
        self,
        key: Hashable,
        version: Hashable,
        make: Callable[[T | None], T],
        pause_s: Callable[[T], float] | None = None,
    ) -> T:
        """What `make` gives for this version, out of what it gave before. With `pause_s` what it gave before will do: for so
        many seconds, and while somebody else makes the next."""
        entry = self._entry(key)
        known = entry.made
        if known is not None and known.version == version:
            return known.value
        if known is not None and pause_s is not None:
            if time.monotonic() < known.at + pause_s(known.value) or not entry.lock.acquire(blocking=False):
                return known.value
        else:
            entry.lock.acquire()
        try:
            known = entry.made
            if known is None or known.version != version:
                value = make(None if known is None else known.value)
                entry.made = known = _Made(version, time.monotonic(), value)
            return known.value
        finally:
            entry.lock.release()

    def _entry(self, key: Hashable) -> _Entry[T]:
        with self._lock:
            entry = self._entries.pop(key) if key in self._entries else _Entry()
            self._entries[key] = entry
            while len(self._entries) > self._most:
                self._entries.pop(next(iter(self._entries)))
            return entry
