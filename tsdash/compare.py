"""Two tensors compared over every element, in float64, in one pass of cache-sized chunks: facts, not judgements."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from tsdash import bits, chunks, decades, norms
from tsdash.argmax import Flips
from tsdash.chunks import Chunk, Floats, Mask
from tsdash.spec import PLAIN_TOLERANCE, Element, Histogram, Oracle, OutputFacts

WORST = 10  # elements listed
LOW, DECADES = -12, 16  # the histogram's range: 1e-12 to 1e4


class _Found(NamedTuple):
    """An element that may be one of the worst."""

    rank: float  # |Δ|
    flat: int  # its index in C order
    expected: float
    actual: float
    delta: float


@dataclass
class _Totals:
    """What the chunks seen so far come to."""

    same: bool  # bit for bit, NaN like NaN
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
    codes: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(decades.CODES, np.int64))
    worst: list[_Found] = field(default_factory=list)
    nan_found: list[_Found] = field(default_factory=list)
    inf_found: list[_Found] = field(default_factory=list)

    @property
    def apart(self) -> int:
        return self.nan_disagree + self.inf_disagree


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
    flips, ulp = _flips_of(actual, expected), bits.has_ulp(actual, expected)
    facts = OutputFacts(
        path=path,
        shape=tuple(expected.shape),
        dtype=str(expected.dtype).removeprefix("torch."),
        elements=expected.numel(),
        identical=True,
        max_ulp=0.0 if ulp else None,
        argmax_rows=None if flips is None else expected.numel() // expected.shape[-1],
        argmax_flips=None if flips is None else 0,
        histogram=Histogram(low=LOW, counts=(0,) * (DECADES * decades.BINS_PER_DECADE), zero=expected.numel()),
    )
    if bits.all_equal(actual, expected):
        return facts
    with np.errstate(all="ignore"):
        totals = _pass(actual, expected, flips, ulp)
        lengths = _norms(actual, expected, totals)
    if flips is not None:
        facts = replace(
            facts,
            argmax_flips=flips.flips,
            argmax_ties=flips.ties,
            flip_gap=flips.largest_gap,
            flipped_rows=tuple(flips.first),
        )
    return replace(
        facts,
        identical=totals.same,
        max_abs=totals.max_abs,
        mean_abs=lengths.mean_abs,
        l2=lengths.l2,
        max_rel=totals.max_rel,
        one_minus_cosine=lengths.one_minus_cosine,
        max_ulp=totals.max_ulp if ulp else None,
        over_plain=totals.over_plain + totals.apart,
        nan_disagree=totals.nan_disagree,
        inf_disagree=totals.inf_disagree,
        worst=_elements([*totals.nan_found, *totals.inf_found, *totals.worst][:WORST], facts.shape),
        histogram=_histogram(totals, facts.elements),
    )


def _flips_of(actual: torch.Tensor, expected: torch.Tensor) -> Flips | None:
    if (
        expected.ndim == 0
        or expected.shape[-1] < 2
        or not (actual.is_floating_point() and expected.is_floating_point())
    ):
        return None
    if "float4" in f"{actual.dtype}{expected.dtype}":
        return None
    return Flips(length=expected.shape[-1], eps=max(torch.finfo(side.dtype).eps for side in (actual, expected)))


def _pass(actual: torch.Tensor, expected: torch.Tensor, flips: Flips | None, ulp: bool) -> _Totals:
    totals = _Totals(same=actual.dtype == expected.dtype)
    one_dtype = totals.same
    mask = np.empty(min(chunks.CHUNK, expected.numel()) * 2, np.bool_)
    for chunk in chunks.pairs(actual, expected):
        equal = one_dtype and bits.equal(*chunk.raw, mask)
        chunk.widen()
        if flips is not None:
            flips.add(*_scores(chunk), equal)
        if equal:
            _add_equal(chunk, totals)
            continue
        _add(chunk, totals)
        if ulp:
            totals.max_ulp = max(totals.max_ulp, bits.max_ulp(*chunk.raw, chunk.bad))
    return totals


def _scores(chunk: Chunk) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Both sides as numpy finds their maxima fastest."""
    if all(raw.dtype == torch.float32 for raw in chunk.raw):
        return chunk.raw[0].numpy(), chunk.raw[1].numpy()
    return chunk.actual, chunk.expected


def _dot(one: Floats, other: Floats) -> float:
    """Through torch, whose threads are ours to set; numpy's BLAS starts its own."""
    return float(torch.dot(torch.from_numpy(one), torch.from_numpy(other)))


def _add_equal(chunk: Chunk, totals: _Totals) -> None:
    totals.zero += chunk.elements
    ee = _dot(chunk.expected, chunk.expected)
    if not math.isfinite(ee):
        finite = chunk.expected[np.isfinite(chunk.expected)]
        ee = _dot(finite, finite)
    totals.ee += ee


def _add(chunk: Chunk, totals: _Totals) -> None:
    chunk.subtract()
    dd = _dot(chunk.delta, chunk.delta)
    if not math.isfinite(dd):  # a finite Δ·Δ is proof that both sides are finite
        _count_apart(chunk, totals)
        dd = _dot(chunk.delta, chunk.delta)
    size = chunk.moduli(chunk.delta, chunk.scratch.size)
    largest = float(size.max())
    totals.dd += dd
    totals.ed += _dot(chunk.expected, chunk.delta)
    totals.ee += _dot(chunk.expected, chunk.expected)
    totals.sum_abs += float(torch.from_numpy(size).sum())
    totals.max_abs = max(totals.max_abs, largest)
    zero = _count_codes(chunk, size, totals)
    totals.zero += zero
    totals.same = totals.same and zero == chunk.elements and bits.equal_but_for_nan(*chunk.raw)
    if largest > PLAIN_TOLERANCE:
        totals.over_plain += int(
            np.count_nonzero(np.greater(size, PLAIN_TOLERANCE, out=chunk.scratch.mask[: len(size)]))
        )
    if largest > 0:
        totals.max_rel = _max_rel(chunk, size, totals.max_rel)
    if largest > (totals.worst[-1].rank if len(totals.worst) == WORST else 0.0):
        _keep_worst(chunk, size, totals)


def _count_codes(chunk: Chunk, size: Floats, totals: _Totals) -> int:
    """Count |Δ| by code. Returns the number of elements with Δ = 0, those that were set apart not included."""
    before = int(totals.codes[0])
    codes = decades.codes(size, chunk.scratch.other.view(np.uint64)[: len(size)])
    np.add.at(totals.codes, codes, 1)
    zero = int(totals.codes[0]) - before
    if zero and any(raw.element_size() >= 8 for raw in chunk.raw):
        zero = len(size) - int(np.count_nonzero(size))  # code 0 holds the smallest float64 too
    return zero - chunk.apart


def _max_rel(chunk: Chunk, size: Floats, largest: float) -> float:
    """The largest |Δ| / |expected| so far. Elements that cannot exceed it are found by a product, cheaper than a quotient."""
    scale = chunk.moduli(chunk.expected, chunk.scratch.scale)
    other, mask = chunk.scratch.other[: len(size)], chunk.scratch.mask[: len(size)]
    np.multiply(scale, largest * (1 - 2.0**-50), out=other)
    np.logical_and(np.greater(size, other, out=mask), scale, out=mask) if largest == 0 else np.greater(
        size, other, out=mask
    )
    if not mask.any():
        return largest
    size, scale = size[mask], scale[mask]
    ratios = size[scale > 0] / scale[scale > 0]
    return max(largest, float(ratios.max(initial=0.0)))


def _count_apart(chunk: Chunk, totals: _Totals) -> None:
    """Count what disagrees in NaN or Inf, and keep the first few elements of each."""
    sides = chunk.actual.copy(), chunk.expected.copy(), chunk.delta.copy()
    nan, inf = chunk.set_apart()
    totals.nan_disagree += int(np.count_nonzero(nan))
    totals.inf_disagree += int(np.count_nonzero(inf))
    for where, kept in ((nan, totals.nan_found), (inf, totals.inf_found)):
        kept += _found(chunk, sides, np.flatnonzero(where)[: WORST - len(kept)])


def _keep_worst(chunk: Chunk, size: Floats, totals: _Totals) -> None:
    """The ten largest |Δ| so far, the earlier element first where they are equal."""
    bar = totals.worst[-1].rank if len(totals.worst) == WORST else 0.0
    places = np.flatnonzero(size > bar)
    if len(places) > WORST:
        sizes = size[places]
        bar = np.partition(sizes, -WORST)[-WORST]
        places = np.concatenate([places[sizes > bar], places[sizes == bar][:WORST]])
    totals.worst += _found(chunk, (chunk.actual, chunk.expected, chunk.delta), places)
    totals.worst.sort(key=lambda found: (-found.rank, found.flat))
    del totals.worst[WORST:]


def _found(chunk: Chunk, sides: tuple[Floats, Floats, Floats], places: npt.NDArray[np.intp]) -> list[_Found]:
    actual, expected, delta = (
        side[places] if chunk.parts == 1 else np.abs(side.view(np.complex128)[places]) for side in sides
    )
    flat = places + chunk.span.start
    return [
        _Found(*values)
        for values in zip(
            np.abs(delta).tolist(), flat.tolist(), expected.tolist(), actual.tolist(), delta.tolist(), strict=True
        )
    ]


def _elements(found: list[_Found], shape: tuple[int, ...]) -> tuple[Element, ...]:
    indices = (
        np.transpose(np.unravel_index(np.array([one.flat for one in found], np.intp), shape)).tolist()
        if shape
        else [()] * len(found)
    )
    return tuple(
        Element(index=tuple(index), expected=one.expected, actual=one.actual, delta=one.delta)
        for one, index in zip(found, indices, strict=True)
    )


def _norms(actual: torch.Tensor, expected: torch.Tensor, totals: _Totals) -> norms.Norms:
    if totals.max_abs == 0:
        return norms.Norms()
    compared = expected.numel() - totals.apart
    quick = norms.from_sums(dd=totals.dd, ed=totals.ed, ee=totals.ee, mean_abs=totals.sum_abs / compared)
    return quick or norms.scaled(actual, expected, max_abs=totals.max_abs, compared=compared)


def _histogram(totals: _Totals, elements: int) -> Histogram:
    cuts = decades.codes(decades.edges(LOW, DECADES))
    counts = np.add.reduceat(totals.codes[cuts[0] : cuts[-1]], cuts[:-1] - cuts[0])
    above = int(totals.codes[cuts[-1] :].sum()) if totals.max_abs >= decades.edges(LOW, DECADES)[-1] else 0
    below = elements - totals.zero - totals.apart - int(counts.sum()) - above
    return Histogram(
        low=LOW, counts=tuple(counts.tolist()), zero=totals.zero, below=below, above=above, nonfinite=totals.apart
    )


def against_oracle(actual: torch.Tensor, expected: torch.Tensor, oracle64: torch.Tensor) -> Oracle:
    """Both sides against eager in float64, over the elements that are finite in all three."""
    lengths, tops, compared = [0.0] * 3, [0.0] * 3, 0
    with np.errstate(all="ignore"):
        for _, raw in chunks.together(actual, expected, oracle64):
            a, e, o = (side.to(torch.complex128 if side.is_complex() else torch.float64).numpy() for side in raw)
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
