"""Training mode, dropout, state, randomness."""

from __future__ import annotations

import streamlit as st

from tsdash.study import Question, Study, StudySpec, asked
from tsdash.ui import answers, asking
from tsdash.ui.lesson import Choice, Lesson, Mended, model
from tsdash.ui.page import as_markdown

FILE = """import torch


class Counting(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.drop = torch.nn.Dropout(0.5)
        self.register_buffer("calls", torch.tensor(0.0))

    def forward(self, x):
        self.calls = self.calls + 1
        return self.drop(x) + 10 * self.calls


def make_model():
    return Counting()


def make_inputs():
    return (torch.ones(6),)
"""
MENDED = (
    FILE.replace('        self.register_buffer("calls", torch.tensor(0.0))\n', "")
    .replace(
        "def forward(self, x):\n        self.calls = self.calls + 1\n",
        "def forward(self, x, calls):\n        calls = calls + 1\n",
    )
    .replace("10 * self.calls", "10 * calls, calls")
    .replace("return Counting()", "return Counting().eval()")
    .replace("(torch.ones(6),)", "(torch.ones(6), torch.tensor(0.0))")
)
X = [1.0] * 6
ASKED: dict[str, Question] = {
    "in training mode, seed 0": asked(X),
    "in training mode, seed 1": asked(X, seed=1),
    "after .eval()": asked(X, training=False),
    "after .eval(), third call": asked(X, training=False, call=3),
}
MENDED_ASKED = {
    "first call": asked(X, 0.0),
    "third call": asked(X, 2.0),
    "after .eval()": asked(X, 0.0, training=False),
}


def spec(text: str, questions: tuple[Question, ...]) -> StudySpec:
    return StudySpec(model=model("counting", text), modes=("trace", "script"), questions=questions)


def drops(study: Study, mode: str, at: int) -> bool:
    """Whether elements of that answer differ among themselves: x is all ones, so only dropout can do that."""
    return len(set(study.modes[mode].answers[at].outputs[0].values)) > 1


def right(study: Study) -> int:
    """0: .eval() switches dropout off; 1: the trace goes on dropping."""
    return int(drops(study, "trace", 2))


def said(study: Study) -> str:
    trace = study.modes["trace"].answers
    return (
        f"After .eval() eager gives {answers.written(study.eager[2])}, the trace {answers.written(trace[2])}. At the third call eager gives "
        f"{answers.written(study.eager[3])}, the trace {answers.written(trace[3])}; the script is wrong in {answers.wrong(study, 'script')} of {len(ASKED)} cases."
    )


def show(study: Study) -> None:
    asking.asked(study, list(ASKED))
    warned = study.modes["trace"].export.warnings
    if warned:
        st.caption(f"What torch said while tracing: {as_markdown(answers.told(warned[0]))}")


def mended_show(study: Study) -> None:
    st.html(answers.table(study, list(MENDED_ASKED), label="Answers of the fix"))


LESSON = Lesson(
    name="training-and-state",
    title="Training mode and state",
    question="Which mode, and which state, does an export keep?",
    claim="A trace stays in the mode, and at the call, in which it was recorded.",
    text="A new module is in [training mode]: [dropout] drops, [batch norm] uses the batch. This model was exported without calling `.eval()`. "
    "It also counts its calls, in a buffer that it sets anew each time: [state].",
    spec=spec(FILE, tuple(ASKED.values())),
    predict=Choice(
        question="The trace is loaded and told .eval(). Does it still drop elements?",
        options=("It does not: eval switches dropout off", "It does: eval does not reach into the trace"),
    ),
    right=right,
    said=said,
    show=show,
    reason="The mode is an argument of dropout, and in the trace it is a constant.",
    why="`dropout(x, 0.5, True)` says the [graph] of the [trace]; [batch norm] has such a [constant] too. That `self.calls` was set is no "
    "[operator], so it is not in the [graph]: each call begins at the same number. A [script] keeps both. Random numbers are drawn anew in each call, also by a trace: "
    "the first two rows agree because both sides start from one seed.",
    mended=Mended(
        text="Call `.eval()` before exporting. Make the [state] an argument and a result: whoever calls the model keeps it. Changing a buffer in place would be "
        "recorded too, but tracing itself calls the model and moves it.",
        spec=spec(MENDED, tuple(MENDED_ASKED.values())),
        said=lambda study: (
            f"Exported after .eval(), the count as an argument, the trace is right in {len(MENDED_ASKED) - answers.wrong(study, 'trace')} of {len(MENDED_ASKED)} cases."
        ),
        show=mended_show,
    ),
    check=Choice(
        question="When must .eval() be called for a trace that is to be served?",
        options=("Before tracing", "After loading", "Either will do"),
    ),
    answer=0,
    because="A [trace] has the mode as a [constant]. After loading it is too late.",
)
