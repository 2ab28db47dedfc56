"""What all elements of two tensors come to, added up chunk by chunk: sums, maxima, counts, the worst elements."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tsdash import decades
from tsdash.chunks import Chunk, Mask, Places
from tsdash.spec import PLAIN_TOLERANCE, Histogram
from tsdash.tally import Tally

WORST = 10  # elements kept
LOW, DECADES = -12, 16  # the histogram's range: 1e-12 to 1e4
_TOP = float(decades.edges(LOW, DECADES)[-1])
_PLAIN = {np.dtype(kind): kind(PLAIN_TOLERANCE) for kind in (np.float32, np.float64)}  # nothing lies between the two
_MANY = 1000  # elements that are not sorted only to keep ten
_BLOCKS = 128
_NOWHERE = np.empty(0, np.intp)

Sizes = npt.NDArray[Any]  # |Δ| in float64, or in float32 where that is exact


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
    worst: list[tuple[float, int]] = field(default_factory=list)  # −|Δ| and flat index of the ten largest, in order
    nan_places: list[int] = field(default_factory=list)  # the first ten
    inf_places: list[int] = field(default_factory=list)

    @property
    def apart(self) -> int:
        return self.nan_disagree + self.inf_disagree

    def add_dots(self, dd: float, ed: float, ee: float) -> None:
        self.dd += dd
        self.ed += ed
        self.ee += ee

    def add_apart(self, chunk: Chunk, nan: Mask, inf: Mask) -> None:
        """Count what disagrees in NaN or Inf, and keep the first few elements of each."""
        self.nan_disagree += int(np.count_nonzero(nan))
        self.inf_disagree += int(np.count_nonzero(inf))
        for where, kept in ((nan, self.nan_places), (inf, self.inf_places)):
            kept[:] = sorted([*kept, *chunk.flat(np.flatnonzero(where)[:WORST]).tolist()])[:WORST]

    def add_sizes(self, chunk: Chunk, size: Sizes) -> float:
        """Add |Δ| of a chunk where it is finite: its maximum, which is returned, and the counts and places of the large."""
        largest = float(np.maximum.reduce(size))  # `max` of an array asks Python first
        self.max_abs = max(self.max_abs, largest)
        if largest > PLAIN_TOLERANCE:
            over = np.greater(size, _PLAIN[size.dtype], out=chunk.scratch.mask[: len(size)])
            self.over_plain += int(np.count_nonzero(over))
        if largest >= _TOP:
            self.above += int(np.count_nonzero(size >= _TOP))
        bar = self._bar()
        if largest > bar or (largest == bar > 0 and chunk.at is not None):
            self._keep_worst(chunk, size, largest, bar)
        return largest

    def _bar(self) -> float:
        """What |Δ| has to exceed to be one of the worst."""
        return -self.worst[-1][0] if len(self.worst) == WORST else 0.0

    def _keep_worst(self, chunk: Chunk, size: Sizes, largest: float, bar: float) -> None:
        """The ten largest |Δ| so far, the earlier element first where they are equal."""
        if bar > 0:
            places = _above(chunk, size, bar, or_equal=chunk.at is not None)
        else:
            places = _above(chunk, size, 0.75 * largest, or_equal=True)
            if not WORST <= len(places) <= _MANY:
                least = _at_most_the_tenth(size)
                places = _above(chunk, size, least, or_equal=least > 0)
        if len(places) > _MANY:
            places = _largest(size, places)
        new = zip((-size[places]).tolist(), chunk.flat(places).tolist(), strict=True)
        self.worst = sorted([*self.worst, *new])[:WORST]


def _above(chunk: Chunk, size: Sizes, bar: float, or_equal: bool) -> Places:
    """Where sizes are above a bar that their dtype may not have: then it is that of the next number above."""
    near = size.dtype.type(bar)
    compare = np.greater_equal if or_equal or float(near) > bar else np.greater
    return np.flatnonzero(compare(size, near, out=chunk.scratch.mask[: len(size)]))


def _at_most_the_tenth(size: Sizes) -> float:
    """At most the tenth largest of many, by the largest of each of some blocks; 0 for few."""
    rows = len(size) // _BLOCKS
    if rows == 0:
        return 0.0
    tops = np.maximum.reduce(size[: rows * _BLOCKS].reshape(rows, _BLOCKS))
    tops.partition(_BLOCKS - WORST)
    return float(tops[_BLOCKS - WORST])


def _largest(size: Sizes, places: Places) -> Places:
    """Of many places those of the ten largest, the first of the equal."""
    some = size[places]
    least = np.partition(some, -WORST)[-WORST]
    return np.concatenate([places[some > least], places[some == least][:WORST]])


def of_equals(elements: int) -> tuple[Totals, Histogram]:
    """Of two tensors that are bit-equal, but for ‖expected‖."""
    counts = (0,) * (DECADES * decades.BINS_PER_DECADE)
    return Totals(same=True, zero=elements), Histogram(low=LOW, counts=counts, zero=elements)


def histogram_of(totals: Totals, tally: Tally, elements: int) -> Histogram:
    counts = tally.counts()
    below = elements - totals.zero - totals.apart - sum(counts) - totals.above
    return Histogram(
        low=LOW, counts=tuple(counts), zero=totals.zero, below=below, above=totals.above, nonfinite=totals.apart
    )
