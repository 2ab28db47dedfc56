"""Scripting: what it captures, what it refuses, where it silently means something else."""

from __future__ import annotations

import streamlit as st

from tsdash import formats
from tsdash.study import Array, Study, StudySpec, asked
from tsdash.ui import answers, asking, variants
from tsdash.ui.lesson import Choice, Lesson, Mended, model
from tsdash.ui.page import section

FILE = """import torch


class Clip(torch.nn.Module):
    def forward(self, x, limit: int):
        bound = limit or 8
        return x.clamp(max=bound)


def make_model():
    return Clip()


def make_inputs():
    return (torch.tensor([2.0, 20.0]), 5)
"""
MENDED = FILE.replace("bound = limit or 8", "bound = limit if limit != 0 else 8")
LIMITS = (0, 1, 5, 30)
X = [2.0, 20.0]
NUMBER = """import torch


class Model(torch.nn.Module):
    def forward(self, x):
        {body}


def make_model():
    return Model()


def make_inputs():
    return (torch.tensor([2.0, 20.0]),)
"""
CONSTRUCTS = {
    "captured: `if x.sum() > 10:`": "if x.sum() > 10:\n            return x * 2\n        return x",
    "captured: `for i in range(x.shape[0]):`": "for i in range(x.shape[0]):\n            x = x + i\n        return x",
    "refused: `lambda`": "double = lambda a: a * 2\n        return double(x)",
    "refused: `print(x.__class__)`": "print(x.__class__)\n        return x",
    "changed: `round(2.5 * n)`": "n = x.shape[0]\n        return round(2.5 * n) // 2",
    "changed: `1.0 // 0.1`": "n = float(x.shape[0]) / 2\n        return x + n // 0.1",
}


def spec(text: str) -> StudySpec:
    questions = tuple(asked(X, Array.of(limit, "int")) for limit in LIMITS)
    return StudySpec(model=model("clip", text), modes=("script",), questions=questions)


def right(study: Study) -> int:
    """0: eager's answer; 1: another answer; 2: refused or raised."""
    kept = study.modes["script"]
    if not kept.answers or kept.answers[0].ended == "raised":
        return 2
    return 0 if answers.agree(kept.answers[0], study.eager[0]) else 1


def said(study: Study) -> str:
    script = study.modes["script"].answers
    return (
        f"With limit 0, eager clamps to {answers.written(study.eager[0])} and the script to {answers.written(script[0])}. "
        f"Over the limits {formats.joined([str(limit) for limit in LIMITS])} it is wrong {formats.counted(answers.wrong(study, 'script'), 'time')}, without a word."
    )


def show(study: Study) -> None:
    asking.asked(study, [f"limit {limit}" for limit in LIMITS])
    section("What about other Python?", "Captured, refused, or changed: six constructs, compiled just now")
    specs = {
        name: StudySpec(model=model("construct", NUMBER.format(body=body)), modes=("script",), questions=(asked(X),))
        for name, body in CONSTRUCTS.items()
    }
    st.html(variants.table(variants.studies(specs), ("script",), head="construct"))


LESSON = Lesson(
    name="scripting",
    title="Scripting",
    question="Does TorchScript mean what Python means?",
    claim="Script keeps control flow, refuses what it does not know, and now and then means something else.",
    text="A [script] reads your source as [TorchScript], a small typed language that looks like Python. What it does not know it refuses. "
    "What it knows under the same spelling, it may define differently.",
    spec=spec(FILE),
    predict=Choice(
        question="In Python `limit or 8` is 8 where limit is 0. What does the script do with limit 0?",
        options=("The same: it clamps to 8", "Something else, without an error", "It refuses to compile, or raises"),
    ),
    right=right,
    said=said,
    show=show,
    reason="In TorchScript `or` gives a bool, not one of its operands.",
    why="`limit or 8` is True, which is 1 where an int is wanted. Likewise `round` "
    "gives a float, and `//` on floats divides first and then rounds down. Refusals cost a minute; these cost a release.",
    mended=Mended(
        text="Write what you mean with words that both languages define alike: a conditional expression, not the value of an `or`.",
        spec=spec(MENDED),
        said=lambda study: (
            f"With a conditional the script is right for {len(LIMITS) - answers.wrong(study, 'script')} of {len(LIMITS)} limits."
        ),
    ),
    check=Choice(
        question="A model scripts without an error or a warning. What do you know?",
        options=(
            "Its answers are eager's",
            "It compiles; its answers still have to be compared",
            "It is faster than eager",
        ),
    ),
    answer=1,
    because="Compiling says that every construct has a meaning in [TorchScript], not that it is Python's.",
)
