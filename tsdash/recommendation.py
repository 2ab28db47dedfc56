"""Which mode to ship: facts of every mode in, one mode and its reasons out.

The order of the questions is fixed. First consistency: only a mode whose verdict is "ship" can be recommended. Then what it
needs: one that runs without Python comes before one that does not. Then its future: one that is maintained before one that is
deprecated. Then speed, as far as it is more than chance. What is equal in all that goes by how much of the model it keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tsdash import formats
from tsdash.stats import SMALLEST_CLAIM, Speedup

NONE_SHIPS = "No mode can be shipped as it is."


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One mode as the recommendation sees it."""

    mode: str
    verdict: str
    reason: str  # the decisive fact of its verdict
    agreeing: int  # cases that are identical or within noise
    judged: int
    runtime: tuple[str, ...]  # what it needs where it runs, libraries of operators among them
    without_python: bool
    deprecated: bool
    future: str
    keeps: tuple[bool, ...]  # what of the model stays, what matters most first: its dtype, its branches
    speed_up: Speedup | None = None  # None: it was not timed


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """The mode to ship, None where none can be, and why, the decisive fact first."""

    mode: str | None
    reasons: tuple[str, ...]


def recommend(contenders: Sequence[Contender]) -> Recommendation:
    """The mode to ship by consistency, needs, future and speed, in this order."""
    good = [one for one in contenders if one.verdict == "ship"]
    if not good:
        return Recommendation(mode=None, reasons=(NONE_SHIPS, *_nearest(contenders)))
    free = [one for one in good if one.without_python] or good
    lasting = [one for one in free if not one.deprecated] or free
    best = max(_not_slower(lasting), key=lambda one: one.keeps)  # the first of equals, in the order asked for
    reasons = (
        best.reason,
        *_alone(best, contenders),
        _needs(best, good),
        _future(best, contenders),
        _speed(best, lasting),
    )
    return Recommendation(mode=best.mode, reasons=tuple(filter(None, reasons)))


def _not_slower(contenders: Sequence[Contender]) -> Sequence[Contender]:
    """Those that no other is faster than: the fastest by a speed-up that the control cannot explain, and all whose interval
    meets its own, or misses it by no more than two builds of one model differ."""
    faster = [
        (one, one.speed_up) for one in contenders if one.speed_up and one.speed_up.claimed and one.speed_up.ratio > 1
    ]
    if not faster:
        slower = {one.mode for one in contenders if one.speed_up and one.speed_up.claimed}
        return [one for one in contenders if one.mode not in slower] or contenders
    _, fastest = max(faster, key=lambda pair: pair[1].ratio)
    return [one for one, speed_up in faster if speed_up.high * (1 + SMALLEST_CLAIM) >= fastest.low]


def _nearest(contenders: Sequence[Contender]) -> tuple[str, ...]:
    """The mode that fails least, as a sentence; nothing where no case of any mode agrees."""
    tried = [one for one in contenders if one.judged and one.agreeing]
    if not tried:
        return ()
    best = max(tried, key=lambda one: (one.agreeing / one.judged, one.without_python, not one.deprecated))
    if best.verdict == "inconclusive" and best.agreeing == best.judged:
        first = best.reason.split(" ", 1)[0]
        why = best.reason[:1].lower() + best.reason[1:] if first.isalpha() else best.reason
        return (f"{best.mode} fails in no case, but {why}",) if why else ()
    cases = f"{formats.count(best.agreeing)} of {formats.counted(best.judged, 'case')}"
    return (f"{best.mode} is nearest: it gives the same answers in {cases}.",)


def _alone(best: Contender, contenders: Sequence[Contender]) -> tuple[str, ...]:
    if len(contenders) == 1:
        return ()
    good = [one.mode for one in contenders if one.verdict == "ship"]
    total = formats.word(len(contenders))
    if good == [best.mode]:
        return (f"It is the only one of {total} modes that can be shipped.",)
    if len(good) == len(contenders):
        every = "Both" if len(good) == 2 else f"All {total}"
        return (f"{every} modes give the same answers, so the rest decides.",)
    return (f"{formats.word(len(good)).capitalize()} of {total} modes can be shipped: {formats.joined(good)}.",)


def _needs(best: Contender, good: Sequence[Contender]) -> str:
    needs = formats.joined(list(best.runtime)) or "nothing"
    if not best.without_python:
        return f"It needs {needs} where it runs; no mode that can be shipped runs without Python."
    tied = [one.mode for one in good if not one.without_python]
    rest = f", which {formats.joined(tied)} {'does' if len(tied) == 1 else 'do'} not" if tied else ""
    return f"It runs without Python{rest}; it needs {needs}."


def _future(best: Contender, contenders: Sequence[Contender]) -> str:
    if not best.deprecated:
        return best.future
    lasting = [one for one in contenders if not one.deprecated]
    ready = [one.mode for one in lasting if one.verdict == "ship"]
    if ready:
        return f"{best.future} {formats.joined(ready)} can be shipped too, where Python may be."
    if lasting:
        return f"{best.future} {formats.joined([one.mode for one in lasting])} cannot be shipped yet."
    return best.future


def _speed(best: Contender, rivals: Sequence[Contender]) -> str:
    found = best.speed_up
    if found is None:
        return ""
    ratio = formats.ratio(found.ratio, found.low, found.high)
    if not found.claimed:
        return f"Its speed, {ratio}, is no other than eager's: eager differs from itself as much."
    if found.ratio < 1:
        return f"It is slower than eager, {ratio}."
    level = [one.mode for one in _not_slower(rivals) if one.mode != best.mode]
    timed = [one for one in rivals if one.speed_up is not None]
    if len(timed) == 1:
        return f"It is {ratio} as fast as eager."
    if not level:
        return f"It is the fastest of these, {ratio} as fast as eager."
    return f"It is {ratio} as fast as eager; {formats.joined(level)} cannot be told apart from it by speed."
