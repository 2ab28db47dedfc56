"""Where scripted code and Python part: the first line at which the twin tells something else scripted than in eager."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from tsdash import plan, spec
from tsdash.diagnose import isolation, tellings, twin
from tsdash.diagnose.answers import Result, same_answer
from tsdash.diagnose.evidence import evidence, values_groups
from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.recorder import Event, Log, Stopped
from tsdash.diagnose.subject import Finding, Strength
from tsdash.diagnose.tellings import Told
from tsdash.diagnose.twin import MARK, Probe, Twin

INT64 = 2**63  # what TorchScript's integers reach
BEFORE_ERRORS = -1  # a value that is wrong leads to the error that comes of it
CASES = 3  # axes of which a case is compared: a model that differs everywhere differs at the base
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|inf|nan)")


@dataclass(frozen=True, kw_only=True)
class Parting:
    """The first probe that differs, and what both sides told there. `same_so_far`: probes that agreed before."""

    probe: Probe
    expected: Any
    actual: Any
    same_so_far: int
    ended: bool = False  # scripted it ends here, and in eager it goes on


@evidence("scripted and eager side by side", order=45)
def parted(lab: Laboratory) -> Iterator[Finding]:
    """Run the twin both ways at the mildest failing case of an axis and report where they part."""
    if not lab.scripting or not has_twin(lab):
        return
    for axis, failures in [group for group in values_groups(lab) if group[0] != "device"][:CASES]:
        finding = _compare(lab, axis, failures[0].case) if lab.in_time() else None
        if finding is not None:
            yield finding
            return


def has_twin(lab: Laboratory) -> bool:
    """Whether the model's source is one file, which a twin can be made of."""
    return lab.loaded.source.kind in ("file", "gallery")


def _compare(lab: Laboratory, axis: str, case: spec.Case) -> Finding | None:
    parting = _parting(lab, case)
    if parting is None or parting.ended:  # what the compiled code cannot run is told by its error
        return None
    return _finding(lab, axis, case, parting)


def stopped_at(lab: Laboratory, case: spec.Case) -> tuple[str | None, int | None] | None:
    """The user's line at which compiled code stops that goes on in eager, where the twin shows it."""
    parting = _parting(lab, case) if has_twin(lab) else None
    return (lab.loaded.source.filename, parting.probe.line) if parting is not None and parting.ended else None


def parting(lab: Laboratory, case: spec.Case) -> str | None:
    """The first value of the user's source that compiled code gets otherwise, in words; None where that cannot be shown."""
    found = _parting(lab, case) if has_twin(lab) else None
    if found is None or found.ended:
        return None
    names = {twin.RESULT: "the result", "": "the way taken"}
    name = names.get(found.probe.name, f"`{found.probe.name}`")
    return (
        f"{name} of line {found.probe.line} is {_short(found.actual)} scripted and {_short(found.expected)} in Python"
    )


def _parting(lab: Laboratory, case: spec.Case) -> Parting | None:
    """Where the twin tells something else scripted than in eager; None where it does not, or cannot be compiled."""
    made = twin.make(lab.loaded.source.text)
    expected, eager = tellings.run_eager(lab, made, case)
    compiled = (
        None
        if isinstance(eager.error, Stopped)
        else tellings.compile_twin(lab, made, tellings.styles_for(made, expected))
    )
    if compiled is None:
        return None
    model, styles = compiled
    actual: list[Told] = []
    scripted = tellings.run_scripted(
        lab, model, case, lambda told: actual.append(told) if len(actual) < tellings.MAX_TOLD else None
    )
    if same_answer(scripted, eager):
        lab.notes.append(
            "the scripted twin agrees with eager: probes keep the optimiser from what it does without them"
        )
        return None
    return part(made, expected, actual, styles)


def _finding(lab: Laboratory, axis: str, case: spec.Case, parting: Parting) -> Finding:
    line = parting.probe.line
    name = parting.probe.name.replace(twin.RESULT, "the result") or "the way taken"
    told = f"Line {line}, {name}: {_short(parting.actual)} scripted, {_short(parting.expected)} in Python, at {plan.describe(case, lab.base)}."
    big = _beyond_64_bits(lab.recorded(case)[0], line)
    if big is not None:
        message = f"`{big.site.code}` is {big.value} in Python; TorchScript's integers wrap at 64 bits."
        return Finding(
            cause="int_overflow",
            strength=Strength.STATED,
            order=BEFORE_ERRORS,
            axis=axis,
            file=lab.name(big.site.path),
            line=big.site.line,
            message=message,
            evidence=(told,),
        )
    same = f"Everything before it is the same both ways ({parting.same_so_far} values compared)."
    message = "TorchScript gives this line another meaning than Python."
    return Finding(
        cause="script_semantics",
        strength=Strength.STATED,
        order=BEFORE_ERRORS,
        axis=axis,
        file=lab.loaded.source.filename,
        line=line,
        message=message,
        evidence=(told, same),
    )


def _beyond_64_bits(log: Log, line: int) -> Event | None:
    """The first integer up to a line that TorchScript cannot hold."""
    whole = (event for event in log.events if event.site.own and type(event.value) is int and event.site.line <= line)
    return next((event for event in whole if not -INT64 <= event.value < INT64), None)


def deadly(lab: Laboratory, case: spec.Case, seconds: float) -> tuple[Parting | None, str]:
    """Where the scripted twin leaves eager's way, or dies on it, run in a process of its own; and how that ended."""
    made = twin.make(lab.loaded.source.text)
    expected, _ = tellings.run_eager(lab, made, case)
    compiled = tellings.compile_twin(lab, made, tellings.styles_for(made, expected))
    if compiled is None:
        return None, "refused"
    model, styles = compiled
    answer = isolation.apart(lambda tell: tellings.run_scripted(lab, model, case, tell), seconds)
    return part(made, expected, list(answer.items), styles), answer.ended


def part(made: Twin, expected: list[Told], actual: list[Told], styles: dict[int, str]) -> Parting | None:
    """The first place where the two runs tell something else; None where they tell the same."""
    probes = {probe.number: probe for probe in made.probes}
    for index, ((number, value), (other, heard)) in enumerate(zip(expected, actual, strict=False)):
        if number != other:
            block = next((probes[n] for n in (number, other) if probes[n].block), probes[number])
            return Parting(
                probe=block, expected=_place(probes[number]), actual=_place(probes[other]), same_so_far=index
            )
        if styles.get(number, MARK) != MARK and not _agree(heard, value):
            return Parting(probe=probes[number], expected=value, actual=heard, same_so_far=index)
    told, short = len(expected), len(expected) > len(actual)
    if told == len(actual):
        return None
    number = expected[len(actual)][0] if short else actual[told][0]
    ways = ("goes on", "ends") if short else ("ends", "goes on")
    return Parting(
        probe=probes[number], expected=ways[0], actual=ways[1], same_so_far=min(told, len(actual)), ended=short
    )


def _agree(heard: Any, value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        if not isinstance(heard, torch.Tensor):
            return isinstance(heard, str)  # printed instead: too coarse to be held against the tensor
        return same_answer(Result(value=heard), Result(value=value))
    if isinstance(heard, torch.Tensor):
        return False
    if heard is None:
        return value is None
    if isinstance(value, str):
        return str(heard) == value.strip()
    return _same_text(heard, str(value))


def _same_text(heard: str, said: str) -> bool:
    """Whether two printed values are the same: `1.` and `1.0` are, `True` and `3` are not."""
    one, other = (re.sub(r"torch\.Size\(|['\"()\[\]]", " ", text) for text in (heard, said))
    numbers, others = (list(map(str, _NUMBER.findall(text))) for text in (one, other))
    if _NUMBER.sub("#", one).split() != _NUMBER.sub("#", other).split() or len(numbers) != len(others):
        return False
    return all(a == b or _near(float(a), float(b)) for a, b in zip(numbers, others, strict=True))


def _near(one: float, other: float) -> bool:
    return one == other or (one != one and other != other) or abs(one - other) <= 1e-5 * max(abs(one), abs(other))


def _place(probe: Probe) -> str:
    return f"line {probe.line}"


def _short(value: Any) -> str:
    text = f"a tensor {str(value.flatten()[:4].tolist())[:60]}" if isinstance(value, torch.Tensor) else str(value)
    return text if len(text) <= 80 else text[:79] + "…"
