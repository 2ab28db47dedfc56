"""How a result stands: whether the export agrees with eager, and whether two failures are of one kind."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Iterable
from dataclasses import replace

from tsdash import plan
from tsdash.judge import GOOD, Tolerance, counts_against, judge
from tsdash.spec import SEARCH, Case, CaseResult

DIGITS = 6  # of the name of a case that a search made


def is_made(name: str) -> bool:
    """Whether it is the id of a case that a search made."""
    return len(name) == 1 + DIGITS and name[0] == "s" and set(name[1:]) <= set(string.hexdigits)


def agrees(result: CaseResult, tolerance: Tolerance | None = None) -> bool | None:
    """Whether the export does as eager does; None where the case says nothing."""
    judgement = judge(result, tolerance)
    if counts_against(result, judgement):
        return False
    return True if judgement.outcome in GOOD else None


def alike(one: CaseResult, other: CaseResult) -> bool:
    """Whether two cases fail in one way: with the same outcome, both sides ending as they do, eager with the same error."""
    if agrees(one) is not False or agrees(other) is not False:
        return False
    ends = [
        (judge(r).outcome, r.eager.ended, r.exported.ended, r.eager.error.type if r.eager.error else "")
        for r in (one, other)
    ]
    return ends[0] == ends[1]


def made(case: Case, origin: Case) -> Case:
    """`case` as one that a search made on its way from `origin`, under a name that says what it is, the same in every run."""
    name = hashlib.sha256(repr(plan.identity(case)).encode()).hexdigest()[:DIGITS]
    return replace(case, id=f"s{name}", varied=SEARCH, origin=origin.origin or origin.id)


def failing(results: Iterable[CaseResult]) -> list[CaseResult]:
    """Those that count against the export."""
    return [result for result in results if agrees(result) is False]
