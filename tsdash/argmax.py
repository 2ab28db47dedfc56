"""The predicted class of every row of two score tables: where it flips, and where the flip is a tie."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

KEPT_ROWS = 16
TIE_ULPS = 8  # rounding steps of the row's largest score: candidates no farther apart are equal to within noise

Scores = npt.NDArray[Any]


@dataclass
class _Leader:
    """The largest score of the part of a row that was seen; NaN is larger than any number, as it is for torch.argmax."""

    index: int = -1
    score: float = -np.inf

    def meet(self, index: int, score: float) -> bool:
        leads = self.index < 0 or score > self.score or (np.isnan(score) and not np.isnan(self.score))
        if leads:
            self.index, self.score = index, score
        return leads


@dataclass
class Flips:
    """Counts over rows of `length` scores, which arrive in C order, whole or in pieces."""

    length: int
    eps: float  # of the coarser dtype: half a rounding step is at most eps / 2 of a score
    rows: int = 0
    flips: int = 0
    ties: int = 0
    largest_gap: float = 0.0  # between the two candidates of a flip, eager's scores; infinite where one is NaN
    first: list[int] = field(default_factory=list)
    _actual: _Leader = field(default_factory=_Leader)
    _expected: _Leader = field(default_factory=_Leader)
    _runner_up: float = 0.0  # eager's score of the class that the export predicts
    _largest: float = 0.0  # |score| of eager in this row
    _seen: int = 0

    def add(self, actual: Scores, expected: Scores, equal: bool = False) -> None:
        """The next elements: whole rows, or a piece of one. Rows that are known to be `equal` are counted only."""
        if len(actual) % self.length:
            self._add_piece(actual, expected)
        elif equal:
            self.rows += len(actual) // self.length
        else:
            self._add_rows(actual, expected)

    def _add_rows(self, actual: Scores, expected: Scores) -> None:
        actual, expected = actual.reshape(-1, self.length), expected.reshape(-1, self.length)
        winners, right = actual.argmax(axis=1), expected.argmax(axis=1)
        moved = winners != right
        for row in np.flatnonzero(moved) if np.count_nonzero(moved) else ():
            scores = expected[row].astype(np.float64)
            finite = np.abs(scores[np.isfinite(scores)])
            largest = float(finite.max()) if finite.size else 0.0
            self._flip(self.rows + int(row), float(scores[right[row]]), float(scores[winners[row]]), largest)
        self.rows += len(winners)

    def _add_piece(self, actual: Scores, expected: Scores) -> None:
        best, right = int(actual.argmax()), int(expected.argmax())
        if self._actual.meet(self._seen + best, float(actual[best])):
            self._runner_up = float(expected[best])
        self._expected.meet(self._seen + right, float(expected[right]))
        finite = expected[np.isfinite(expected)]
        if finite.size:
            self._largest = max(self._largest, float(finite.max()), -float(finite.min()))
        self._seen += len(actual)
        if self._seen == self.length:
            if self._actual.index != self._expected.index:
                self._flip(self.rows, self._expected.score, self._runner_up, self._largest)
            self.rows += 1
            self._actual, self._expected, self._largest, self._seen = _Leader(), _Leader(), 0.0, 0

    def _flip(self, row: int, best: float, runner_up: float, largest: float) -> None:
        self.flips += 1
        gap = 0.0 if best == runner_up else best - runner_up
        self.ties += gap <= TIE_ULPS * self.eps * largest
        self.largest_gap = max(self.largest_gap, np.inf if np.isnan(gap) else gap)
        if len(self.first) < KEPT_ROWS:
            self.first.append(row)
