"""Shapes that are baked: batch and sequence length."""

from __future__ import annotations

from html import escape

import streamlit as st

from tsdash.spec import Case
from tsdash.study import Question, Study, StudySpec
from tsdash.tokens import OUTCOMES
from tsdash.ui import answers
from tsdash.ui.html import code_view
from tsdash.ui.lesson import Choice, Lesson, Mended, model
from tsdash.ui.page import section
from tsdash.ui.style import pair

FILE = """import torch


class FirstHalf(torch.nn.Module):
    def forward(self, x):
        half = int(x.shape[1] / 2)
        left = x[:, :half].sum(1)
        return left / x.shape[0]


def make_model():
    return FirstHalf()


def make_inputs(batch=2, seq=8):
    return (torch.randn(batch, seq),)
"""
MENDED = FILE.replace("int(x.shape[1] / 2)", "x.shape[1] // 2")
BATCHES = (1, 2, 3, 4)
LENGTH = 8  # of the example
LENGTHS = (4, 6, 8, 9, 10, 12, 16)


def spec(text: str) -> StudySpec:
    """Every batch with every length; the trace is recorded at 2 and 8."""
    cases = [Case(id=f"{b}x{s}", dims={"batch": b, "seq": s}) for b in BATCHES for s in LENGTHS]
    questions = tuple(Question(case=case) for case in cases)
    return StudySpec(model=model("first_half", text), modes=("trace", "script"), questions=questions)


def agreeing(study: Study, mode: str) -> dict[tuple[int, int], bool]:
    """Whether a mode gives eager's answer, by (batch, length)."""
    sizes = [(b, s) for b in BATCHES for s in LENGTHS]
    pairs = zip(study.modes[mode].answers, study.eager, strict=True)
    return {size: answers.agree(actual, expected) for size, (actual, expected) in zip(sizes, pairs, strict=True)}


def right(study: Study) -> int:
    """0: both follow; 1: the batch follows and the length does not; 2: neither."""
    same = agreeing(study, "trace")
    batch = all(same[b, LENGTH] for b in BATCHES)
    length = all(same[2, s] for s in LENGTHS)
    return 0 if batch and length else 1 if batch else 2


def said(study: Study) -> str:
    same = agreeing(study, "trace")
    lengths = [str(s) for s in LENGTHS if all(same[b, s] for b in BATCHES)]
    return (
        f"Of {len(same)} sizes the trace is right at {sum(same.values())}, only where the length is {' or '.join(lengths)}; the script at "
        f"{sum(agreeing(study, 'script').values())}."
    )


def show(study: Study) -> None:
    """One grid a mode: batch down, length across."""
    section("Which sizes?", "A trace of batch 2 and length 8, asked at others")
    st.html(f'<div class="ts-panes">{"".join(sizes(study, mode) for mode in ("trace", "script"))}</div>')
    code = [tied.text.strip() for tied in study.modes["trace"].code if f", {LENGTH // 2})" in tied.text]
    if code:
        st.html(
            code_view(
                "\n".join(code),
                title=f"What the trace kept of the slice: it ends at {LENGTH // 2}, the half of {LENGTH}",
            )
        )


def sizes(study: Study, mode: str) -> str:
    """The grid of a mode as a table of outcome signs."""
    same = agreeing(study, mode)
    head = "".join(f"<th>{s}</th>" for s in LENGTHS)
    rows = "".join(
        f"<tr><th scope='row'>batch {b}</th>{''.join(_cell(same[b, s]) for s in LENGTHS)}</tr>" for b in BATCHES
    )
    return f'<div class="ts-scroll" tabindex="0" role="region" aria-label="Sizes, {escape(mode)}"><table class="ts-answers"><thead><tr><th>{escape(mode)}, length</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(same: bool) -> str:
    look = OUTCOMES["identical" if same else "mismatch"]
    return f'<td><span class="ts-cell" style="background:{pair(look.fill)};color:{pair(look.on_fill)}" title="{look.label}">{look.glyph}</span></td>'


LESSON = Lesson(
    name="shapes",
    title="Shapes that are baked",
    question="May the batch and the length change after tracing?",
    claim="A size stays symbolic until it becomes a Python number.",
    text="In a [trace] `x.shape[0]` is an [operator] that reads the size at each call: it is [symbolic]. `int()`, `len()`, `math` and `min` turn "
    "it into a Python number, and a Python number is a [constant]. This trace is recorded at batch 2 and length 8.",
    spec=spec(FILE),
    predict=Choice(
        question="The trace is asked at other batches and other lengths. Which may change?",
        options=("Both: sizes are read at each call", "The batch, but not the length", "Neither"),
    ),
    right=right,
    said=said,
    show=show,
    reason="`int()` made the half of the example's length the Python number 4.",
    why="The slice ends at 4 whatever comes in: at length 9 that is right by luck, because `int(4.5)` is 4 as well. The batch size was only divided by, so it stayed [symbolic].",
    mended=Mended(
        text="Stay with operators on sizes: `//`, `%`, `view`, `arange` keep them [symbolic].",
        spec=spec(MENDED),
        said=lambda study: (
            f"With `//` the trace is right at {sum(agreeing(study, 'trace').values())} of {len(BATCHES) * len(LENGTHS)} sizes."
        ),
    ),
    check=Choice(
        question="Which of these keeps the length symbolic in a trace?",
        options=("`len(x[0])`", "`x.shape[1] - 1`", "`math.ceil(x.shape[1] / 2)`"),
    ),
    answer=1,
    because="Arithmetic on a size is recorded. `len` and `math` need a Python number, so they take one and leave a [constant].",
)
