"""Tensors as the bits they are stored in: the same or not, how far apart, and single elements as exact Python numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tsdash import chunks
from tsdash.chunks import Mask

_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}

BINADE32 = 2**23  # float32 values between a power of two and the next

Integers = npt.NDArray[Any]


def has_ulp(actual: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether distances can be counted in representable numbers: floats of one dtype that has a sign."""
    dtype = expected.dtype
    return actual.dtype == dtype and dtype.is_floating_point and "e8m0" not in str(dtype) and "float4" not in str(dtype)


def all_equal(actual: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether two tensors of one shape are of one dtype and agree bit for bit; looks no further than the first difference."""
    if actual.dtype != expected.dtype:
        return False
    mask = np.empty(min(chunks.CHUNK, actual.numel()) * (2 if actual.is_complex() else 1), np.bool_)
    return all(equal(a, e, mask) for _, (a, e) in chunks.together(actual, expected))


def equal(actual: torch.Tensor, expected: torch.Tensor, mask: Mask) -> bool:
    """Whether two flat tensors of one dtype agree bit for bit. `mask` is scratch."""
    a, e = bits_of(actual), bits_of(expected)
    return bool(np.equal(a, e, out=mask[: len(a)]).all())


def equal_but_for_nan(actual: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether two flat tensors of one dtype agree bit for bit, any NaN being like any other."""
    places = np.flatnonzero(bits_of(actual) != bits_of(expected))
    a, e = (_numbers(_real(side), places) for side in (actual, expected))
    return all(x != x and y != y for x, y in zip(a, e, strict=True))


def reach(actual: Integers, expected: Integers, out: Integers) -> int:
    """The largest distance between the bits of float32 arrays, taken as int32 that wrap around; `out` is scratch.

    Below BINADE32 all pairs are of one sign and within a factor of two, and this is their ULP distance: the bits of numbers
    of two signs are at least 2**31 less the bits of infinity apart, and that is BINADE32.
    """
    np.subtract(actual, expected, out=out)
    return max(int(out.max()), -int(out.min()))


def max_ulp(actual: torch.Tensor, expected: torch.Tensor, bad: Mask | None) -> float:
    """The largest distance in representable numbers, counted through zero, where 0.0 and −0.0 are one. `bad` is left out.

    The bits are sign and magnitude: between numbers of one sign the distance is the difference of the bits, which cannot
    overflow; between numbers of two signs it is the sum of the magnitudes.
    """
    a, e = bits_of(actual), bits_of(expected)
    steps, signs = a - e, a ^ e
    if bad is not None:
        steps[bad] = signs[bad] = 0
    largest = 0
    if signs.min() < 0:
        opposite = np.flatnonzero(signs < 0)
        magnitudes = [(side[opposite] & np.iinfo(a.dtype).max).astype(np.uint64) for side in (a, e)]
        largest = int((magnitudes[0] + magnitudes[1]).max())
        steps[opposite] = 0
    return float(max(largest, int(steps.max()), -int(steps.min())))


def numbers_at(flat: torch.Tensor, places: npt.NDArray[np.intp]) -> list[Any]:
    """Single elements as Python's int, bool, float or complex, exactly."""
    if flat.is_complex():
        parts = _numbers(_real(flat), np.stack([2 * places, 2 * places + 1], axis=1).reshape(-1))
        return [complex(*pair) for pair in zip(parts[::2], parts[1::2], strict=True)]
    return _numbers(flat, places)


def _numbers(flat: torch.Tensor, places: npt.NDArray[np.intp]) -> list[Any]:
    # Not every dtype can be indexed, but the integers of its width can.
    some = torch.from_numpy(bits_of(flat)[places]).view(flat.dtype)
    return list((some.to(torch.float64) if flat.is_floating_point() else some).tolist())


def _real(flat: torch.Tensor) -> torch.Tensor:
    return torch.view_as_real(flat).reshape(-1) if flat.is_complex() else flat


def bits_of(flat: torch.Tensor) -> Integers:
    """The same memory as integers, two a complex number."""
    flat = _real(flat)
    return flat.view(_INTEGERS[flat.element_size()]).numpy()
