"""Devices and precision: a trace that only runs where it was made; float32, float16, bfloat16."""

from __future__ import annotations

import streamlit as st

from tsdash import formats
from tsdash.exporters import EXPORTERS
from tsdash.study import Question, Study, StudySpec, asked
from tsdash.ui import answers, asking
from tsdash.ui.lesson import Choice, Lesson, Mended, model
from tsdash.ui.page import section

FILE = """import torch


class Positions(torch.nn.Module):
    def forward(self, x):
        steps = torch.ones(x.shape[-1], dtype=x.dtype, device=x.device)
        return x + steps.cumsum(-1)


def make_model():
    return Positions()


def make_inputs():
    return (torch.tensor([0.3, 1.3, 127.6]),)
"""
MENDED = FILE.replace("torch.ones(x.shape[-1], dtype=x.dtype, device=x.device)", "torch.ones_like(x)")
X = [0.3, 1.3, 127.6]
DTYPES = ("float32", "float64", "float16", "bfloat16")
ASKED: dict[str, Question] = {
    **{f"{dtype} input": asked(X, dtype=dtype) for dtype in DTYPES},
    "on the meta device": asked(X, device="meta"),
}
HALF, META = 2, 4


def spec(text: str) -> StudySpec:
    needs = EXPORTERS["export"].needs  # the meta device computes shapes with what torch.export uses
    return StudySpec(
        model=model("positions", text), modes=("trace", "script"), questions=tuple(ASKED.values()), needs=needs
    )


def dtype(study: Study, mode: str, at: int) -> str:
    """The dtype of an answer."""
    outputs = study.modes[mode].answers[at].outputs
    return outputs[0].dtype if outputs else ""


def right(study: Study) -> int:
    """0: float16 as eager; 1: float32; 2: an error."""
    return {"float16": 0, "float32": 1, "": 2}.get(dtype(study, "trace", HALF), -1)


def said(study: Study) -> str:
    meta = study.modes["trace"].answers[META]
    where = "raises there" if meta.ended == "raised" else "runs there"
    return (
        f"For a float16 input eager returns {study.eager[HALF].outputs[0].dtype}, the trace {dtype(study, 'trace', HALF) or 'an error'}, the script "
        f"{dtype(study, 'script', HALF)}. On the meta device eager works and the trace {where}."
    )


def show(study: Study) -> None:
    asking.asked(study, list(ASKED))
    section("And the numbers themselves?", precision(study))


def mended_show(study: Study) -> None:
    st.html(answers.table(study, list(ASKED), label="Answers of the fix"))


def precision(study: Study) -> str:
    """How far eager in each dtype is from eager in float64."""
    referee = study.eager[1].outputs[0].values
    parts = []
    for at, name in enumerate(DTYPES):
        if name != "float64":
            values = study.eager[at].outputs[0].values
            off = max(abs(a - b) for a, b in zip(values, referee, strict=True))
            parts.append(f"{name} by {formats.delta(off)}")
    largest = formats.digits(max(referee), 3)
    return f"For outputs up to {largest}, eager is off its float64 self: {formats.joined(parts)}"


LESSON = Lesson(
    name="devices-and-precision",
    title="Devices and precision",
    question="Does a trace follow the dtype and the device of its input?",
    claim="Where and in what precision a trace was recorded can be part of it.",
    text="`dtype=x.dtype` and `device=x.device` read the [dtype] and the [device] of the input. The [trace] is recorded from a "
    "float32 input on the cpu. The [meta device] shows without a GPU what would happen on one.",
    spec=spec(FILE),
    predict=Choice(
        question="The trace gets a float16 input. What is the dtype of its answer?",
        options=("float16, as eager's", "float32", "None: it raises"),
    ),
    right=right,
    said=said,
    show=show,
    reason="A dtype and a device are Python values: the graph calls `ones` with constants.",
    why="float16 plus float32 is float32, so the answer has another type; a "
    "tensor on another device than cpu cannot be added at all. float16 keeps 11 bits and ends at 65 504; bfloat16 keeps 8 bits and the range "
    "of float32. Neither can be expected to meet 10⁻⁵. [constant|Constants] hide in factory calls: `ones`, `zeros`, `arange`, `to`.",
    mended=Mended(
        text="Make new tensors from the input with an operator that takes dtype and device along: `ones_like`, `zeros_like`, `new_zeros`.",
        spec=spec(MENDED),
        said=lambda study: (
            f"With `ones_like` the trace is right in {len(ASKED) - answers.wrong(study, 'trace')} of {len(ASKED)} cases."
        ),
        show=mended_show,
    ),
    check=Choice(
        question="You have no GPU. How do you find out whether a trace is bound to the cpu?",
        options=("Not at all", "Load it onto the meta device and call it there", "Read the size of the file"),
    ),
    answer=1,
    because="On the [meta device] operators check devices, dtypes and shapes, and compute no values.",
)
