"""Chunks of any dtypes, added to the totals in float64."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tsdash import bits
from tsdash.argmax import Flips
from tsdash.chunks import Chunk, Floats
from tsdash.tally import Tally
from tsdash.totals import Totals

_SLACK = 1 - 2.0**-50  # for the rounding of a product that stands in for a quotient


def add(chunk: Chunk, totals: Totals, tally: Tally, flips: Flips | None) -> None:
    """Add any chunk. `flips`, where given, counts the rows whose largest element moves."""
    chunk.widen()
    if flips is not None:
        flips.add(*_scores(chunk))
    chunk.subtract()
    dots = chunk.dots()
    if not math.isfinite(dots[0]):  # a finite Δ·Δ is proof that both sides are finite
        totals.add_apart(chunk, *chunk.set_apart())
        dots = chunk.dots()
    if chunk.dtypes[0] == chunk.dtypes[1] and bits.has_ulp(chunk.dtypes[0]):
        totals.max_ulp = max(totals.max_ulp, bits.max_ulp(*chunk.bits, chunk.bad))
    totals.add_dots(*dots)
    size = chunk.moduli(chunk.delta, chunk.delta)
    largest = totals.add_sizes(chunk, size)
    if largest > 0:
        totals.max_rel = _max_rel(chunk, size, largest, totals.max_rel)
    totals.sum_abs += float(np.add.reduce(size))  # `sum` and `max` of an array ask Python first
    zero = _count(chunk, size, tally)
    totals.zero += zero
    totals.same = totals.same and zero == chunk.elements and _same_but_for_nan(chunk)


def add_equal(chunk: Chunk, totals: Totals, flips: Flips | None) -> None:
    """Add a chunk that is bit-equal: no Δ, but its part of ‖expected‖."""
    chunk.widen()
    if flips is not None:
        flips.add(chunk.expected, chunk.expected, equal=True)
    totals.zero += chunk.elements
    ee = chunk.dots()[2]
    if not math.isfinite(ee):
        ee = float(np.square(chunk.expected[np.isfinite(chunk.expected)]).sum())
    totals.ee += ee


def max_rel_of_all(pairs: Iterator[Chunk]) -> float:
    """The largest |Δ| / |expected| by a pass of its own."""
    largest = 0.0
    for chunk in pairs:
        chunk.widen()
        chunk.subtract()
        chunk.set_apart()
        size = chunk.moduli(chunk.delta, chunk.delta)
        largest = _max_rel(chunk, size, float(size.max()), largest)
    return largest


def _scores(chunk: Chunk) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Both sides as numpy finds their maxima fastest."""
    if all(dtype == torch.float32 for dtype in chunk.dtypes):
        return chunk.bits[0].view(np.float32), chunk.bits[1].view(np.float32)
    return chunk.actual, chunk.expected


def _same_but_for_nan(chunk: Chunk) -> bool:
    """Whether no bits differ, where all Δ are 0, but those of NaN on both sides. What else is not finite has one pattern."""
    differ = chunk.bits[0] != chunk.bits[1]
    return not (differ if chunk.bad is None else differ & ~chunk.bad).any()


def _count(chunk: Chunk, size: Floats, tally: Tally) -> int:
    """Count |Δ| by its bin. Returns the number of elements with Δ = 0, those that were set apart not included."""
    exact = max(chunk.dtypes[0].itemsize, chunk.dtypes[1].itemsize) < 8
    zero = 0 if exact else len(size) - int(np.count_nonzero(size))
    counted = tally.add(size, chunk.scratch.codes, chunk.scratch.ones)
    return (counted if exact else zero) - chunk.apart


def _max_rel(chunk: Chunk, size: Floats, top: float, largest: float) -> float:
    """The largest |Δ| / |expected| so far, `largest` before; `top` is the largest |Δ| of the chunk.

    Once there is one to beat, a product, which is cheaper than a quotient, finds the few elements that may.
    """
    scale = chunk.moduli(chunk.expected, chunk.scratch.scale)
    other, mask = chunk.scratch.other, chunk.scratch.mask[: len(size)]
    if math.isinf(top) and (scale[np.isinf(size)] > 0).any():
        return math.inf
    if largest == 0:
        whole = float(np.divide(size, scale, out=other).max())
        if math.isfinite(whole):  # so no element of expected is zero
            return whole
    np.multiply(scale, largest * _SLACK, out=other)
    np.greater(size, other, out=mask)
    if not mask.any():
        return largest
    size, scale = size[mask], scale[mask]
    ratios = size[scale > 0] / scale[scale > 0]
    return max(largest, float(ratios.max(initial=0.0)))
