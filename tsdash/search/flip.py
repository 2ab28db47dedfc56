"""The point between two inputs at which an export stops agreeing: their values are blended, and the share is bisected.

What a user can compare with their source is not the share but what the values come to there: a mean, a maximum, a sum.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from tsdash import plan
from tsdash.judge import Tolerance
from tsdash.search.standing import agrees, made
from tsdash.spec import GIVEN, Case, CaseResult, InputFacts

STEPS = 14  # halvings: the share is known to 1 in 16384
WIDEST = 0.02  # of its size, that a statistic may move between the two sides and still be called a point
ROUNDING = 1e-9  # of its size, by which a statistic moves without meaning it
FAR = ("x100", "x1000")  # so far from the others that the halvings do not come near a point: looked between last
NOT_BLENDED = ("nan", "inf")  # no point lies between a number and these


@dataclass(frozen=True, kw_only=True)
class Flip:
    """Two blends of two inputs, next to each other: the export agrees on one and fails on the other."""

    origin: str  # the case whose failure it is
    values: str  # the transform whose values agree
    toward: str  # and the one whose values fail
    agrees: str  # the two cases, by id
    fails: str
    share: tuple[float, float]  # of the way from the values that agree to those that fail: agreeing, failing
    path: str = ""  # of the input that the next three speak of; empty where no statistic says more than the share
    statistic: str = ""  # "mean", "max", …
    at: tuple[float, float] = (0.0, 0.0)  # agreeing, failing
    threshold: float | None = None  # a plain number in between
    several: bool = False  # it flips more than once on the way


def flips(base: Case, results: Sequence[CaseResult], tolerance: Tolerance | None = None) -> tuple[Flip, ...]:
    """One for each pair of inputs between which a search has looked."""
    ways: dict[tuple[str, str], list[CaseResult]] = {}
    for result in results:
        if result.case.toward and plan.identity(_unblended(result.case)) == plan.identity(
            replace(base, values=result.case.values)
        ):
            ways.setdefault((result.case.values, result.case.toward), []).append(result)
    found = (_flip(way, tolerance) for way in ways.values())
    return tuple(flip for flip in found if flip is not None)


def pairs(base: Case, results: Sequence[CaseResult]) -> list[tuple[Case, Case]]:
    """The cases to look between, one that agrees and one that fails, which differ in their values alone."""
    same = [
        (result.case, agrees(result))
        for result in results
        if plan.identity(replace(result.case, values=base.values)) == plan.identity(base)
        and result.case.values not in NOT_BLENDED
    ]
    good = [case for case, answer in same if answer]
    bad = [case for case, answer in same if answer is False]
    return [(good[0], case) for case in sorted(bad, key=lambda case: case.values in FAR)] if good else []


def blend(start: Case, end: Case, share: float) -> Case:
    """The case that is `share` of the way from `start` to `end`."""
    return made(replace(start, values=start.values, toward=end.values, share=share), end)


def probes(steps: int = STEPS) -> Generator[float, bool | None, None]:
    """Shares to try. The end comes first: a pair whose blend does not fail there is not a matter of blended values."""
    low, high = 0.0, 1.0
    if (yield high) is not False:
        return
    for _ in range(steps):
        middle = (low + high) / 2
        answer = yield middle
        if answer is None:
            return
        low, high = (middle, high) if answer else (low, middle)


def _unblended(case: Case) -> Case:
    return replace(case, toward="", share=0.0)


def _flip(way: Sequence[CaseResult], tolerance: Tolerance | None) -> Flip | None:
    """The first flip on the way from the values that agree."""
    answers = sorted(
        ((result.case.share, agrees(result, tolerance), result) for result in way), key=lambda item: item[0]
    )
    failing = next((index for index, (_, answer, _) in enumerate(answers) if answer is False), None)
    before = [item for item in answers[:failing] if item[1]]
    if failing is None or not before:
        return None
    good, bad = before[-1][2], answers[failing][2]
    flip = Flip(
        origin=bad.case.origin,
        values=bad.case.values,
        toward=bad.case.toward,
        agrees=good.case.id,
        fails=bad.case.id,
        share=(good.case.share, bad.case.share),
        several=any(answer for _, answer, _ in answers[failing:]),
    )
    return _told(flip, good.inputs, bad.inputs)


def _told(flip: Flip, good: Sequence[InputFacts], bad: Sequence[InputFacts]) -> Flip:
    """`flip` with the statistic that tells it best: the one that passes the plainest number on the way, else the mean."""
    found = []
    for one, other in zip(good, bad, strict=False):
        before, after = statistics(one), statistics(other)
        for order, name in enumerate(name for name in before if name in after):
            at = before[name], after[name]
            size = max(abs(at[0]), abs(at[1]), one.rms)
            if not ROUNDING * size < abs(at[1] - at[0]) <= WIDEST * size:
                continue
            threshold = plainest(*at)
            found.append((_digits(threshold), order, one.path, name, at, threshold))
    if not found:
        return flip
    digits, _, path, name, at, threshold = min(found)
    plain = threshold if digits <= 2 else None
    if plain is None:
        _, _, path, name, at, _ = min(found, key=lambda item: item[1])
    return replace(flip, path=path, statistic=name, at=at, threshold=plain)


def statistics(facts: InputFacts) -> dict[str, float]:
    """What a branch may ask of a tensor, by the name that PyTorch has for it; of finite values only."""
    if facts.finite == 0 or facts.finite != math.prod(facts.shape):
        return {}
    mean, count = facts.mean, facts.finite
    return {
        "mean": mean,
        "max": facts.high,
        "min": facts.low,
        "abs().max": max(abs(facts.low), abs(facts.high)),
        "sum": mean * count,
        "norm": facts.rms * math.sqrt(count),
        "std": math.sqrt(max(0.0, facts.rms**2 - mean**2) * count / (count - 1)) if count > 1 else 0.0,
    }


def plainest(one: float, other: float) -> float:
    """The number from `one` to `other` that is written with the fewest digits."""
    low, high = min(one, other), max(one, other)
    if low <= 0 <= high:
        return 0.0
    sign, low, high = (1.0, low, high) if low > 0 else (-1.0, -high, -low)
    exponent = math.floor(math.log10(high))
    for digits in range(17):
        scale = max(10.0 ** (exponent - digits), math.ulp(0.0))
        number = float(f"{math.floor(high / scale) * scale:.{digits}e}")
        if low <= number <= high:
            return sign * number
    return one


def _digits(number: float) -> int:
    """How many digits a number has that say something: none for 0, one for 0.5 and 200."""
    return 0 if number == 0 else len(f"{abs(number):.16e}".partition("e")[0].replace(".", "").rstrip("0"))


def words_for(values: str) -> str:
    """The transform as a sentence names it."""
    return "values as given" if values == GIVEN else f"{values} values"
