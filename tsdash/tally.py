"""Counts of magnitudes in bins of a fifth of a decade."""

from __future__ import annotations

import functools
import threading

import numpy as np
import numpy.typing as npt
import torch

from tsdash import decades
from tsdash.decades import Codes, Floats

_MOST = 2**30  # magnitudes that int32 count without fear
_TINY = slice(*decades.codes(np.array([2.0**-149, 2.0**-100])).tolist())  # the codes of the smallest float32


@functools.cache
def _window(low: int, count: int) -> tuple[slice, Codes]:
    """The codes of all bins, and where each bin begins among them."""
    cuts = decades.codes(decades.edges(low, count))
    return slice(int(cuts[0]), int(cuts[-1])), cuts[:-1] - cuts[0]


class _Counters(threading.local):
    """One counter a code, for all tallies of a thread: to make or clear 1 MB would take longer than a small comparison."""

    def __init__(self) -> None:
        self.tensor = torch.zeros(decades.CODES, dtype=torch.int32)
        self.array: npt.NDArray[np.int32] = self.tensor.numpy()
        self.tiny = 0  # what was counted in `_TINY` when somebody last looked


_counters = _Counters()


class Tally:
    """Counts in the bins from 10**low on; what lies outside is not counted. Use one at a time in a thread."""

    def __init__(self, low: int, count: int) -> None:
        self._bins, self._starts = _window(low, count)
        self._full: list[int] = []  # what was counted before the counters were last cleared
        self._clear()

    def _clear(self) -> None:
        self._added = 0
        _counters.array[self._bins] = 0

    def add(self, magnitudes: Floats, codes: torch.Tensor, ones: torch.Tensor) -> int:
        """Count them, which overwrites them by their codes: `codes` is the same memory as int64. `ones` are as many int32.

        Returns how many have code 0, that of zero, and of the smallest numbers of float64 alone.
        """
        if self._added > _MOST:
            self._full = self.counts()
            self._clear()
        self._added += len(magnitudes)
        _counters.array[0] = 0
        decades.codes(magnitudes, out=magnitudes.view(np.uint64))
        _counters.tensor.scatter_add_(0, codes, ones)
        return int(_counters.array[0])

    def counts(self) -> list[int]:
        """The counts of the bins, from the lowest on."""
        counted: list[int] = np.add.reduceat(_counters.array[self._bins], self._starts).tolist()
        return [sum(both) for both in zip(self._full, counted, strict=True)] if self._full else counted

    def tiny(self) -> bool:
        """Whether magnitudes from 2**-149 to 2**-100 were added. Ask at the end, and always where there may be some."""
        before, _counters.tiny = _counters.tiny, int(_counters.array[_TINY].sum())
        return _counters.tiny != before
