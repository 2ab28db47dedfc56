"""Magnitudes counted in five bins a decade, by the upper bits of their float64: fast, and the same everywhere."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

BINS_PER_DECADE = 5
CODES = 2**18  # 11 bits of exponent and 7 of mantissa: 128 codes an octave
_DROPPED = np.uint64(45)  # bits of a float64 below them

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


@functools.cache
def edges(low: int, decades: int) -> Floats:
    """The edges of the bins from 10**low on: powers of 10**(1/5), rounded to the 8 significant bits of a code (0.4 %)."""
    exact = 10.0 ** (low + np.arange(decades * BINS_PER_DECADE + 1) / BINS_PER_DECADE)
    half = np.uint64(1) << (_DROPPED - np.uint64(1))
    rounded = (exact.view(np.uint64) + half) >> _DROPPED << _DROPPED
    return rounded.view(np.float64)


def codes(magnitudes: Floats, out: Any = None) -> Codes:
    """The code of every magnitude: monotone, 0 for 0.0, Inf and NaN highest. `out` may be uint64 scratch."""
    found: Codes = np.right_shift(magnitudes.view(np.uint64), _DROPPED, out=out).view(np.intp)
    return found


@functools.cache
def bin_of_code(low: int, decades: int) -> npt.NDArray[np.uint8]:
    """For every code its bin: 0 below the first edge, then the bins, the last one at or above the last edge."""
    steps = np.zeros(CODES, np.uint8)
    steps[codes(edges(low, decades))] = 1
    return np.cumsum(steps, dtype=np.uint8)
