"""Two tensors compared over every element, in float64, in one pass of cache-sized chunks: facts, not judgements."""

from __future__ import annotations

import functools
import math

import numpy as np
import torch

from tsdash import bits, chunks, close, norms, widened
from tsdash.argmax import Flips
from tsdash.chunks import Mask, Reader
from tsdash.spec import Element, Histogram, Oracle, OutputFacts
from tsdash.tally import Tally
from tsdash.totals import DECADES, LOW, WORST, Totals, histogram_of, of_equals


def compare(actual: torch.Tensor, expected: torch.Tensor, *, path: str) -> OutputFacts:
    """The facts of one output. Tensors of one shape, of any dtype, device and layout. Raises ValueError for two shapes.

    Sums, maxima and the histogram are over the elements that are finite on both sides. NaN against NaN and Inf against the
    same Inf are Δ = 0; an element where they disagree is counted apart, counts as over the plain tolerance, and comes first
    among the worst. −0.0 against 0.0 is Δ = 0 but not identical, and tensors of two dtypes never are. |Δ| of complex numbers
    is the modulus of the difference, and their moduli stand among the worst. A |Δ| beyond float64 is infinite.
    """
    if actual.shape != expected.shape:
        raise ValueError(
            f"shapes {tuple(actual.shape)} and {tuple(expected.shape)} cannot be compared element by element"
        )
    flips = _flips_of(actual, expected)
    sides = Reader(actual), Reader(expected)
    with np.errstate(all="ignore"):
        totals, histogram = _add_up(*sides, flips)
        lengths = _norms(actual, expected, totals)
    return OutputFacts(
        path=path,
        shape=tuple(expected.shape),
        dtype=str(expected.dtype).removeprefix("torch."),
        elements=expected.numel(),
        identical=totals.same,
        only_nan=totals.same and _only_nan(expected, sides[1]),
        max_abs=totals.max_abs,
        mean_abs=lengths.mean_abs,
        l2=lengths.l2,
        max_rel=totals.max_rel,
        one_minus_cosine=lengths.one_minus_cosine,
        max_ulp=totals.max_ulp if actual.dtype == expected.dtype and bits.has_ulp(expected.dtype) else None,
        over_plain=totals.over_plain + totals.apart,
        nan_disagree=totals.nan_disagree,
        inf_disagree=totals.inf_disagree,
        argmax_rows=expected.numel() // flips.length if flips else None,
        argmax_flips=flips.flips if flips else None,
        argmax_ties=flips.ties if flips else 0,
        flip_gap=flips.largest_gap if flips else 0.0,
        flipped_rows=tuple(flips.first) if flips else (),
        worst=_worst(*sides, tuple(expected.shape), totals),
        histogram=histogram,
    )


def _only_nan(tensor: torch.Tensor, reader: Reader) -> bool:
    """Whether a tensor has elements and all are NaN; it is read as far as the first that is not, nearly always the first."""
    if not (tensor.is_floating_point() or tensor.is_complex()) or not tensor.numel():
        return False
    (first,) = reader.numbers_at(np.zeros(1, np.intp))
    if first == first:  # NaN alone is not itself
        return False
    spans = (some for _, (some,) in chunks.together((reader,)))
    return all(bool(chunks.as_tensor(some, tensor.dtype).isnan().all()) for some in spans)


def _flips_of(actual: torch.Tensor, expected: torch.Tensor) -> Flips | None:
    """Room for the rows along the last axis; None where the outputs are no table of scores."""
    if expected.ndim == 0 or expected.shape[-1] < 2:
        return None
    eps = _score_eps(actual.dtype), _score_eps(expected.dtype)
    return Flips(length=expected.shape[-1], eps=max(eps)) if all(eps) else None


@functools.cache
def _score_eps(dtype: torch.dtype) -> float:
    """The rounding step at 1 of a dtype that can hold scores; 0 for others."""
    return torch.finfo(dtype).eps if dtype.is_floating_point and "float4" not in str(dtype) else 0.0


def _add_up(actual: Reader, expected: Reader, flips: Flips | None) -> tuple[Totals, Histogram]:
    """One pass over all elements. `flips`, where given, counts the rows whose largest element moves."""
    elements, one_dtype = math.prod(expected.shape), actual.dtype == expected.dtype
    float32 = one_dtype and expected.dtype == torch.float32
    if elements > chunks.CHUNK and bits.all_equal(actual, expected):
        return of_equals(elements)
    totals, tally, aside = Totals(same=one_dtype), Tally(LOW, DECADES), close.Aside()
    for chunk in chunks.pairs(actual, expected):
        if float32 and close.add(chunk, totals, tally, flips, aside):
            continue
        if chunk.equal is None:
            chunk.equal = one_dtype and bits.equal(*chunk.bits, chunk.scratch.mask)
        if not chunk.equal:
            widened.add(chunk, totals, tally, flips)
        elif chunk.elements == elements:
            return of_equals(elements)
        else:
            widened.add_equal(chunk, totals, flips)
    aside.add_to(totals, tally)
    histogram = histogram_of(totals, tally, elements)
    if histogram.below > 0 and tally.tiny() and float32:  # numbers for which `close` may have missed the largest
        totals.max_rel = widened.max_rel_of_all(chunks.pairs(actual, expected))
    return totals, histogram


def _worst(actual: Reader, expected: Reader, shape: tuple[int, ...], totals: Totals) -> tuple[Element, ...]:
    """NaN that disagree, then Inf, then the largest |Δ|, taken again from the tensors: exactly, where they are integers."""
    largest = (place for _, place in totals.worst)
    flat = np.array([*totals.nan_places, *totals.inf_places, *largest][:WORST], np.intp)
    axes = np.unravel_index(flat, shape) if shape else ()
    indices = zip(*(axis.tolist() for axis in axes), strict=True) if shape else [()] * len(flat)
    found = []
    for index, a, e in zip(indices, actual.numbers_at(flat), expected.numbers_at(flat), strict=True):
        d = a - e
        if isinstance(d, complex):
            a, e, d = (math.hypot(number.real, number.imag) for number in (a, e, d))
        found.append(Element(index=index, expected=float(e), actual=float(a), delta=float(d)))
    return tuple(found)


def _norms(actual: torch.Tensor, expected: torch.Tensor, totals: Totals) -> norms.Norms:
    if totals.max_abs == 0:
        return norms.Norms()
    compared = expected.numel() - totals.apart
    quick = norms.from_sums(dd=totals.dd, ed=totals.ed, ee=totals.ee, mean_abs=totals.sum_abs / compared)
    return quick or norms.scaled(actual, expected, max_abs=totals.max_abs, compared=compared)


def against_oracle(actual: torch.Tensor, expected: torch.Tensor, oracle64: torch.Tensor) -> Oracle:
    """Both sides against eager in float64, over the elements that are finite in all three."""
    sides = actual, expected, oracle64
    lengths, tops, compared = [0.0] * 3, [0.0] * 3, 0
    with np.errstate(all="ignore"):
        for _, bits_of_sides in chunks.together(sides):
            tensors = (chunks.as_tensor(some, side.dtype) for some, side in zip(bits_of_sides, sides, strict=True))
            a, e, o = (side.to(torch.complex128 if side.is_complex() else torch.float64).numpy() for side in tensors)
            finite: Mask = np.isfinite(a) & np.isfinite(e) & np.isfinite(o)
            compared += int(np.count_nonzero(finite))
            for index, values in enumerate((e - o, a - o, o)):
                size = np.abs(values[finite])
                top = float(size.max(initial=0.0))
                norm = top * math.sqrt(np.square(size / (top or 1.0)).sum())  # no square overflows or vanishes
                tops[index], lengths[index] = max(tops[index], top), math.hypot(lengths[index], norm)
    rms = [norm / math.sqrt(max(compared, 1)) for norm in lengths]
    return Oracle(
        expected_rms=rms[0],
        actual_rms=rms[1],
        scale_rms=rms[2],
        expected_max=tops[0],
        actual_max=tops[1],
        scale_max=tops[2],
    )
