"""A stored run under a tolerance of the user's own. Nothing is run again: outcomes and verdicts follow from the facts."""

from __future__ import annotations

from dataclasses import dataclass

from tsdash.errors import OptionError
from tsdash.judge import Margin, Tolerance, hold, judge, margins
from tsdash.records import Record
from tsdash.spec import CaseResult, Judgement, Verdict
from tsdash.verdicts import verdict

TOLERANCES = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)  # steps worth offering
Key = tuple[str, str]  # mode, case


@dataclass(frozen=True, kw_only=True)
class Rejudged:
    """What every case and every mode of a run comes to under one rule."""

    judgements: dict[Key, Judgement]
    verdicts: dict[str, Verdict]


class Rejudging:
    """A run that is judged under one tolerance after another: what no tolerance changes is judged once, here."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._judged: list[tuple[CaseResult, Judgement, tuple[Margin, ...]]] = [
            (result, judge(result), margins(result)) for result in record.results
        ]

    def under(self, tolerance: Tolerance | None) -> Rejudged:
        """The run under `tolerance`; None is the rule that tsdash has of its own."""
        found = [
            (result, hold(limits, tolerance) if tolerance is not None and limits else judgement)
            for result, judgement, limits in self._judged
        ]
        return Rejudged(
            judgements={(result.mode, result.case.id): judgement for result, judgement in found},
            verdicts={mode: self._verdict(mode, found) for mode in self._record.spec.modes},
        )

    def _verdict(self, mode: str, found: list[tuple[CaseResult, Judgement]]) -> Verdict:
        own = [(result, judgement) for result, judgement in found if result.mode == mode]
        return verdict(
            [result for result, _ in own],
            description=self._record.description,
            planned=len(self._record.spec.cases),
            judgements=[judgement for _, judgement in own],
        )


def rejudge(record: Record, tolerance: Tolerance | None = None) -> Rejudged:
    """The outcome of every case and the verdict of every mode, from stored facts alone."""
    return Rejudging(record).under(tolerance)


def parse(text: str) -> Tolerance:
    """The tolerance that somebody wrote: 1e-4. Raises OptionError."""
    try:
        absolute = float(text)
    except ValueError:
        absolute = -1.0
    if not 0 <= absolute < float("inf"):
        raise OptionError(f"{text!r} is no tolerance. Write the largest |Δ| that you accept, such as 1e-4.")
    return Tolerance(absolute=absolute)
