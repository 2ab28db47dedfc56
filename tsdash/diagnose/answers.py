"""How a run ended, and whether two runs ended alike."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from tsdash import nodes
from tsdash.calling import same_bits

# Far above rounding, far below what a baked value or another branch does.
_RTOL = {
    torch.float16: 1e-2,
    torch.bfloat16: 5e-2,
    torch.float32: 1e-4,
    torch.float64: 1e-6,
    torch.complex64: 1e-4,
    torch.complex128: 1e-6,
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a run ended: a value or an error."""

    value: Any = None
    error: BaseException | None = None

    @property
    def returned(self) -> bool:
        return self.error is None


def same_answer(actual: Result, expected: Result) -> bool:
    """Whether two runs ended alike: both raised, or their tensors agree to within the dtype's rounding.

    Containers may have changed: it is the values that tell whether a forced run shows what the export shows.
    """
    if not (actual.returned and expected.returned):
        return actual.returned == expected.returned
    try:
        one, other = nodes.flatten(actual.value)[1], nodes.flatten(expected.value)[1]
    except nodes.NotATree:
        return False
    return len(one) == len(other) and all(map(_close, one, other))


def same_to_the_bit(actual: Result, expected: Result) -> bool:
    """Whether two runs ended alike, their tensors in every bit: what tells a difference that is real and small."""
    try:
        one, other = nodes.flatten(actual.value)[1], nodes.flatten(expected.value)[1]
        return same_answer(actual, expected) and same_bits(one, other)
    except nodes.NotATree:
        return False


def _close(actual: torch.Tensor, expected: torch.Tensor) -> bool:
    if actual.shape != expected.shape or actual.dtype != expected.dtype or actual.device != expected.device:
        return False
    if actual.device.type == "meta":
        return True
    rtol = _RTOL.get(actual.dtype, 0.0)
    scale = float(expected.abs().nan_to_num(0.0, 0.0, 0.0).max()) if rtol and expected.numel() else 0.0
    return torch.allclose(actual, expected, rtol=rtol, atol=rtol * 0.1 * scale, equal_nan=True)


@contextmanager
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
