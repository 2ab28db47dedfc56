"""Models of three lines: a predicate says which cases fail, and the search is played against it."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import Any

from tsdash import plan
from tsdash.spec import Case, CaseResult, InputFacts, OutputFacts, Side

RETURNED = Side(ended="returned", seconds=0.0)
Fails = Callable[[Case, tuple[float, ...]], bool | None]


def values(case: Case) -> tuple[float, ...]:
    """The elements of the one input: those of the case, or 1.25, 2.5, … as make_inputs would give them."""
    count = math.prod(case.dims.values())
    given = case.elements.get("args[0]")
    if given is not None:
        return given * count if len(given) == 1 else given
    sign = -1.0 if case.values == "negative" else 1.0
    return tuple(sign * 1.25 * (n + 1) for n in range(count))


def result(case: Case, fails: bool | None) -> CaseResult:
    """What came of a case: wrong by one, right, or nothing, as make_inputs did not take it."""
    numbers = values(case)
    output = OutputFacts(
        path="output",
        shape=(1,),
        dtype="float32",
        elements=1,
        identical=not fails,
        max_abs=float(bool(fails)),
        max_rel=float(bool(fails)),
    )
    facts = InputFacts(path="args[0]", shape=(len(numbers),), dtype="float32", elements=numbers, finite=len(numbers))
    eager = Side(ended="no_inputs") if fails is None else RETURNED
    exported = Side() if fails is None else RETURNED
    return CaseResult(case=case, mode="trace", eager=eager, exported=exported, outputs=(output,), inputs=(facts,))


def answered(case: Case, fails: Fails) -> CaseResult:
    return result(case, fails(case, values(case)))


def play(probes: Generator[Any, Any, Any], answer: Callable[[Any], Any]) -> tuple[dict[Any, Any], Any]:
    """Every probe with its answer, and what the generator returned."""
    asked: dict[Any, Any] = {}
    try:
        probe = next(probes)
        while True:
            key = plan.identity(probe) if isinstance(probe, Case) else probe
            asked[key] = answer(probe)
            probe = probes.send(asked[key])
    except StopIteration as ended:
        return asked, ended.value
