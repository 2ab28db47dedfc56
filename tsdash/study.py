"""A study: one model exported in some modes and asked the same questions as eager, at once and without leaving a run behind.

What the Learn page and the playground show comes from here. Standard library only; `Engine.study` carries a study out.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from tsdash.spec import Case, ErrorFacts, Export, Latency, Limits, ModelSource, TensorFacts

PYTHON_SCALARS = {"bool": bool, "int": int, "float": float}  # dtypes of arguments that are no tensors
LIMITS = Limits(load_s=60.0, export_s=60.0, case_s=30.0, memory_mib=4096)  # `case_s` is for all questions of a mode
BASE = Case(id="base", dims={})


@dataclass(frozen=True, kw_only=True)
class Array:
    """A tensor or a number as flat values, which JSON and a check of types can hold; `path` is its place in an output.

    `cut`: there are more values than were kept. A dtype of PYTHON_SCALARS is a plain Python number.
    """

    shape: tuple[int, ...]
    dtype: str
    values: tuple[float, ...]
    path: str = ""
    cut: bool = False

    @staticmethod
    def of(nested: Any, dtype: str = "float32") -> Array:
        """An argument from nested lists, or from a number. Raises ValueError where rows differ in length."""
        shape, level = [], nested
        while isinstance(level, (list, tuple)):
            shape.append(len(level))
            level = level[0] if level else 0.0
        values = tuple(_flat(nested))
        if len(values) != math.prod(shape):
            raise ValueError(f"Rows of different length: {str(nested)[:80]}. Give lists of one length at each level.")
        return Array(shape=tuple(shape), dtype=dtype, values=values)

    def nested(self) -> Any:
        """Nested lists, or one number. What was cut is missing at the end."""
        level: list[Any] = list(self.values)
        for size in reversed(self.shape[1:]):
            level = [level[i : i + size] for i in range(0, len(level), max(1, size))]
        return level if self.shape else level[0]


def _flat(nested: Any) -> list[float]:
    if isinstance(nested, (list, tuple)):
        return [value for item in nested for value in _flat(item)]
    return [float(nested)]


@dataclass(frozen=True, kw_only=True)
class Question:
    """One call of eager and of every mode. With `arguments` these are the positional arguments, else make_inputs gives them
    for the case. The case's dtype, device, training mode, call number and seed hold either way."""

    case: Case = BASE
    arguments: tuple[Array, ...] = ()


def asked(*arguments: Any, **changes: Any) -> Question:
    """A question with these positional arguments, as Arrays or as nested lists of float32; `changes` are fields of its case."""
    given = tuple(item if isinstance(item, Array) else Array.of(item) for item in arguments)
    return Question(case=dataclasses.replace(BASE, **changes), arguments=given)


@dataclass(frozen=True, kw_only=True)
class StudySpec:
    """What to study. The export is made from the inputs of `example`; `labelled` asks each labelled example of the model file
    alone, after the questions; `latency_s` also times each mode, the naive way and ours."""

    model: ModelSource
    modes: tuple[str, ...] = ("trace", "script")
    questions: tuple[Question, ...] = ()
    example: Question = Question()
    labelled: bool = False
    latency_s: float | None = None
    needs: tuple[str, ...] = ()  # modules of a lesson that are slow to import: imported once for all workers
    limits: Limits = LIMITS


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one side gave to one question: its outputs with their structure in words, or an error."""

    ended: str = "returned"  # "returned" or "raised"
    structure: str = ""
    outputs: tuple[Array, ...] = ()
    error: ErrorFacts | None = None
    seconds: float = 0.0

    @property
    def value(self) -> Any:
        """The first output as nested lists; None where there is none."""
        return self.outputs[0].nested() if self.outputs else None


@dataclass(frozen=True, kw_only=True)
class TiedLine:
    """A line of exported code or of a graph, and the line of the model file that it comes from."""

    text: str
    line: int | None = None


@dataclass(frozen=True, kw_only=True)
class NaiveBlock:
    """Calls of one contender made and timed in a row, from its very first one, as a first benchmark would."""

    name: str
    samples_s: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class ModeStudy:
    """One mode: how its export went, what it kept of each source line, and its answers."""

    export: Export
    code: tuple[TiedLine, ...] = ()
    graph: tuple[TiedLine, ...] = ()
    answers: tuple[Answer, ...] = ()
    lost: str = ""  # why there are no answers although there is an artefact
    naive: tuple[NaiveBlock, ...] = ()  # eager, another copy of eager, the export
    latency: Latency | None = None


@dataclass(frozen=True, kw_only=True)
class Study:
    """Everything a study found. `steps` are the lines of the model file in the order in which eager ran them on the example."""

    inputs: tuple[TensorFacts, ...] = ()
    parameters: int = 0
    steps: tuple[int, ...] = ()
    eager: tuple[Answer, ...] = ()
    lost: str = ""  # why eager gave no answers
    labels: tuple[int, ...] = ()
    examples: tuple[Array, ...] = ()  # the labelled inputs, the first argument of each question about them
    modes: dict[str, ModeStudy] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
