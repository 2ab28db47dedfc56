"""What of a model's contract beside its values an export keeps: which changes count, and how they are said.

A caller can see that an input was written to, and that writing to it changes an answer that it keeps. Those forbid shipping,
whatever the outcome of the case, which is about what was returned. Strides, memory that is shared no longer, and state that
exporting changed in the model it was given are noted and do not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tsdash import formats
from tsdash.spec import GIVEN, CaseResult, ContractChange, Export, Judgement

WRITTEN_TO, LEFT_ALONE = "written to", "left alone"
OWN_MEMORY = "memory of its own"
MOST_NAMED = 4
GOOD = ("identical", "within_noise")

Judged = Sequence[tuple[CaseResult, Judgement]]


def counts(change: ContractChange) -> bool:
    """Whether a caller would call it another answer: an input is treated otherwise, or an output is no longer its own."""
    return change.what == "input" or (change.what == "memory" and change.expected == OWN_MEMORY)


def sentence(change: ContractChange) -> str:
    """The change in a sentence."""
    if change.what == "input":
        return f"{change.path} is {change.actual} by the export, and {change.expected} by eager."
    if change.what == "alike":
        return f"Eager's forward itself writes to {change.path}, and so does the export."
    if change.what == "memory" and change.expected == OWN_MEMORY:
        other = change.actual.removeprefix("the memory of ")
        return f"{change.path} lies in {change.actual}, in eager in {OWN_MEMORY}: writing to {other} changes it."
    if change.what == "memory":
        return f"{change.path} has {OWN_MEMORY}, where eager's lies in {change.expected}."
    if change.what == "state":
        return f"Exporting wrote to {change.path} of the model that it was given."
    if change.what == "saved":
        return f"{change.path}: {change.expected} in memory, {change.actual} once it is saved and loaded."
    return f"{change.path} has {change.what} {change.actual}, eager's {change.expected}."


def kept(export: Export | None, judged: Judged) -> tuple[str, ...]:
    """What else of the contract a mode keeps and what it does not, a sentence each, from what has been measured."""
    return tuple(_kept(export, [(result, judgement) for result, judgement in judged if judgement.outcome != "not_run"]))


def notable(export: Export | None, judged: Judged) -> tuple[str, ...]:
    """Only what the mode does not keep, for a summary."""
    changes = [change for result in _returned(judged) for change in result.contract]
    found = dict.fromkeys(map(sentence, sorted(changes, key=lambda change: change.what == "alike")))
    own = _of_export(export) if export is not None and export.error is None else ()
    return (*list(found)[:MOST_NAMED], *own)


def nothing(judged: Judged) -> str:
    """What is said where nothing is `notable`: of which cases that is known."""
    both, ran = len(_returned(judged)), sum(judgement.outcome != "not_run" for _, judgement in judged)
    if not both:
        return "Nothing can be said: in no case do eager and the export both return."
    where = (
        ""
        if both == ran
        else f" in {formats.count(both)} of {formats.counted(ran, 'case')}, those in which both return"
    )
    return f"Nothing: inputs, shared memory, strides and state are as with eager{where}."


def _returned(judged: Judged) -> list[CaseResult]:
    """The results in which both sides return, so that a caller has something to see."""
    return [result for result, _ in judged if result.eager.ended == result.exported.ended == "returned"]


def _kept(export: Export | None, judged: Judged) -> Iterator[str]:
    both = _returned(judged)
    if both:
        yield from _of_calls(both)
    if export is not None and export.error is None:
        yield from _of_export(export)
    if export is None or export.error is None:
        yield from _of_switches(judged)


def _of_calls(both: Sequence[CaseResult]) -> Iterator[str]:
    found: dict[tuple[str, str, str], list[ContractChange]] = {}
    for result in both:
        for change in result.contract:
            found.setdefault((change.what, change.path, change.actual if change.what == "memory" else ""), []).append(
                change
            )
    whats = {what for what, _, _ in found}
    if "input" not in whats:
        yield f"It treats its inputs as eager does in {formats.every(len(both), 'case')}."
    if "memory" not in whats:
        yield "Its outputs share memory with inputs and with each other as eager's do."
    for same in list(found.values())[:MOST_NAMED]:
        where = (
            f" In {len(same)} of {formats.counted(len(both), 'case')}" if len(same) < len(both) else " In every case"
        )
        yield f"{sentence(same[0])}{where}{'' if counts(same[0]) else ', noted only'}."
    if "strides" not in whats:
        yield "Its outputs lie in memory as eager's do: the same strides."


def _of_export(export: Export) -> Iterator[str]:
    states = [change.path for change in export.contract if change.what == "state"]
    if states:
        more = f" and {len(states) - MOST_NAMED} more" if len(states) > MOST_NAMED else ""
        yield f"Exporting wrote to {', '.join(states[:MOST_NAMED])}{more} of the model that it was given, noted only."
    for change in export.contract:
        if change.what == "saved":
            yield sentence(change)


def _of_switches(judged: Judged) -> Iterator[str]:
    """What becomes of a loaded artefact that is told .train(), .to(dtype) or .to(device)."""
    for words, cases in (
        ("Told train() or eval() after loading", [(r, j) for r, j in judged if r.case.training is not None]),
        ("Cast to another dtype after loading", [(r, j) for r, j in judged if _is_cast(r)]),
        ("Loaded for another device", [(r, j) for r, j in judged if r.case.device != "cpu"]),
    ):
        good = sum(judgement.outcome in GOOD for _, judgement in cases)
        if cases:
            how = (
                "as eager does"
                if good == len(cases)
                else f"as eager does in {good} of {formats.counted(len(cases), 'case')}"
            )
            yield f"{words}, it answers {how}."


def _is_cast(result: CaseResult) -> bool:
    return result.case.dtype != GIVEN and not result.case.dtype.startswith("inputs:")
