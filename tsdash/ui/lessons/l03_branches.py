"""Tracing and control flow: a branch that vanishes."""

from __future__ import annotations

import streamlit as st

from tsdash import formats
from tsdash.plots import parting_curves
from tsdash.study import Study, StudySpec, asked
from tsdash.ui import answers, service
from tsdash.ui.lesson import Choice, Lesson, Mended, model
from tsdash.ui.page import as_markdown, figure, is_dark, section

FILE = """import torch


class Sign(torch.nn.Module):
    def forward(self, x):
        if x.mean() > 0:
            y = x * 2
        else:
            y = x - 1
        return y.relu()


def make_model():
    return Sign()


def make_inputs():
    return (torch.tensor([0.3, 0.9]),)
"""
MENDED = FILE.replace(
    """        if x.mean() > 0:
            y = x * 2
        else:
            y = x - 1
""",
    """        y = torch.where(x.mean() > 0, x * 2, x - 1)
""",
)
PREDICTED = [-2.0, 3.0]
SPREAD = (-1.5, 0.0, 1.5, 3.0)  # around the mean, so that some elements are above zero on either side of the branch
EXAMPLE = -0.5  # the mean of the example input
MEANS = tuple(round(-2 + i * 0.02, 2) for i in range(201))


def at(mean: float) -> list[float]:
    """Four numbers with this mean."""
    middle = sum(SPREAD) / len(SPREAD)
    return [mean + step - middle for step in SPREAD]


def spec(example: float, text: str = FILE) -> StudySpec:
    """Eager, trace and script along all means, the trace recorded at `example`."""
    questions = (asked(PREDICTED), *(asked(at(mean)) for mean in MEANS))
    return StudySpec(
        model=model("sign", text), modes=("trace", "script"), questions=questions, example=asked(at(example))
    )


def curves(study: Study) -> dict[str, list[float]]:
    """The mean of each side's answer at each of MEANS."""
    sides = {"eager": study.eager, "trace": study.modes["trace"].answers}
    return {name: [sum(answer.value) / len(answer.value) for answer in given[1:]] for name, given in sides.items()}


def right(study: Study) -> int:
    """0: as eager; 1: the recorded branch."""
    return 0 if answers.agree(study.modes["trace"].answers[0], study.eager[0]) else 1


def said(study: Study) -> str:
    trace, eager = study.modes["trace"].answers[0], study.eager[0]
    return (
        f"For [−2, 3], whose mean is 0.5, eager and trace give {answers.written(eager)} and {answers.written(trace)}. Along "
        f"means from −2 to 2 they differ at {answers.wrong(study, 'trace')} of {formats.count(len(study.eager))} inputs, script at {answers.wrong(study, 'script')}."
    )


def show(study: Study) -> None:
    """The two live inputs, and both answers along the second."""
    head = st.container()
    left, right_side = st.columns(2)
    example = left.slider(
        "mean of the example input", -2.0, 2.0, -0.5, 0.1, key="example mean",
        help="The trace is recorded anew from an input with this mean",
    )  # fmt: skip
    mean = right_side.slider(
        "mean of x", -2.0, 2.0, 0.4, 0.02, key="asked mean", help="The input that both are asked with"
    )
    live = study if example == EXAMPLE else service.studied(spec(example))
    sides = curves(live)
    nearest = min(range(len(MEANS)), key=lambda i: abs(MEANS[i] - mean))
    gap = abs(sides["eager"][nearest] - sides["trace"][nearest])
    found = (
        f"At {formats.digits(mean, 2)} they differ by {formats.delta(gap)}: the other branch was needed."
        if gap
        else f"At {formats.digits(mean, 2)} they agree. Move the sliders to opposite sides of 0."
    )
    with head:
        section("Play", found)
    figure(parting_curves(MEANS, sides, is_dark(), at=mean, axes=("mean of x", "mean of the answer")), key="curves")
    warned = live.modes["trace"].export.warnings
    if warned:
        st.caption(f"What torch said while tracing, line {warned[0].line}: {as_markdown(answers.told(warned[0]))}")


LESSON = Lesson(
    name="branches",
    title="Tracing and control flow",
    question="What happens to an if when it is traced?",
    claim="Tracing keeps the branch that the example input took.",
    text="A [trace] calls your function once and writes down the tensor [operator|operators] it sees. Python's `if` is [control flow], not "
    "an operator. This one is traced with an [example input] whose mean is −0.5.",
    spec=spec(EXAMPLE),
    predict=Choice(
        question="The trace now gets x = [−2, 3]: its mean is 0.5. What does it answer?",
        options=(
            "[0, 6]: relu(x · 2)",
            "[0, 2]: relu(x − 1)",
            "It raises an error",
        ),
    ),
    right=right,
    said=said,
    show=show,
    reason="While tracing, `x.mean() > 0` became a Python bool, once.",
    why="The line that did not run left nothing behind. The [script] is "
    "compiled from the source and keeps both branches. The curves part exactly where the condition changes, and nowhere else: an "
    "input on the example's side proves nothing about the other.",
    mended=Mended(
        text="`torch.where` is an operator: it computes both sides and chooses by a tensor, so the [trace] keeps the choice. The price "
        "is that both sides are computed every time.",
        spec=spec(EXAMPLE, MENDED),
        said=lambda study: (
            f"With `torch.where` the trace is right at {len(study.eager) - answers.wrong(study, 'trace')} of {formats.count(len(study.eager))} inputs."
        ),
    ),
    check=Choice(
        question="A trace agrees with eager on a thousand random inputs. What does that say about a branch they never took?",
        options=("It is right there too", "Nothing", "It raises an error there"),
    ),
    answer=1,
    because="What no input reaches is not tested, and in a [trace] it is not even there. Look for inputs that take the other way.",
)
