"""What is exported: eager, a trace and a script of one small model."""

from __future__ import annotations

import math
from collections import Counter

import streamlit as st

from tsdash import formats
from tsdash.study import Study, StudySpec, TiedLine, asked
from tsdash.ui import answers, tied
from tsdash.ui.html import Mark, code_view
from tsdash.ui.lesson import Choice, Lesson, Mended, model, to_read
from tsdash.ui.page import grid, section

FILE = """import torch


class Rounds(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([2.0, -1.0]))

    def forward(self, x):
        y = x * self.weight
        for row in x:
            y = y + row
        return y.relu()


def make_model():
    return Rounds()


def make_inputs(rows=3):
    return (torch.arange(2.0 * rows).reshape(rows, 2),)
"""
MENDED = FILE.replace(
    """        for row in x:
            y = y + row
""",
    """        y = y + x.sum(0)
""",
)
ROWS = (1, 2, 3, 4, 5)
LOOP_LINE = FILE.splitlines().index("            y = y + row") + 1


def inputs(rows: int) -> list[list[float]]:
    """Whole numbers, so that the order of additions does not matter."""
    return [[2.0 * i, 2.0 * i + 1] for i in range(rows)]


def spec(text: str) -> StudySpec:
    questions = tuple(asked(inputs(rows)) for rows in ROWS)
    return StudySpec(model=model("rounds", text), modes=("trace", "script"), questions=questions)


def additions(study: Study) -> int:
    """How many additions the trace's graph holds for the line in the loop."""
    return sum("aten::add(" in tied.text and tied.line == LOOP_LINE for tied in study.modes["trace"].graph)


def right(study: Study) -> int:
    n = additions(study)
    return {1: 0, 3: 1, 0: 2}.get(n, -1)


def said(study: Study) -> str:
    script = sum("prim::Loop" in tied.text for tied in study.modes["script"].graph)
    return (
        f"Line {LOOP_LINE} left {formats.counted(additions(study), 'addition')} in the trace's graph; the script's graph has {formats.counted(script, 'loop')}. "
        f"Asked with {formats.joined([str(rows) for rows in ROWS])} rows, the trace is wrong {formats.counted(answers.wrong(study, 'trace'), 'time')}, the script "
        f"{formats.counted(answers.wrong(study, 'script'), 'time')}."
    )


def grown(study: Study, steps: int) -> tuple[list[TiedLine], int]:
    """The nodes of the trace's graph that are there once eager has run so many lines, and the line that ran last.

    The nodes of a line that runs several times are shared out among its rounds, in order.
    """
    nodes = [tied for tied in study.modes["trace"].graph if tied.line]
    there: set[int] = set()
    rounds, done = Counter(study.steps), Counter[int]()
    for line in study.steps[:steps]:
        own = [i for i, tied in enumerate(nodes) if tied.line == line]
        share = math.ceil(len(own) / rounds[line])
        there |= set(own[done[line] * share : (done[line] + 1) * share])
        done[line] += 1
    return [nodes[i] for i in sorted(there)], study.steps[steps - 1] if steps else 0


def show(study: Study) -> None:
    """The graph as it grows, then source and graph side by side."""
    section("Watch it grow", f"While tracing, {len(study.steps)} lines run: each may add to the graph")
    step = st.slider(
        "lines that have run", 0, len(study.steps), len(study.steps) // 2, key="grown",
        help="One step is one line of forward, in the order in which Python ran them while tracing",
    )  # fmt: skip
    there, line = grown(study, step)
    cells = grid(2, min_column_width=420)
    text, first = to_read(LESSON.spec.model)
    mark = {line: Mark(kind="warned", notes=("this line has just run",))} if line else {}
    with cells.cell():
        st.html(code_view(text, title="forward", first_line=first, marks=mark))
    with cells.cell():
        recorded = "\n".join(node.text.strip().partition(" # ")[0] for node in there) or "# nothing is recorded yet"
        st.html(code_view(recorded, title=f"The trace's graph so far: {formats.counted(len(there), 'node')}"))
    section("Side by side", "The graphs, each node in the colour of its source line")
    st.html(tied.panes(LESSON.spec.model, study, modes=("trace", "script"), what="graph"))


LESSON = Lesson(
    name="what-is-exported",
    title="What is exported",
    question="What is in the file when you export a model?",
    claim="A trace is what happened; a script is what was written.",
    text="[eager|Eager] runs this model line by line in Python. A [trace] runs it once, on an [example input] of 3 rows, and keeps each "
    "[operator] that was called. A [script] compiles the source instead. Both become a [graph] in [TorchScript].",
    spec=spec(FILE),
    predict=Choice(
        question=f"The loop in line {LOOP_LINE - 1} goes over 3 rows. How many additions will the trace's graph hold for line {LOOP_LINE}?",
        options=("One: the line is there once", "Three: one for each round that ran", "None: loops are not operators"),
    ),
    right=right,
    said=said,
    show=show,
    reason="While tracing, Python ran the loop, and each round called an addition.",
    why="Of the loop itself only `unbind` is left, which cuts x into 3 rows: with another number of rows the [trace] is wrong, or raises an error. The "
    "[script] has a loop in its [graph], because it was compiled from the line that says `for`. Lines of one colour belong together: point at one.",
    mended=Mended(
        text="Say it in one [operator] that takes any number of rows.",
        spec=spec(MENDED),
        said=lambda study: (
            f"With `x.sum(0)` the trace is right for {len(ROWS) - answers.wrong(study, 'trace')} of {len(ROWS)} numbers of rows."
        ),
    ),
    check=Choice(
        question="You print something in forward. When does the trace print it?",
        options=("At each call", "While tracing, never afterwards", "Never"),
    ),
    answer=1,
    because="print is Python: it runs while the [trace] is recorded, and is no [operator].",
)
