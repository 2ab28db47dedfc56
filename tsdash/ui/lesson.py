"""What a lesson is: a question, a model to read, a prediction, and what running the model then and there shows.

Every number comes from the study; the functions of a lesson turn it into a sentence or a view. To add a lesson, add a file to
tsdash/ui/lessons/ that says `LESSON = Lesson(…)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tsdash.spec import ModelSource
from tsdash.study import Study, StudySpec

FILE_END = "\n\ndef make_model"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A question with options."""

    question: str
    options: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Mended:
    """The fix: in words, as a model, and what running it shows."""

    text: str
    spec: StudySpec
    said: Callable[[Study], str]
    show: Callable[[Study], None] | None = None


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One lesson. `right` and `said` read the outcome of the prediction off the study; `check` asks for what was learnt."""

    name: str  # in the address
    title: str  # in the list of lessons
    question: str  # the heading before the reveal
    claim: str  # the heading after it
    text: str
    spec: StudySpec
    predict: Choice
    right: Callable[[Study], int]
    said: Callable[[Study], str]
    show: Callable[[Study], None]
    reason: str  # in a sentence
    why: str
    mended: Mended
    check: Choice
    answer: int
    because: str
    tied: bool = True  # source and code side by side at the reveal


def model(name: str, text: str) -> ModelSource:
    """A lesson's model file."""
    return ModelSource(name=f"{name}.py", kind="file", filename=f"{name}.py", text=text)


def to_read(source: ModelSource) -> tuple[str, int]:
    """The part of a model file that a lesson shows, from its first class to make_model, and its first line number."""
    head, _, rest = source.text.partition("class ")
    return f"class {rest.partition(FILE_END)[0].rstrip()}", head.count("\n") + 1
