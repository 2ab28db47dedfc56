"""‖Δ‖, mean |Δ| and 1 − cosine of two tensors, also where squares overflow, vanish or cancel."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from tsdash import chunks
from tsdash.chunks import Floats

_TINY = 1e-280  # below it a sum of squares may have lost some of its terms
_CANCELLED = 0.25  # ‖actual‖² / ‖expected‖² below which it cannot be had from ‖expected‖² and Δ


class Norms(NamedTuple):
    """Over the elements that are finite on both sides."""

    l2: float = 0.0
    mean_abs: float = 0.0
    one_minus_cosine: float = 0.0


def from_sums(*, dd: float, ed: float, ee: float, mean_abs: float) -> Norms | None:
    """The norms from Δ·Δ, expected·Δ and expected·expected; None where these sums cannot carry them."""
    aa = ee + 2 * ed + dd
    if not (math.isfinite(aa) and min(dd, ee) > _TINY and aa > _CANCELLED * ee):
        return None
    one_minus_cosine = _one_minus_cosine(math.sqrt(dd / ee), ed / math.sqrt(dd) / math.sqrt(ee))
    return Norms(l2=math.sqrt(dd), mean_abs=mean_abs, one_minus_cosine=one_minus_cosine)


def _one_minus_cosine(ratio: float, cosine: float) -> float:
    """1 − cos(actual, expected) from ‖Δ‖ / ‖expected‖ and cos(Δ, expected).

    With lengths in units of ‖expected‖, 1 − cos = (‖Δ‖² − (‖actual‖ − 1)²) / (2 ‖actual‖), where nothing cancels for small Δ.
    """
    length = math.hypot(1 + ratio * cosine, ratio * math.sqrt(max(0.0, 1 - cosine * cosine)))  # ‖actual‖
    if ratio > 0.5:
        return 1 - (1 + ratio * cosine) / length
    growth = ratio * (2 * cosine + ratio) / (length + 1)  # ‖actual‖ − 1
    return max(0.0, (ratio - growth) * (ratio + growth) / (2 * length))


def scaled(actual: torch.Tensor, expected: torch.Tensor, *, max_abs: float, compared: int) -> Norms:
    """The norms from a pass of their own, each vector in units of its largest element.

    `max_abs` is the largest |Δ|, `compared` the number of elements that do not disagree in NaN or Inf. The cosine between a
    zero vector and one that is not zero is taken as 0.
    """
    share = 1.0 if math.isfinite(max_abs) else 0.5  # of both sides, so that their difference is finite
    tops = np.zeros(3)
    for sides in _finite(actual, expected, share):
        tops = np.maximum(tops, [np.abs(side).max() for side in sides])
    units = np.where(tops > 0, tops, 1.0)
    squares, products, sum_abs = np.zeros(3), np.zeros(2), 0.0
    for sides in _finite(actual, expected, share):
        a, e, d = (side / unit for side, unit in zip(sides, units, strict=True))
        squares += [np.square(side).sum() for side in (a, e, d)]
        products += [(a * e).sum(), (d * e).sum()]
        sum_abs += float(np.abs(d.view(np.complex128) if expected.is_complex() or actual.is_complex() else d).sum())
    norm_a, norm_e, norm_d = (math.sqrt(square) for square in squares)
    unit = float(units[2])
    l2, mean_abs = unit * norm_d / share, unit * (sum_abs / compared) / share
    if norm_a == 0 or norm_e == 0:
        return Norms(l2=l2, mean_abs=mean_abs, one_minus_cosine=1.0)
    ratio = unit / float(units[1]) * norm_d / norm_e
    if ratio > 0.5:
        one_minus_cosine = 1 - float(products[0]) / (norm_a * norm_e)
    else:
        one_minus_cosine = _one_minus_cosine(ratio, float(products[1]) / (norm_d * norm_e))
    return Norms(l2=l2, mean_abs=mean_abs, one_minus_cosine=one_minus_cosine)


def _finite(actual: torch.Tensor, expected: torch.Tensor, share: float) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Chunks of actual, expected and Δ in float64, zero where either side is not finite."""
    for chunk in chunks.pairs(actual, expected):
        chunk.widen()
        chunk.subtract()
        chunk.set_apart()
        if share != 1.0:
            chunk.actual *= share
            chunk.expected *= share
            np.subtract(chunk.actual, chunk.expected, out=chunk.delta)
        yield chunk.actual, chunk.expected, chunk.delta
