"""Magnitudes counted in five bins a decade, by the upper half of their float32 bits: fast, and the same everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

BINS_PER_DECADE = 5
CODES = 2**15  # 8 bits of exponent and 7 of mantissa: 128 codes an octave

Floats = npt.NDArray[np.float64]


def edges(low: int, decades: int) -> Floats:
    """The edges of the bins from 10**low on: powers of 10**(1/5), rounded to the 8 bits that a code resolves (0.4 %)."""
    exact = (10.0 ** (low + np.arange(decades * BINS_PER_DECADE + 1) / BINS_PER_DECADE)).astype(np.float32)
    return (exact.view(np.uint32) + np.uint32(0x8000) & np.uint32(0xFFFF0000)).view(np.float32).astype(np.float64)


def codes(magnitudes: Floats) -> npt.NDArray[Any]:
    """The code of every magnitude, rounded to float32 first; monotone, Inf and NaN highest."""
    return magnitudes.astype(np.float32).view(np.uint32) >> 16


def bin_of_code(low: int, decades: int) -> npt.NDArray[np.intp]:
    """For every code its bin: 0 below the first edge, then the bins, the last one at or above the last edge."""
    return np.searchsorted(codes(edges(low, decades)), np.arange(CODES), side="right")
