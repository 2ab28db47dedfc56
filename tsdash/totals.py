"""What all elements of two tensors come to, added up chunk by chunk: sums, maxima, counts, the worst elements."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tsdash import bits, chunks, decades
from tsdash.argmax import Flips
from tsdash.chunks import Chunk, Floats
from tsdash.spec import PLAIN_TOLERANCE, Histogram

Places = npt.NDArray[np.intp]

WORST = 10  # elements kept
LOW, DECADES = -12, 16  # the histogram's range: 1e-12 to 1e4
_TOP = float(decades.edges(LOW, DECADES)[-1])
_NOWHERE = np.empty(0, np.intp)
_MANY = 1000  # elements that are not sorted only to keep ten
_SLACK = 1 - 2.0**-50  # for the rounding of a product that stands in for a quotient


@dataclass
class Totals:
    """What the chunks seen so far come to; sums and maxima over the elements that are finite on both sides."""

    same: bool = False  # bit for bit, NaN like NaN
    sum_abs: float = 0.0
    dd: float = 0.0  # Δ·Δ
    ed: float = 0.0  # expected·Δ
    ee: float = 0.0  # expected·expected
    max_abs: float = 0.0
    max_rel: float = 0.0
    max_ulp: float = 0.0
    over_plain: int = 0
    zero: int = 0
    nan_disagree: int = 0
    inf_disagree: int = 0
    above: int = 0  # elements with |Δ| at or above the histogram's last edge
    worst_sizes: Floats = field(default_factory=lambda: np.empty(0))  # the ten largest |Δ|, largest first
    worst_places: Places = field(default_factory=lambda: np.empty(0, np.intp))  # their indices in C order
    nan_places: list[int] = field(default_factory=list)  # the first ten
    inf_places: list[int] = field(default_factory=list)
    histogram: Histogram | None = None  # once all is added
    screened: bool = (
        False  # some chunk was left out of max_rel by a bound that subnormal numbers, whose Δ is tiny, need not keep
    )

    @property
    def apart(self) -> int:
        return self.nan_disagree + self.inf_disagree


def add_up(actual: torch.Tensor, expected: torch.Tensor, flips: Flips | None) -> Totals:
    """One pass over all elements. `flips`, where given, counts the rows whose largest element moves."""
    one_dtype, ulp = actual.dtype == expected.dtype, bits.has_ulp(actual, expected)
    if expected.numel() > chunks.CHUNK and bits.all_equal(actual, expected):
        return _of_equals(expected.numel())
    totals, tally = Totals(same=one_dtype), decades.Tally(LOW, DECADES)
    for chunk in chunks.pairs(actual, expected):
        if one_dtype and expected.dtype == torch.float32 and _add_close(chunk, totals, tally, flips):
            continue
        if one_dtype and bits.equal(*chunk.bits, chunk.scratch.mask):
            if chunk.elements == expected.numel():
                return _of_equals(chunk.elements)
            _add_equal(chunk, totals, flips)
            continue
        _add(chunk, totals, tally, flips)
        if ulp:
            totals.max_ulp = max(totals.max_ulp, bits.max_ulp(*chunk.bits, chunk.bad))
    totals.histogram = _histogram(totals, tally.counts(), expected.numel())
    if totals.screened and totals.histogram.below > 0:
        totals.max_rel = _max_rel_of_all(actual, expected)
    return totals


def _of_equals(elements: int) -> Totals:
    histogram = Histogram(low=LOW, counts=(0,) * (DECADES * decades.BINS_PER_DECADE), zero=elements)
    return Totals(same=True, zero=elements, histogram=histogram)


def _histogram(totals: Totals, counts: list[int], elements: int) -> Histogram:
    below = elements - totals.zero - totals.apart - sum(counts) - totals.above
    return Histogram(
        low=LOW, counts=tuple(counts), zero=totals.zero, below=below, above=totals.above, nonfinite=totals.apart
    )


def _add_close(chunk: Chunk, totals: Totals, tally: decades.Tally, flips: Flips | None) -> bool:
    """Add a chunk of float32 where nearly all pairs are within a factor of two. Returns False, having done nothing, for others.

    Δ is then exact in float32 (Sterbenz), and |Δ| / |expected| at most 1 and at most twice the ULP distance in units of the
    binade; the few pairs farther apart are put right one by one. Subnormal numbers keep the first but not the second.
    """
    steps = np.subtract(*chunk.bits, out=chunk.scratch.steps)
    most, wild = bits.reach(steps), _NOWHERE
    if most >= bits.BINADE32:
        wild = bits.beyond_binade(steps, chunk.scratch.spare, chunk.scratch.mask)
        if len(wild) > chunk.elements // 16:
            return False
        steps[wild] = 0
        most = bits.reach(steps)
    elif most == 0:
        return False
    actual, expected = chunk.bits[0].view(np.float32), chunk.bits[1].view(np.float32)
    np.copyto(chunk.delta, np.subtract(actual, expected, out=chunk.scratch.narrow))
    np.copyto(chunk.expected, expected)
    if len(wild):
        chunk.delta[wild] = actual[wild].astype(np.float64) - chunk.expected[wild]
    dots = chunk.dots()
    if not math.isfinite(dots[0]):
        return False
    if flips is not None:
        flips.add(actual, expected)
    totals.max_ulp = max(totals.max_ulp, float(most))
    if len(wild):
        totals.max_ulp = max(totals.max_ulp, float(bits.max_ulp32(chunk.bits[0][wild], chunk.bits[1][wild])))
        scale = chunk.expected[wild]
        ratios = np.abs(chunk.delta[wild] / scale)[scale != 0]
        totals.max_rel = max(totals.max_rel, float(np.maximum.reduce(ratios, initial=0.0)))
    _add_finite(chunk, totals, tally, dots, largest_ratio=min(1.0, 2 * most / bits.BINADE32))
    return True


def _add_equal(chunk: Chunk, totals: Totals, flips: Flips | None) -> None:
    """Add a chunk that is bit-equal: no Δ, but its part of ‖expected‖."""
    chunk.widen()
    if flips is not None:
        flips.add(chunk.expected, chunk.expected, equal=True)
    totals.zero += chunk.elements
    finite = chunk.expected[np.isfinite(chunk.expected)]
    totals.ee += float(np.square(finite).sum())


def _add(chunk: Chunk, totals: Totals, tally: decades.Tally, flips: Flips | None) -> None:
    """Add any chunk, in float64."""
    chunk.widen()
    if flips is not None:
        flips.add(*_scores(chunk))
    chunk.subtract()
    dots = chunk.dots()
    if not math.isfinite(dots[0]):  # a finite Δ·Δ is proof that both sides are finite
        _count_apart(chunk, totals)
        dots = chunk.dots()
    _add_finite(chunk, totals, tally, dots)


def _scores(chunk: Chunk) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Both sides as numpy finds their maxima fastest."""
    if all(dtype == torch.float32 for dtype in chunk.dtypes):
        return chunk.bits[0].view(np.float32), chunk.bits[1].view(np.float32)
    return chunk.actual, chunk.expected


def _count_apart(chunk: Chunk, totals: Totals) -> None:
    """Count what disagrees in NaN or Inf, and keep the first few elements of each."""
    nan, inf = chunk.set_apart()
    totals.nan_disagree += int(np.count_nonzero(nan))
    totals.inf_disagree += int(np.count_nonzero(inf))
    for where, kept in ((nan, totals.nan_places), (inf, totals.inf_places)):
        kept += [chunk.span.start + place for place in np.flatnonzero(where)[: WORST - len(kept)].tolist()]


def _add_finite(
    chunk: Chunk,
    totals: Totals,
    tally: decades.Tally,
    dots: tuple[float, float, float],
    largest_ratio: float = math.inf,
) -> None:
    """Add a chunk whose `delta` and `expected` are filled and finite. Overwrites `delta`."""
    totals.dd += dots[0]
    totals.ed += dots[1]
    totals.ee += dots[2]
    size = chunk.moduli(chunk.delta, chunk.delta)
    largest = float(np.maximum.reduce(size))  # `max` and `sum` of an array ask Python first
    totals.sum_abs += float(np.add.reduce(size))
    totals.max_abs = max(totals.max_abs, largest)
    zero = _count(chunk, size, tally)
    totals.zero += zero
    totals.same = totals.same and zero == chunk.elements and _same_but_for_nan(chunk)
    if largest > PLAIN_TOLERANCE:
        totals.over_plain += int(
            np.count_nonzero(np.greater(size, PLAIN_TOLERANCE, out=chunk.scratch.mask[: len(size)]))
        )
    if largest >= _TOP:
        totals.above += int(np.count_nonzero(size >= _TOP))
    if largest_ratio <= totals.max_rel:
        totals.screened = True
    elif largest > 0:
        totals.max_rel = _max_rel(chunk, size, largest, totals.max_rel)
    if largest > _bar(totals):
        _keep_worst(chunk, size, totals)


def _same_but_for_nan(chunk: Chunk) -> bool:
    """Whether no bits differ, where all Δ are 0, but those of NaN on both sides. What else is not finite has one pattern."""
    differ = chunk.bits[0] != chunk.bits[1]
    return not (differ if chunk.bad is None else differ & ~chunk.bad).any()


def _count(chunk: Chunk, size: Floats, tally: decades.Tally) -> int:
    """Count |Δ| by its bin. Returns the number of elements with Δ = 0, those that were set apart not included."""
    zero = tally.add(size, chunk.scratch.codes)
    if zero and max(chunk.dtypes[0].itemsize, chunk.dtypes[1].itemsize) >= 8:
        zero = len(size) - int(np.count_nonzero(size))
    return zero - chunk.apart


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


def _max_rel_of_all(actual: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest |Δ| / |expected| by a pass of its own, for float32 where subnormal numbers may have slipped through."""
    largest = 0.0
    for chunk in chunks.pairs(actual, expected):
        chunk.widen()
        chunk.subtract()
        chunk.set_apart()
        size = chunk.moduli(chunk.delta, chunk.delta)
        largest = _max_rel(chunk, size, float(size.max()), largest)
    return largest


def _bar(totals: Totals) -> float:
    """What |Δ| has to exceed to be one of the worst."""
    return float(totals.worst_sizes[-1]) if len(totals.worst_sizes) == WORST else 0.0


def _keep_worst(chunk: Chunk, size: Floats, totals: Totals) -> None:
    """The ten largest |Δ| so far, the earlier element first where they are equal."""
    above = np.greater(size, _bar(totals), out=chunk.scratch.mask[: len(size)])
    if np.count_nonzero(above) > _MANY:
        np.greater_equal(size, np.partition(size, -WORST)[-WORST], out=above)
    places = np.flatnonzero(above)
    sizes = np.concatenate([totals.worst_sizes, size[places]])
    order = np.argsort(-sizes, kind="stable")[:WORST]
    totals.worst_sizes = sizes[order]
    totals.worst_places = np.concatenate([totals.worst_places, places + chunk.span.start])[order]
