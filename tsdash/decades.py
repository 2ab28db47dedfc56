"""Magnitudes counted in five bins a decade, by the upper bits of their float64: fast, and the same everywhere."""

from __future__ import annotations

import functools
import threading
from typing import Any

import numpy as np
import numpy.typing as npt

BINS_PER_DECADE = 5
CODES = 2**18  # 11 bits of exponent and 7 of mantissa: 128 codes an octave
_DROPPED = 45  # bits of a float64 below them

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


@functools.cache
def edges(low: int, decades: int) -> Floats:
    """The edges of the bins from 10**low on: powers of 10**(1/5), rounded to the 8 significant bits of a code (0.4 %)."""
    exact = 10.0 ** (low + np.arange(decades * BINS_PER_DECADE + 1) / BINS_PER_DECADE)
    half = np.uint64(1 << (_DROPPED - 1))
    rounded = (exact.view(np.uint64) + half) >> np.uint64(_DROPPED) << np.uint64(_DROPPED)
    return rounded.view(np.float64)


def codes(magnitudes: Floats, out: Any = None) -> Codes:
    """The code of every magnitude: monotone, 0 for 0.0, Inf and NaN highest. `out` may be uint64 scratch."""
    found: Codes = np.right_shift(magnitudes.view(np.uint64), np.uint64(_DROPPED), out=out).view(np.intp)
    return found


@functools.cache
def bin_of_code(low: int, decades: int) -> npt.NDArray[np.uint8]:
    """For every code its bin: 0 below the first edge, then the bins, the last one at or above the last edge."""
    steps = np.zeros(CODES, np.uint8)
    steps[codes(edges(low, decades))] = 1
    return np.cumsum(steps, dtype=np.uint8)


@functools.cache
def _window(low: int, decades: int) -> tuple[slice, Codes]:
    """The codes of all bins, and where each bin begins among them."""
    cuts = codes(edges(low, decades))
    return slice(int(cuts[0]), int(cuts[-1])), cuts[:-1] - cuts[0]


class Tally:
    """Counts of magnitudes in the bins from 10**low on. What lies outside the bins is not counted.

    All tallies of a thread count in one array that is never cleared, and tell what they added: to clear its 2 MB would take
    longer than to compare a small output. So use one at a time.
    """

    _own = threading.local()

    def __init__(self, low: int, decades: int) -> None:
        if "counters" not in self._own.__dict__:
            self._own.counters = np.zeros(CODES, np.int64)
        self._counters: npt.NDArray[np.int64] = self._own.counters
        self._bins, self._starts = _window(low, decades)
        self._before = self._counters[self._bins].copy()

    def add(self, magnitudes: Floats, scratch: Any = None) -> int:
        """Count them; returns how many have code 0, which zero shares with the smallest numbers of float64 alone."""
        before = int(self._counters[0])
        np.add.at(self._counters, codes(magnitudes, out=scratch), 1)
        return int(self._counters[0]) - before

    def counts(self) -> list[int]:
        """The counts of the bins, from the lowest on."""
        return list(np.add.reduceat(self._counters[self._bins] - self._before, self._starts).tolist())
