"""float32 outputs that nearly agree, the usual case: neighbours subtract exactly, so most can stay in float32."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch

from tsdash import chunks, widened
from tsdash.argmax import Flips
from tsdash.chunks import Chunk, Integers, Places
from tsdash.tally import Tally
from tsdash.totals import Totals

BINADE = 2**23  # float32 values between a power of two and the next
_FAR_SHARE = 1 / 16  # of the pairs, beyond which a chunk is not close
_FAR_KEPT = 1 / 64  # of a chunk, beyond which the pairs put aside are added
_SMALL = 1 / 4  # of a chunk, below which it costs more to put pairs aside than to take all in float64
_SLACK = 1 - 2.0**-20  # for the rounding, in float32, of a product that stands in for a quotient
_NOWHERE = np.empty(0, np.intp)

Floats32 = npt.NDArray[np.float32]


class Aside:
    """Pairs that are far apart, among others that are close, to be added later: their bits and flat indices, in C order."""

    def __init__(self) -> None:
        self.elements = 0
        self._parts: list[tuple[Integers, Integers, Places]] = []

    def put(self, chunk: Chunk, places: Places) -> None:
        self._parts.append((chunk.bits[0][places], chunk.bits[1][places], chunk.flat(places)))
        self.elements += len(places)

    def add_to(self, totals: Totals, tally: Tally) -> None:
        if self._parts:
            actual, expected, at = map(np.concatenate, zip(*self._parts, strict=True))
            widened.add(chunks.gathered((actual, expected), at, torch.float32), totals, tally, None)
            self.elements = 0
            self._parts.clear()


def add(chunk: Chunk, totals: Totals, tally: Tally, flips: Flips | None, aside: Aside) -> bool:
    """Add a chunk of float32 where nearly all pairs are within a factor of two. Returns False, having done nothing, for others.

    Their Δ is exact in float32 (Sterbenz). The few that are farther apart are put aside, and are zero on both sides here.
    """
    scratch = chunk.scratch
    most, far = _ulps(chunk)
    chunk.equal = most == len(far) == 0
    if most == 0 or len(far) > chunk.elements * _FAR_SHARE or (len(far) and chunk.elements < chunks.CHUNK * _SMALL):
        return False
    actual, expected = chunk.bits[0].view(np.float32), chunk.bits[1].view(np.float32)
    delta = np.subtract(actual, expected, out=scratch.narrow)
    np.copyto(chunk.expected, expected)
    if len(far):
        delta[far] = chunk.expected[far] = 0
    np.copyto(chunk.delta, delta)
    dots = chunk.dots()
    if not math.isfinite(dots[0]):
        return False
    if flips is not None:
        flips.add(actual, expected)
    if len(far):
        aside.put(chunk, far)
    totals.add_dots(*dots)
    totals.max_ulp = max(totals.max_ulp, float(most))
    size = np.abs(delta, out=delta)
    totals.add_sizes(chunk, size)
    wide = np.abs(chunk.delta, out=chunk.delta)
    _add_ratios(chunk, size, most, totals)
    totals.sum_abs += float(np.add.reduce(wide))
    zero = tally.add(wide, scratch.codes, scratch.ones)
    totals.zero += zero - len(far)
    totals.same = totals.same and zero == chunk.elements
    if aside.elements > chunks.CHUNK * _FAR_KEPT or totals.max_rel < 1:  # far pairs soon make it more than that
        aside.add_to(totals, tally)
    return True


def _ulps(chunk: Chunk) -> tuple[int, Places]:
    """The largest ULP distance among pairs that are not far apart, and the places of those that are.

    Differences of the bits, as int32 that wrap around, below BINADE are those of two numbers of one sign: the bits of two signs
    are at least 2**31 less the bits of infinity apart, and that is BINADE. But for subnormal numbers they are within a factor
    of two. Pairs with a NaN may be among them; their Δ tells.
    """
    steps = np.subtract(*chunk.bits, out=chunk.scratch.steps)
    ulps = np.abs(steps, out=steps).view(np.uint32)
    most, far = int(np.maximum.reduce(ulps)), _NOWHERE
    if most >= BINADE:
        far = np.flatnonzero(np.greater_equal(ulps, np.uint32(BINADE), out=chunk.scratch.mask))
        ulps[far] = 0
        most = int(np.maximum.reduce(ulps))
    return most, far


def _add_ratios(chunk: Chunk, size: Floats32, most: int, totals: Totals) -> None:
    """The largest |Δ| / |expected|, which is at most 1, and at most four times the ULP distance in units of the binade.

    Where subnormal numbers are among them, neither this bound nor the product that stands in for the quotient holds.
    """
    if min(1.0, 4 * most / BINADE) <= totals.max_rel:
        return
    expected, scale, mask = chunk.bits[1].view(np.float32), chunk.scratch.spare, chunk.scratch.mask
    if totals.max_rel == 0:  # nothing to beat
        ratios = np.divide(chunk.delta, chunk.expected, out=chunk.scratch.actual)
        largest = max(float(np.fmax.reduce(ratios)), -float(np.fmin.reduce(ratios)))
        if largest < math.inf:  # nowhere is expected alone zero
            totals.max_rel = largest
            return
    np.multiply(np.abs(expected, out=scale), np.float32(totals.max_rel * _SLACK), out=scale)
    if np.greater(size, scale, out=mask).any():
        places = np.flatnonzero(mask)
        ratios = size[places].astype(np.float64) / np.abs(expected[places])
        largest = float(np.maximum.reduce(ratios))
        if largest == math.inf:  # where expected is zero
            largest = float(ratios[ratios < math.inf].max(initial=0.0))
        totals.max_rel = max(totals.max_rel, largest)
