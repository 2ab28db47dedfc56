"""Running a twin both ways, in eager and scripted, and taking down what its probes tell."""

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from tsdash import inputs, spec
from tsdash.diagnose.answers import Result, quiet
from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.recorder import Stopped
from tsdash.diagnose.twin import EAGER, MARK, PRINT, SAYS, TELL, TORCH, WATCH, Twin
from tsdash.models import loading

Told = tuple[int, Any]  # number of the probe, and the value that it told
Listener = Callable[[Told], object]

MAX_TOLD = 20_000
EAGER_S = 3.0  # of the twin in eager: a loop over every element would take for ever
MAX_PRINTED = 4096  # elements of a container that is printed
_ATTEMPTS = 8  # compilations of a twin, each without the probe that the last one refused
_library: Any = None
_listener: list[Listener] = []  # the innermost one hears


def run_eager(lab: Laboratory, made: Twin, case: spec.Case) -> tuple[list[Told], Result]:
    """What the twin tells at the case's call in eager, and how the call ended."""
    text, _ = made.text({probe.number: EAGER for probe in made.probes})
    loaded = _load(lab, text, "eager")
    told: list[Told] = []
    stop_at = time.process_time() + EAGER_S

    def tell(number: int, value: Any) -> None:
        if time.process_time() > stop_at:
            raise Stopped
        if len(told) < MAX_TOLD:
            told.append((number, _kept(value)))

    loaded.module.__dict__[TELL] = tell
    model = _prepared(lab, loaded.build(), case)
    told.clear()
    return told, _last_call(lab, model, case, told.clear)


def _last_call(lab: Laboratory, model: Any, case: spec.Case, before: Callable[[], object]) -> Result:
    """The result of the case's call, with `before` called between the calls ahead of it and itself."""
    if case.call == 1:
        return lab.run(model, case)
    lab.run(model, replace(case, call=case.call - 1))
    before()
    return lab.run(model, replace(case, call=1), seed=False)


def styles_for(made: Twin, told: list[Told]) -> dict[int, str]:
    """How each probe can tell what it saw in eager: tensors through the operator, plain values in print."""
    styles: dict[int, str] = {}
    blocks = {probe.number: probe.block for probe in made.probes}
    for number, value in told:
        style = MARK if blocks.get(number) else _style(value)
        styles[number] = style if styles.get(number, style) == style else MARK
    return styles


def _style(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return WATCH
    return PRINT if _printable(value) else MARK


def compile_twin(lab: Laboratory, made: Twin, styles: dict[int, str]) -> tuple[Any, dict[int, str]] | None:
    """The scripted twin and the styles of its probes: one that the compiler refuses only marks its place."""
    _register()
    styles = dict(styles)
    for attempt in range(_ATTEMPTS):
        text, where = made.text(styles)
        loaded = _load(lab, text, f"script{attempt}")
        try:
            model = _prepared(lab, loaded.build(), lab.base)
            with quiet(), torch.no_grad():
                return torch.jit.script(model), styles
        except Exception as error:  # the compiler passes on whatever fails below it
            lines = [int(line) for line in re.findall(rf'{re.escape(str(loaded.path))}", line (\d+)', str(error))]
            near = [where[at] for line in lines for at in (line, line + 1, line - 1) if at in where]
            refused = next((number for number in near if styles.get(number, MARK) != MARK), None)
            if refused is None:
                return None
            styles[refused] = PRINT if styles[refused] == WATCH else MARK
    return None


def run_scripted(lab: Laboratory, model: Any, case: spec.Case, listener: Listener) -> Result:
    """The result of the case's call of a scripted twin; what it tells meanwhile goes to `listener`."""
    heard: list[Listener] = [listener] if case.call == 1 else []
    with _listening(lambda told: heard[0](told) if heard else None):
        return _last_call(lab, _in_state(model, case), case, lambda: heard.append(listener))


def _load(lab: Laboratory, text: str, name: str) -> loading.Loaded:
    filename = f"twin_{name}_{lab.loaded.source.filename}"
    loaded = loading.load(replace(lab.loaded.source, filename=filename, text=text), lab.subject.folder)
    loaded.module.__dict__[TORCH] = torch
    loaded.module.__dict__[TELL] = lambda number, value: None
    return loaded


def _prepared(lab: Laboratory, model: torch.nn.Module, case: spec.Case) -> Any:
    """The twin's model with the weights of the user's."""
    with torch.no_grad():
        model.load_state_dict(lab.model().state_dict(), strict=False)
    return _in_state(model, case)


def _in_state(model: Any, case: spec.Case) -> Any:
    scope, dtype = inputs.parse_dtype(case.dtype)
    if scope == "all" and dtype != spec.GIVEN:
        model = model.to(getattr(torch, dtype))
    if case.training is not None:
        model.train(case.training)
    return model


def _register() -> None:
    """The operator through which scripted code hands a tensor to Python. Its argument counts as written, so that nobody
    removes the call or moves a write across it."""
    global _library
    if _library is None:
        _library = torch.library.Library("tsdash", "FRAGMENT")  # type: ignore[no-untyped-call]
        _library.define("watch(Tensor(a!)? value, int number) -> ()")
        _library.impl("watch", lambda value, number: _hear(number, value), "CompositeExplicitAutograd")


def _hear(number: int, value: Any) -> None:
    _tell((number, None if value is None else value.detach().clone()))


class _Ear(io.TextIOBase):
    """Takes what scripted code prints, in order with what the operator hears."""

    def write(self, text: str) -> int:
        for line in text.split(SAYS)[1:]:
            number, _, rest = line.strip().partition(" ")
            if number.isdecimal():
                _tell((int(number), rest.strip()))
        return len(text)


def _tell(told: Told) -> None:
    if _listener:
        _listener[-1](told)


@contextmanager
def _listening(listener: Listener) -> Iterator[None]:
    """What scripted probes tell goes to `listener` inside the block."""
    before, sys.stdout = sys.stdout, _Ear()
    _listener.append(listener)
    try:
        yield
    finally:
        sys.stdout = before
        _listener.pop()


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
