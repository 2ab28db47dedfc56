"""Tensors as the bits they are stored in: the same or not, and how many representable numbers lie between two values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tsdash import chunks
from tsdash.chunks import Mask

_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}

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
    a, e = _bits(actual), _bits(expected)
    return bool(np.equal(a, e, out=mask[: len(a)]).all())


def equal_but_for_nan(actual: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether two flat tensors of one dtype agree bit for bit, any NaN being like any other."""
    differ = torch.from_numpy(_bits(actual) != _bits(expected))
    a, e = (_real(side)[differ].to(torch.float64) for side in (actual, expected))
    return bool((a.isnan() & e.isnan()).all())


def max_ulp(actual: torch.Tensor, expected: torch.Tensor, bad: Mask | None) -> float:
    """The largest distance in representable numbers, counted through zero, where 0.0 and −0.0 are one. `bad` is left out.

    The bits are sign and magnitude: between numbers of one sign the distance is the difference of the bits, which cannot
    overflow; between numbers of two signs it is the sum of the magnitudes.
    """
    a, e = _bits(actual), _bits(expected)
    steps = a - e
    largest = 0
    signs = a ^ e
    if signs.min() < 0:
        opposite = np.flatnonzero(signs < 0) if bad is None else np.flatnonzero((signs < 0) & ~bad)
        top = np.iinfo(a.dtype).max
        magnitudes = [(side[opposite] & top).astype(np.uint64) for side in (a, e)]
        largest = int((magnitudes[0] + magnitudes[1]).max(initial=0))
        steps[signs < 0] = 0
    if bad is not None:
        steps[bad] = 0
    return float(max(largest, int(steps.max()), -int(steps.min())))


def _real(flat: torch.Tensor) -> torch.Tensor:
    return torch.view_as_real(flat).reshape(-1) if flat.is_complex() else flat


def _bits(flat: torch.Tensor) -> Integers:
    flat = _real(flat)
    return flat.view(_INTEGERS[flat.element_size()]).numpy()
