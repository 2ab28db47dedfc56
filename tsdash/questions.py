"""Questions put to a model in a worker: its answers as plain values, the lines it runs, what its export kept of each line."""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import torch

from tsdash import exporters, inputs, ties, timing, tree
from tsdash.calling import Called, observe
from tsdash.errors import ModelError
from tsdash.models.loading import Loaded
from tsdash.spec import CONTROL, EAGER, GIVEN, Case, from_json
from tsdash.study import BASE, PYTHON_SCALARS, Answer, Array, NaiveBlock, Question, TiedLine
from tsdash.tracebacks import SourceMap, user_error

MOST_VALUES = 400_000  # of all answers together
MOST_STEPS = 2000
NAIVE_CALLS = 10
Given = tuple[tuple[Any, ...], dict[str, Any]]


def given(loaded: Loaded, question: Question) -> Given:
    """The arguments of a question, as its case's dtype and device have them."""
    if not question.arguments:
        return inputs.build(loaded, question.case)
    args = tuple(_argument(argument) for argument in question.arguments)
    cast = inputs.cast(args, inputs.parse_dtype(question.case.dtype)[1])
    return inputs.to_device(cast, question.case.device), {}


def _argument(array: Array) -> Any:
    if array.dtype in PYTHON_SCALARS:
        return PYTHON_SCALARS[array.dtype](array.values[0])
    dtype = getattr(torch, array.dtype, None)
    if not isinstance(dtype, torch.dtype):
        raise ModelError(f"{array.dtype!r} is not a dtype. Use one of torch's, such as float32, or bool, int, float.")
    wide = torch.tensor(array.values, dtype=torch.float64)
    return wide.to(dtype).reshape(array.shape)


def labelled(loaded: Loaded) -> tuple[list[Given], tuple[int, ...]]:
    """Each labelled example of the model file alone, as a batch of one, and its label. Raises ModelError."""
    found = loaded.labelled()
    if found is None:
        raise ModelError(f"{loaded.source.filename} has no labelled examples: it needs LABELLED or make_labelled().")
    examples, labels = found
    stacked = examples if isinstance(examples, tuple) else (examples,)
    alone: list[Given] = [(tuple(tensor[i : i + 1] for tensor in stacked), {}) for i in range(len(labels))]
    return alone, tuple(int(label) for label in labels)


Asked = tuple[Callable[[], Given], Case]


def asked(loaded: Loaded, request: dict[str, Any]) -> tuple[list[Asked], tuple[int, ...]]:
    """The questions of a request, each with what makes its arguments, then the labelled examples; and the labels."""
    found = [from_json(Question, raw) for raw in request["questions"]]
    calls: list[Asked] = [(functools.partial(given, loaded, question), question.case) for question in found]
    if not request["labelled"]:
        return calls, ()
    alone, labels = labelled(loaded)
    return [*calls, *((functools.partial(_same, arguments), BASE) for arguments in alone)], labels


def _same(arguments: Given) -> Given:
    return arguments


@dataclass
class Answers:
    """Answers as they are collected, the values of all of them within MOST_VALUES."""

    sources: SourceMap
    found: list[Answer] = field(default_factory=list)
    left: int = MOST_VALUES

    def ask(self, call: Callable[[Case, Given], Called], case: Case, arguments: Callable[[], Given]) -> None:
        """Add what one call gives, or raises."""
        try:
            called = call(case, arguments())
            structure, leaves = tree.flatten(called.output)
        except BaseException as error:  # SystemExit and KeyboardInterrupt are the model's doing too
            self.found.append(Answer(ended="raised", error=user_error(error, self.sources)))
            return
        arrays = tuple(self._array(path, leaves[leaf]) for path, leaf in tree.leaves(structure))
        self.found.append(Answer(structure=tree.describe(structure), outputs=arrays, seconds=called.seconds))

    def _array(self, path: str, leaf: torch.Tensor) -> Array:
        shape, dtype = tuple(leaf.shape), str(leaf.dtype).removeprefix("torch.")
        if leaf.device.type == "meta":
            return Array(shape=shape, dtype=dtype, values=(), path=path, cut=leaf.numel() > 0)
        flat = (leaf.abs() if leaf.is_complex() else leaf).flatten()[: self.left].to(torch.float64)
        self.left -= flat.numel()
        return Array(shape=shape, dtype=dtype, values=tuple(flat.tolist()), path=path, cut=flat.numel() < leaf.numel())


def examples(loaded: Loaded, asked: Sequence[Asked], labels: Sequence[int]) -> list[Array]:
    """The first argument of each labelled example, which come last."""
    shown = Answers(loaded.sources)
    for arguments, case in asked[len(asked) - len(labels) :]:
        shown.ask(lambda _, given: Called(given[0][0], 0.0, (), {}), case, arguments)
    return [answer.outputs[0] for answer in shown.found if answer.outputs]


def steps(loaded: Loaded, call: Callable[[], object]) -> tuple[int, ...]:
    """The lines of the model file in the order in which `call` runs them; as far as it gets, where it raises."""
    mine = str(loaded.path)
    seen: list[int] = []

    def local(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line" and len(seen) < MOST_STEPS:
            seen.append(frame.f_lineno)
        return local

    def enter(frame: FrameType, event: str, _: Any) -> Any:
        code: CodeType = frame.f_code
        return local if event == "call" and code.co_filename == mine else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        with contextlib.suppress(Exception):
            call()
    finally:
        sys.settrace(before)
    return tuple(seen)


class Artefact:
    """A saved export, called as a deployment would: loaded again where a call would leave something behind."""

    def __init__(self, mode: str, path: Path) -> None:
        self._mode = exporters.EXPORTERS[mode]
        self._path = path
        self.loaded: Any = self._mode.load(path, "cpu")
        self._mutable = exporters.mutable(self.loaded)

    def call(self, case: Case, arguments: Given) -> Called:
        """The case's call."""
        return observe(self._for(case), *arguments, case)

    def _for(self, case: Case) -> Callable[..., Any]:
        scope, dtype = inputs.parse_dtype(case.dtype)
        changed = scope == "all" and dtype != GIVEN
        if not (changed or self._mutable or case.training is not None or case.device != "cpu"):
            return self.loaded  # type: ignore[no-any-return]
        fresh: Any = self._mode.load(self._path, case.device)
        if changed and self._mode.casts:
            fresh = fresh.to(getattr(torch, dtype))
        if case.training is not None and self._mode.switches:
            fresh.train(case.training)
        return fresh  # type: ignore[no-any-return]

    def ties(
        self, sources: SourceMap, printed: str, filename: str
    ) -> tuple[tuple[TiedLine, ...], tuple[TiedLine, ...]]:
        """The exported code and graph, each line with the user's own that it comes from."""
        if not isinstance(self.loaded, torch.jit.ScriptModule):
            return ties.of_printed(printed, filename), ()
        return ties.of_archive(self._path, sources), ties.of_graph(self.loaded.inlined_graph, sources)


def naive(contenders: Sequence[tuple[str, Callable[[], object]]]) -> tuple[NaiveBlock, ...]:
    """Each contender called in a row, its first call included: how not to measure."""
    blocks = []
    for name, call in contenders:
        samples = []
        for _ in range(NAIVE_CALLS):
            began = time.perf_counter()
            call()
            samples.append(time.perf_counter() - began)
        blocks.append(NaiveBlock(name=name, samples_s=tuple(samples)))
    return tuple(blocks)


def timed(loaded: Loaded, mode: str, artefact: Path, question: Question, budget_s: float) -> dict[str, Any]:
    """Eager, a copy of it and the export on one question: in a row from the first call on, then as tsdash measures."""
    args, kwargs = given(loaded, question)
    arms: list[tuple[str, Callable[..., object]]] = [(EAGER, loaded.build()), (CONTROL, loaded.build())]
    arms.append((mode, exporters.EXPORTERS[mode].load(artefact, "cpu")))
    calls = [(name, _bound(model, args, kwargs)) for name, model in arms]
    with torch.no_grad():
        blocks = naive(calls)
        latency = timing.measure(calls, case=replace(question.case), budget_s=budget_s, seed=question.case.seed)
    return {"naive": blocks, "latency": latency}


def _bound(model: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[], object]:
    return lambda: model(*args, **kwargs)
