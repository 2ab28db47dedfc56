"""How the time for latency is shared: the base case gets half, everything else the same time each.

The same time means more calls of a cheap case and fewer of a dear one. None gets less than a median with an interval needs:
where that does not fit, the dearest are not timed at all, rather than all of them badly. What one leaves goes to the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BASE_SHARE = 0.5
CONTENDER_S = 3.0  # for each contender, where the user names no budget
FEWEST_ROUNDS = 9  # three of warm-up, and six that give a median its interval


@dataclass(frozen=True, kw_only=True)
class Job:
    """One measurement. `round_s` is what a round of all its contenders takes, as far as the sweep can tell."""

    name: str
    round_s: float

    @property
    def least_s(self) -> float:
        return FEWEST_ROUNDS * self.round_s


def whole_s(asked_s: float | None, modes: int) -> float:
    """Seconds for all timing: what the user asks, else as much for each of eager twice and the modes."""
    return asked_s or CONTENDER_S * (2 + modes)


def affordable(base: Job, others: Sequence[Job], budget_s: float) -> tuple[list[Job], list[Job]]:
    """Which of `others` fit beside the base case, in their order, and which do not: the dearest are given up first."""
    left = budget_s - max(base.least_s, BASE_SHARE * budget_s)
    kept = list(others)
    while kept and sum(job.least_s for job in kept) > left:
        kept.remove(max(kept, key=lambda job: job.round_s))
    return kept, [job for job in others if job not in kept]


def base_share(base: Job, others: Sequence[Job], budget_s: float) -> float:
    """Seconds for the base case: half of all, and all where it is alone."""
    return max(base.least_s, budget_s if not others else BASE_SHARE * budget_s)


def share(job: Job, later: Sequence[Job], left_s: float) -> float:
    """Seconds for a job out of those that are left for it and all `later` ones."""
    return max(job.least_s, left_s / (1 + len(later)))
