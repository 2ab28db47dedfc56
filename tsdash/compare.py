"""Two tensors compared over every element, in float64, in one pass of cache-sized chunks: facts, not judgements."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from tsdash import bits, chunks, decades, norms
from tsdash.argmax import Flips
from tsdash.chunks import Chunk, Floats, Mask
from tsdash.spec import PLAIN_TOLERANCE, Element, Histogram, Oracle, OutputFacts

WORST = 10  # elements listed
LOW, DECADES = -12, 16  # the histogram's range: 1e-12 to 1e4


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
    worst: list[tuple[float, int, Element]] = field(default_factory=list)  # |Δ|, flat index
    nan_elements: list[Element] = field(default_factory=list)
    inf_elements: list[Element] = field(default_factory=list)

    @property
    def apart(self) -> int:
        return self.nan_disagree + self.inf_disagree


def compare(actual: torch.Tensor, expected: torch.Tensor, *, path: str) -> OutputFacts:
    """The facts of one output. Tensors of one shape, of any dtype, device and layout. Raises ValueError for two shapes.

    Sums, maxima and the histogram are over the elements that are finite on both sides. NaN against NaN and Inf against the
    same Inf are Δ = 0; an element where they disagree is counted apart, counts as over the plain tolerance, and comes first
    among the worst. −0.0 against 0.0 is Δ = 0 but not identical, and tensors of two dtypes never are. |Δ| of complex numbers
    is the modulus of the difference, and their moduli stand among the worst.
    """
    if actual.shape != expected.shape:
        raise ValueError(
            f"shapes {tuple(actual.shape)} and {tuple(expected.shape)} cannot be compared element by element"
        )
    actual, expected = actual.detach(), expected.detach()
    flips = _flips_of(actual, expected)
    ulp = bits.has_ulp(actual, expected)
    totals = _Totals(same=actual.dtype == expected.dtype)
    with np.errstate(all="ignore"):
        for chunk in chunks.pairs(actual, expected):
            if flips is not None:
                flips.add(chunk.actual, chunk.expected)
            _add(chunk, tuple(expected.shape), totals)
            if ulp:
                totals.max_ulp = max(totals.max_ulp, bits.max_ulp(*chunk.raw, chunk.bad))
        lengths = _norms(actual, expected, totals)
    return OutputFacts(
        path=path,
        shape=tuple(expected.shape),
        dtype=str(expected.dtype).removeprefix("torch."),
        elements=expected.numel(),
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
        argmax_rows=None if flips is None else flips.rows,
        argmax_flips=None if flips is None else flips.flips,
        argmax_ties=0 if flips is None else flips.ties,
        flip_gap=0.0 if flips is None else flips.largest_gap,
        flipped_rows=() if flips is None else tuple(flips.first),
        worst=(*totals.nan_elements, *totals.inf_elements, *(element for _, _, element in totals.worst))[:WORST],
        histogram=_histogram(totals, expected.numel()),
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


def _add(chunk: Chunk, shape: tuple[int, ...], totals: _Totals) -> None:
    chunk.subtract()
    dd = float(np.dot(chunk.delta, chunk.delta))
    if not math.isfinite(dd):  # finite squares of Δ are proof that both sides are finite
        _count_apart(chunk, shape, totals)
        dd = float(np.dot(chunk.delta, chunk.delta))
    size = chunk.moduli(chunk.delta, np.empty(chunk.elements))
    largest = float(size.max())
    zero = chunk.elements - int(np.count_nonzero(size)) - chunk.apart
    totals.zero += zero
    totals.same = totals.same and zero == chunk.elements and bits.same(*chunk.raw)
    totals.sum_abs += float(size.sum())
    totals.dd += dd
    totals.ed += float(np.dot(chunk.expected, chunk.delta))
    totals.ee += float(np.dot(chunk.expected, chunk.expected))
    totals.max_abs = max(totals.max_abs, largest)
    if largest > PLAIN_TOLERANCE:
        totals.over_plain += int(np.count_nonzero(size > PLAIN_TOLERANCE))
    counts = np.bincount(decades.codes(size))
    totals.codes[: len(counts)] += counts
    if largest > 0:
        scale = chunk.moduli(chunk.expected, np.empty(chunk.elements))
        some = scale > 0
        totals.max_rel = max(totals.max_rel, float((size[some] / scale[some]).max(initial=0.0)))
        _keep_worst(chunk, size, shape, totals)


def _count_apart(chunk: Chunk, shape: tuple[int, ...], totals: _Totals) -> None:
    """Count what disagrees in NaN or Inf, and keep the first few elements of each."""
    sides = chunk.actual.copy(), chunk.expected.copy(), chunk.delta.copy()
    nan, inf = chunk.set_apart()
    totals.nan_disagree += int(np.count_nonzero(nan))
    totals.inf_disagree += int(np.count_nonzero(inf))
    for where, kept in ((nan, totals.nan_elements), (inf, totals.inf_elements)):
        kept += _elements(chunk, sides, np.flatnonzero(where)[: WORST - len(kept)], shape)


def _elements(
    chunk: Chunk, sides: tuple[Floats, Floats, Floats], places: npt.NDArray[np.intp], shape: tuple[int, ...]
) -> list[Element]:
    found = []
    for place in places:
        if chunk.parts == 1:
            actual, expected, delta = (float(side[place]) for side in sides)
        else:
            actual, expected, delta = (math.hypot(*side[2 * place : 2 * place + 2]) for side in sides)
        index = tuple(int(i) for i in np.unravel_index(chunk.span.start + int(place), shape)) if shape else ()
        found.append(Element(index=index, expected=expected, actual=actual, delta=delta))
    return found


def _keep_worst(chunk: Chunk, size: Floats, shape: tuple[int, ...], totals: _Totals) -> None:
    """The ten largest |Δ| so far, the earlier element first where they are equal."""
    bar = totals.worst[-1][0] if len(totals.worst) == WORST else 0.0
    places = np.flatnonzero(size > bar)
    if len(places) > WORST:
        sizes = size[places]
        bar = np.partition(sizes, -WORST)[-WORST]
        places = np.concatenate([places[sizes > bar], places[sizes == bar][:WORST]])
    elements = _elements(chunk, (chunk.actual, chunk.expected, chunk.delta), places, shape)
    totals.worst += [
        (float(size[place]), chunk.span.start + int(place), element)
        for place, element in zip(places, elements, strict=True)
    ]
    totals.worst.sort(key=lambda found: (-found[0], found[1]))
    del totals.worst[WORST:]


def _norms(actual: torch.Tensor, expected: torch.Tensor, totals: _Totals) -> norms.Norms:
    if totals.max_abs == 0:
        return norms.Norms()
    compared = expected.numel() - totals.apart
    quick = norms.from_sums(dd=totals.dd, ed=totals.ed, ee=totals.ee, mean_abs=totals.sum_abs / compared)
    return quick or norms.scaled(actual, expected, max_abs=totals.max_abs, compared=compared)


def _histogram(totals: _Totals, elements: int) -> Histogram:
    cuts = decades.codes(decades.edges(LOW, DECADES))
    below_cut = np.concatenate([[0], np.cumsum(totals.codes)])[cuts]
    nonzero = elements - totals.zero - totals.apart
    zeros = elements - nonzero  # in the lowest bin: Δ = 0, and what was set apart
    return Histogram(
        low=LOW,
        counts=tuple(int(count) for count in np.diff(below_cut)),
        zero=totals.zero,
        below=int(below_cut[0]) - zeros,
        above=elements - int(below_cut[-1]),
        nonfinite=totals.apart,
    )


def against_oracle(actual: torch.Tensor, expected: torch.Tensor, oracle64: torch.Tensor) -> Oracle:
    """Both sides against eager in float64, over the elements that are finite in all three."""
    sums, tops, compared = np.zeros(3), np.zeros(3), 0
    with np.errstate(all="ignore"):
        for span, _, sides in chunks.together(actual.detach(), expected.detach(), oracle64.detach()):
            a, e, o = (side if len(side) == span.elements else side.view(np.complex128) for side in sides)
            finite: Mask = np.isfinite(a) & np.isfinite(e) & np.isfinite(o)
            compared += int(np.count_nonzero(finite))
            for index, values in enumerate((e - o, a - o, o)):
                size = np.abs(values[finite])
                tops[index] = max(tops[index], size.max(initial=0.0))
                sums[index] += np.dot(size, size)
    rms = np.sqrt(sums / max(compared, 1))
    return Oracle(
        expected_rms=float(rms[0]),
        actual_rms=float(rms[1]),
        scale_rms=float(rms[2]),
        expected_max=float(tops[0]),
        actual_max=float(tops[1]),
        scale_max=float(tops[2]),
    )
