"""On which cases how many modes fail, in one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tsdash import formats
from tsdash.findings import GOOD, MOST_PARTS, NOT_RUN, Cell
from tsdash.spec import Case


def where_it_fails(cells: Sequence[Cell]) -> str:
    """On which cases how many modes fail: "Three modes fail on large values, two in training; export fails always."."""
    run = [(mode, case, outcome) for mode, case, outcome in cells if outcome != NOT_RUN]
    if not run:
        return "No case has run yet."
    modes = list(dict.fromkeys(mode for mode, _, _ in run))
    failing = {(mode, case.id) for mode, case, outcome in run if outcome not in GOOD}
    if not failing:
        return _never(run, modes)
    always = [mode for mode in modes if all((mode, case.id) in failing for name, case, _ in run if name == mode)]
    some = [mode for mode in modes if mode not in always]
    of_case: dict[str, list[str]] = {}
    for mode, case, _ in run:
        if mode in some and (mode, case.id) in failing:
            of_case.setdefault(case.id, []).append(mode)
    cases = {case.id: case for _, case, _ in run}
    together: dict[tuple[str, ...], list[Case]] = {}  # those of one axis on which the same modes fail
    for name, who in of_case.items():
        together.setdefault((_axis(cases[name]), *who), []).append(cases[name])
    parts = _places([(who, place(which)) for (_, *who), which in together.items()])
    if always:
        many = "Every mode" if len(always) == len(modes) and len(modes) > 1 else formats.joined(always)
        verb = "fails" if len(always) == 1 or many == "Every mode" else "fail"
        parts.append(f"{many} {verb} in every case")
    return f"{_capital('; '.join(parts))}."


def _never(run: Sequence[Cell], modes: Sequence[str]) -> str:
    cases = len({case.id for _, case, _ in run})
    fewest = min(Counter(mode for mode, _, _ in run).values())
    every = "both" if len(modes) == 2 else f"all {formats.word(len(modes))}"
    who = f"{modes[0]} agrees" if len(modes) == 1 else f"{every} modes agree"
    if fewest < cases:  # not every case says something of every mode
        return f"Never: {who} with eager in every case that they ran, each in {formats.count(fewest)} or more of {formats.count(cases)}."
    return f"Never: {who} with eager in {formats.every(cases, 'case')}."


def _places(found: Sequence[tuple[list[str], str]]) -> list[str]:
    """ "three modes fail on large values, two in training" as one clause; a single mode is named. `found`: modes, and where."""
    if not found:
        return []
    ranked = sorted(found, key=lambda item: -len(item[0]))
    shown = _shown(len(ranked))
    more = [f"in {len(ranked) - shown} other respects"] if shown < len(ranked) else []
    if len({tuple(sorted(modes)) for modes, _ in ranked}) == 1:  # the same modes everywhere: one subject, many places
        return [f"{_subject(ranked[0][0])} {formats.joined([where for _, where in ranked[:shown]] + more)}"]
    clauses = [f"{_subject(ranked[0][0])} {ranked[0][1]}"]
    clauses += [f"{_who(modes)} {where}" for modes, where in ranked[1:shown]]
    return [", ".join(clauses + [f"some {text}" for text in more])]


def _who(modes: Sequence[str]) -> str:
    return modes[0] if len(modes) == 1 else formats.word(len(modes))


def _subject(modes: Sequence[str]) -> str:
    return f"{modes[0]} fails" if len(modes) == 1 else f"{formats.word(len(modes))} modes fail"


def _capital(text: str) -> str:
    """A capital for a word of ours; the name of a mode keeps its own letters."""
    first = text.split(" ", 1)[0]
    return text[0].upper() + text[1:] if first in {formats.word(n) for n in range(11)} else text


def _axis(case: Case) -> str:
    """What was varied, so finely that one phrase can name all its cases."""
    if case.varied == "dtype":
        return "inputs dtype" if case.dtype.startswith("inputs:") else "dtype"
    return f"training {case.training}" if case.varied == "training" else case.varied


def place(cases: Sequence[Case]) -> str:
    """What was varied in cases of one axis, as it ends a sentence: "on negative values", "in training", "in float16"."""
    case = cases[0]
    if case.varied in case.dims:
        return f"at {case.varied} {_names([str(c.dims[case.varied]) for c in cases], ' sizes')}"
    phrases = {
        "base": "on the base case",
        "values": f"on {_names([c.values for c in cases])} values",
        "dtype": f"in {_names([c.dtype for c in cases])}",
        "device": f"on {_names([c.device for c in cases])}",
        "layout": f"on {_names([c.layout for c in cases])} inputs",
        "training": "in training" if case.training else "in evaluation",
        "grad": "with gradients on" if case.grad else "with gradients off",
        "call": f"on call {_names([str(c.call) for c in cases])}",
        "seed": f"with seed {_names([str(c.seed) for c in cases])}",
        "inputs": "on your own inputs",
    }
    if case.varied == "dtype" and case.dtype.startswith("inputs:"):
        return f"on {_names([c.dtype.removeprefix('inputs:') for c in cases])} inputs"
    return phrases.get(case.varied, f"where {case.varied} change together")


def _names(names: Sequence[str], others: str = "") -> str:
    distinct = list(dict.fromkeys(names))
    shown = _shown(len(distinct))
    left = len(distinct) - shown
    return formats.joined(distinct[:shown] + ([f"{formats.count(left)} other{others}"] if left else []))


def _shown(n: int) -> int:
    """How many of n things a heading lists. A single one is never left over: naming it is as short."""
    return n if n <= MOST_PARTS + 1 else MOST_PARTS
