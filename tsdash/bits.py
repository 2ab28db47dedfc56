"""Tensors as the bits they are stored in: the same or not, how far apart, and single elements as exact Python numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tsdash import chunks
from tsdash.chunks import Integers, Mask

_IN_NUMPY = {
    torch.float64,
    torch.float32,
    torch.float16,
    torch.complex128,
    torch.complex64,
    torch.int64,
    torch.uint64,
    torch.int32,
    torch.bool,
}

BINADE32 = 2**23  # float32 values between a power of two and the next


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


def equal(actual: Integers, expected: Integers, mask: Mask) -> bool:
    """Whether all bits agree. `mask` is scratch."""
    return bool(np.equal(actual, expected, out=mask[: len(actual)]).all())


def reach(steps: Integers) -> int:
    """The largest of the differences of the bits of float32, taken as int32 that wrap around.

    Below BINADE32 all pairs are of one sign and this is their ULP distance: the bits of numbers of two signs are at least
    2**31 less the bits of infinity apart, and that is BINADE32. But for subnormal numbers they are within a factor of two.
    """
    return max(int(np.maximum.reduce(steps)), -int(np.minimum.reduce(steps)))


def beyond_binade(steps: Integers, spare: Integers, mask: Mask) -> npt.NDArray[np.intp]:
    """Where such differences reach BINADE32 on either side. `spare` and `mask` are scratch."""
    np.add(steps, np.int32(BINADE32 - 1), out=spare)
    return np.flatnonzero(np.greater(spare.view(np.uint32), np.uint32(2 * BINADE32 - 2), out=mask))


def max_ulp32(actual: Integers, expected: Integers) -> int:
    """`max_ulp` of a few float32, in 64 bits."""
    a, e = (np.where(side < 0, -(2**31) - side.astype(np.int64), side) for side in (actual, expected))
    return int(np.abs(a - e).max())


def max_ulp(actual: Integers, expected: Integers, bad: Mask | None) -> float:
    """The largest distance in representable numbers, counted through zero, where 0.0 and −0.0 are one. `bad` is left out.

    The bits are sign and magnitude: between numbers of one sign the distance is the difference of the bits, which cannot
    overflow; between numbers of two signs it is the sum of the magnitudes.
    """
    steps, signs = actual - expected, actual ^ expected
    if bad is not None:
        steps[bad] = signs[bad] = 0
    largest = 0
    if signs.min() < 0:
        opposite = np.flatnonzero(signs < 0)
        magnitudes = [(side[opposite] & np.iinfo(side.dtype).max).astype(np.uint64) for side in (actual, expected)]
        largest = int((magnitudes[0] + magnitudes[1]).max())
        steps[opposite] = 0
    return float(max(largest, int(steps.max()), -int(steps.min())))


def numbers_at(tensor: torch.Tensor, index: tuple[npt.NDArray[np.intp], ...]) -> list[Any]:
    """Single elements of any tensor as Python's int, bool, float or complex, exactly."""
    if tensor.dtype in _IN_NUMPY and tensor.device.type == "cpu" and not tensor.is_conj() and not tensor.is_neg():
        return list(tensor.numpy()[index].tolist())
    places = tuple(torch.from_numpy(axis) for axis in index)
    if tensor.is_complex():
        return list(tensor[places].to(torch.complex128).tolist())
    # Not every dtype can be indexed, but the integers of its width can.
    some = tensor.view(chunks.INTEGERS[tensor.element_size()])[places].view(tensor.dtype)
    return list((some.to(torch.float64) if some.is_floating_point() else some).tolist())
