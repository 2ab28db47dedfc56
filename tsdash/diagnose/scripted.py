"""Where scripted code and Python part: the first line at which the twin tells something else scripted than in eager."""

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from tsdash import plan, spec
from tsdash.diagnose import isolation, twin
from tsdash.diagnose.evidence import evidence, values_groups
from tsdash.diagnose.laboratory import Laboratory, Result, quiet, same_answer
from tsdash.diagnose.recorder import Stopped
from tsdash.diagnose.subject import Finding, Strength
from tsdash.diagnose.twin import MARK, PRINT, SAYS, WATCH, Probe, Twin

MAX_TOLD = 20_000
EAGER_S = 3.0  # of the twin in eager: a loop over every element would take for ever
MAX_PRINTED = 4096  # elements of a container that is printed
INT64 = 2**63
_ATTEMPTS = 8  # compilations of a twin, each without the probes that the last one refused
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|inf|nan)")
_library: Any = None
_listener: Callable[[tuple[int, Any]], object] = lambda told: None


@dataclass(frozen=True, kw_only=True)
class Parting:
    """The first probe that differs, and what both sides told there. `same_so_far`: probes that agreed before."""

    probe: Probe
    expected: Any
    actual: Any
    same_so_far: int


@evidence("scripted and eager side by side", order=45)
def parted(lab: Laboratory) -> Iterator[Finding]:
    """Run the twin both ways at the mildest failing case of each axis and report where they part."""
    if not lab.scripting or lab.loaded.source.kind not in ("file", "gallery"):
        return
    for axis, failures in values_groups(lab):
        case = failures[0].case
        if case.device != "cpu" or not lab.in_time():
            continue
        finding = _compare(lab, axis, case)
        if finding is not None:
            yield finding
            return


def _compare(lab: Laboratory, axis: str, case: spec.Case) -> Finding | None:
    made = twin.make(lab.loaded.source.text)
    expected, eager = _run_eager(lab, made, case)
    if isinstance(eager.error, Stopped):
        return None
    compiled = _compile(lab, made, _styles(made, expected))
    if compiled is None:
        return None
    model, told_styles = compiled
    actual: list[tuple[int, Any]] = []
    scripted = _run_scripted(lab, model, case, lambda told: actual.append(told) if len(actual) < MAX_TOLD else None)
    if same_answer(scripted, eager):
        lab.notes.append("the scripted twin agrees with eager: probes keep the optimiser from doing what it does without them")
        return None
    parting = part(made, expected, actual, told_styles)
    return None if parting is None else _finding(lab, axis, case, parting)


def _finding(lab: Laboratory, axis: str, case: spec.Case, parting: Parting) -> Finding:
    log, _ = lab.recorded(case)
    big = next((event for event in log.events if event.site.own and event.seen.kind == "python" and event.seen.key[0] == "int" and isinstance(event.value, int) and not -INT64 <= event.value < INT64 and event.site.line <= parting.probe.line), None)
    line = parting.probe.line
    where = plan.describe(case, lab.base)
    told = f"Line {line}, {parting.probe.name.replace(twin.RESULT, 'the result') or 'the way taken'}: {_short(parting.actual)} scripted, {_short(parting.expected)} in Python, at {where}."
    if big is not None:
        return Finding(cause="int_overflow", strength=Strength.GRAPH, axis=axis, file=lab.name(big.site.path), line=big.site.line, message=f"`{big.site.code}` is {big.value} in Python; TorchScript's integers wrap at 64 bits.", evidence=(told,))
    return Finding(cause="script_semantics", strength=Strength.GRAPH, axis=axis, file=lab.loaded.source.filename, line=line, message="TorchScript gives this line another meaning than Python.", evidence=(told, f"Everything before it is the same both ways ({parting.same_so_far} values compared)."))


# the two runs


def _run_eager(lab: Laboratory, made: Twin, case: spec.Case) -> tuple[list[tuple[int, Any]], Result]:
    text, _ = made.text({probe.number: "eager" for probe in made.probes})
    loaded = _load(lab, text, "eager")
    told: list[tuple[int, Any]] = []

    stop_at = time.process_time() + EAGER_S

    def tell(number: int, value: Any) -> None:
        if time.process_time() > stop_at:
            raise Stopped
        if len(told) < MAX_TOLD:
            told.append((number, _kept(value)))

    loaded.module.__dict__["_tsdash_tell"] = tell
    model = _prepared(lab, loaded, case)
    told.clear()
    if case.call > 1:
        lab.run(model, replace(case, call=case.call - 1))
        told.clear()
        return told, lab.run(model, replace(case, call=1), seed=False)
    return told, lab.run(model, case)


def _styles(made: Twin, told: list[tuple[int, Any]]) -> dict[int, str]:
    """How each probe can tell what it saw in eager: tensors through the operator, plain values in print."""
    styles: dict[int, str] = {}
    blocks = {probe.number: probe.block for probe in made.probes}
    for number, value in told:
        style = MARK if blocks.get(number) else WATCH if isinstance(value, torch.Tensor) else PRINT if _printable(value) else MARK
        styles[number] = style if styles.get(number, style) == style else MARK
    return styles


def _compile(lab: Laboratory, made: Twin, styles: dict[int, str]) -> tuple[Any, dict[int, str]] | None:
    """The scripted twin; a probe that the compiler refuses only marks its place."""
    _register()
    styles = dict(styles)
    for attempt in range(_ATTEMPTS):
        text, where = made.text(styles)
        loaded = _load(lab, text, f"script{attempt}")
        try:
            model = _prepared(lab, loaded, lab.base)
            with quiet(), torch.no_grad():
                return torch.jit.script(model), styles
        except Exception as error:
            lines = [int(line) for line in re.findall(rf'{re.escape(str(loaded.path))}", line (\d+)', str(error))]
            refused = [where[near] for line in lines for near in (line, line + 1, line - 1) if near in where and styles.get(where[near], MARK) != MARK]
            if not refused:
                return None
            styles[refused[0]] = PRINT if styles[refused[0]] == WATCH else MARK
    return None


def _run_scripted(lab: Laboratory, model: Any, case: spec.Case, listener: Callable[[tuple[int, Any]], object]) -> Result:
    if case.training is not None:
        model.train(case.training)
    scope, dtype = case.dtype.rpartition(":")[::2]
    if not scope and dtype != spec.GIVEN:
        model = model.to(getattr(torch, dtype))
    if case.call > 1:
        with listening(lambda told: None):
            lab.run(model, replace(case, call=case.call - 1))
        with listening(listener):
            return lab.run(model, replace(case, call=1), seed=False)
    with listening(listener):
        return lab.run(model, case)


def deadly(lab: Laboratory, case: spec.Case, seconds: float) -> tuple[Parting | None, str]:
    """Where the scripted twin leaves eager's way, or dies on it, run in a process of its own; and how that ended."""
    made = twin.make(lab.loaded.source.text)
    expected, _ = _run_eager(lab, made, case)
    compiled = _compile(lab, made, _styles(made, expected))
    if compiled is None:
        return None, "refused"
    model, styles = compiled
    answer = isolation.apart(lambda tell: _run_scripted(lab, model, case, tell), seconds)
    return part(made, expected, list(answer.items), styles), answer.ended


def _load(lab: Laboratory, text: str, name: str) -> Any:
    from tsdash.models import loading

    filename = f"twin_{name}_{lab.loaded.source.filename}"
    loaded = loading.load(replace(lab.loaded.source, filename=filename, text=text), lab.subject.folder)
    loaded.module.__dict__["_tsdash_torch"] = torch
    loaded.module.__dict__.setdefault("_tsdash_tell", lambda number, value: None)
    return loaded


def _prepared(lab: Laboratory, loaded: Any, case: spec.Case) -> Any:
    model = loaded.build()
    with torch.no_grad():
        model.load_state_dict(lab.model().state_dict(), strict=False)
    scope, dtype = case.dtype.rpartition(":")[::2]
    if not scope and dtype != spec.GIVEN:
        model = model.to(getattr(torch, dtype))
    if case.training is not None:
        model.train(case.training)
    return model


def _register() -> None:
    """The operator through which scripted code hands a tensor to Python. Its argument counts as written, so that nobody
    removes the call or moves a write across it."""
    global _library
    if _library is None:
        _library = torch.library.Library("tsdash", "FRAGMENT")
        _library.define("watch(Tensor(a!)? value, int number) -> ()")
        _library.impl("watch", lambda value, number: _hear(number, value), "CompositeExplicitAutograd")


def _hear(number: int, value: Any) -> None:
    _listener((number, None if value is None else value.detach().clone()))


class _Ear(io.TextIOBase):
    """Takes what scripted code prints, in order with what the operator hears."""

    def write(self, text: str) -> int:
        for line in text.split(SAYS)[1:]:
            number, _, rest = line.strip().partition(" ")
            if number.isdecimal():
                _listener((int(number), rest.strip()))
        return len(text)


@contextmanager
def listening(listener: Callable[[tuple[int, Any]], object]) -> Iterator[None]:
    """What scripted probes tell goes to `listener` inside the block."""
    global _listener
    before, sys.stdout = sys.stdout, _Ear()
    outer, _listener = _listener, listener
    try:
        yield
    finally:
        sys.stdout, _listener = before, outer


# comparing what was told


def part(made: Twin, expected: list[tuple[int, Any]], actual: list[tuple[int, Any]], styles: dict[int, str]) -> Parting | None:
    """The first place where the two runs tell something else; None where they tell the same."""
    probes = {probe.number: probe for probe in made.probes}
    for index, ((number, value), (other, heard)) in enumerate(zip(expected, actual)):
        if number != other:
            block = next((probes[n] for n in (number, other) if probes[n].block), probes[number])
            return Parting(probe=block, expected=_place(probes[number]), actual=_place(probes[other]), same_so_far=index)
        if styles.get(number, MARK) != MARK and not _agree(heard, value):
            return Parting(probe=probes[number], expected=value, actual=heard, same_so_far=index)
    longer = expected[len(actual) :] or actual[len(expected) :]
    if longer and len(expected) != len(actual):
        number = longer[0][0]
        return Parting(probe=probes[number], expected="goes on" if len(expected) > len(actual) else "ends", actual="ends" if len(expected) > len(actual) else "goes on", same_so_far=min(len(expected), len(actual)))
    return None


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
        return heard == value.strip()
    return _same_text(heard, str(value))


def _same_text(heard: str, said: str) -> bool:
    """Whether two printed values are the same: `1.` and `1.0` are, `True` and `3` are not."""
    one, other = (re.sub(r"torch\.Size\(|['\"()\[\]]", " ", text) for text in (heard, said))
    numbers, others = _NUMBER.findall(one), _NUMBER.findall(other)
    if _NUMBER.sub("#", one).split() != _NUMBER.sub("#", other).split() or len(numbers) != len(others):
        return False
    return all(a == b or _near(float(a), float(b)) for a, b in zip(numbers, others, strict=True))


def _near(one: float, other: float) -> bool:
    return one == other or (one != one and other != other) or abs(one - other) <= 1e-5 * max(abs(one), abs(other))


def _printable(value: Any) -> bool:
    if value is None or isinstance(value, (bool, int, float, str)):
        return True
    return isinstance(value, (tuple, list)) and len(value) <= MAX_PRINTED and all(map(_printable, value))


def _kept(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, (tuple, list)) and _printable(value):
        return list(value)
    return value if _printable(value) else "an object"


def _place(probe: Probe) -> str:
    return f"line {probe.line}"


def _short(value: Any) -> str:
    text = f"a tensor {str(value.flatten()[:4].tolist())[:60]}" if isinstance(value, torch.Tensor) else str(value)
    return text if len(text) <= 80 else text[:79] + "…"
