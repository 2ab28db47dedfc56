"""Tensors as the bits they are stored in: the same or not, and how far apart."""

from __future__ import annotations

import functools

import numpy as np
import torch

from tsdash import chunks
from tsdash.chunks import Integers, Mask, Reader


@functools.cache
def has_ulp(dtype: torch.dtype) -> bool:
    """Whether distances can be counted in representable numbers: floats that have a sign."""
    return dtype.is_floating_point and "e8m0" not in str(dtype) and "float4" not in str(dtype)


def all_equal(actual: Reader, expected: Reader) -> bool:
    """Whether two tensors of one shape are of one dtype and agree bit for bit; looks no further than the first difference."""
    if actual.dtype != expected.dtype:
        return False
    mask = np.empty(chunks.CHUNK * actual.parts, np.bool_)
    return all(equal(a, e, mask) for _, (a, e) in chunks.together((actual, expected)))


def equal(actual: Integers, expected: Integers, mask: Mask) -> bool:
    """Whether all bits agree. `mask` is scratch."""
    return bool(np.equal(actual, expected, out=mask[: len(actual)]).all())


def max_ulp(actual: Integers, expected: Integers, bad: Mask | None) -> float:
    """The largest distance in representable numbers, counted through zero, where 0.0 and −0.0 are one. `bad` is left out.

    The bits are sign and magnitude: between numbers of one sign the distance is the difference of the bits, which cannot
    overflow; between numbers of two signs it is the sum of the magnitudes, for which there is room without a sign.
    """
    steps, signs = actual - expected, actual ^ expected
    unsigned = np.abs(steps, out=steps).view(f"u{steps.itemsize}")
    if np.minimum.reduce(signs) < 0:
        opposite = np.flatnonzero(signs < 0)
        magnitude = signs.dtype.type(2 ** (8 * signs.itemsize - 1) - 1)
        unsigned[opposite] = sum((side[opposite] & magnitude).view(unsigned.dtype) for side in (actual, expected))
    if bad is not None:
        unsigned[bad] = 0
    return float(np.maximum.reduce(unsigned))
