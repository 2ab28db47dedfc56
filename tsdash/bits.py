"""Tensors as the bits they are stored in: the same or not, and how many representable numbers lie between two values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tsdash.chunks import Mask

_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def has_ulp(actual: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether distances can be counted in representable numbers: floats of one dtype that has a sign."""
    dtype = expected.dtype
    return actual.dtype == dtype and dtype.is_floating_point and "e8m0" not in str(dtype) and "float4" not in str(dtype)


def same(actual: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether two flat tensors of one dtype agree bit for bit, any NaN being like any other."""
    actual, expected = _real(actual), _real(expected)
    differ = np.flatnonzero(_bits(actual) != _bits(expected))
    if len(differ) == 0:
        return True
    where = torch.from_numpy(differ)
    return bool((actual[where].to(torch.float64).isnan() & expected[where].to(torch.float64).isnan()).all())


def max_ulp(actual: torch.Tensor, expected: torch.Tensor, bad: Mask | None) -> float:
    """The largest distance in representable numbers, counted through zero, where 0.0 and −0.0 are one. `bad` is left out."""
    a, e = _steps(_bits(actual)), _steps(_bits(expected))
    steps = np.where(a >= e, a.view(np.uint64) - e.view(np.uint64), e.view(np.uint64) - a.view(np.uint64))
    if bad is not None:
        steps[bad] = 0
    return float(steps.max())


def _real(flat: torch.Tensor) -> torch.Tensor:
    return torch.view_as_real(flat).reshape(-1) if flat.is_complex() else flat


def _bits(flat: torch.Tensor) -> npt.NDArray[Any]:
    return flat.view(_INTEGERS[flat.element_size()]).numpy()


def _steps(bits: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Sign and magnitude as steps from zero."""
    return np.where(bits < 0, np.iinfo(bits.dtype).min - bits.astype(np.int64), bits.astype(np.int64))
