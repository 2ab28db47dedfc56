"""What is not supported, and the ways out."""

from __future__ import annotations

import streamlit as st

from tsdash.study import Study, StudySpec, asked
from tsdash.ui import answers, asking, variants
from tsdash.ui.html import code_view
from tsdash.ui.lesson import FILE_END, Choice, Lesson, Mended, model
from tsdash.ui.page import section

FILE = """import torch


class Halve(torch.nn.Module):
    def forward(self, x):
        while x.abs().max() > 1:
            x = x / 2
        return x


def make_model():
    return Halve()


def make_inputs():
    return (torch.tensor([3.0, 5.0]),)
"""
IMPORT = "import torch\n\n\n"
LOOP = """        while x.abs().max() > 1:
            x = x / 2
        return x
"""
REWRITTEN = FILE.replace(
    LOOP,
    """        times = x.abs().max().log2().ceil().clamp(min=0)
        return x / 2**times
""",
)
WHERE = FILE.replace(
    LOOP,
    """        for _ in range(12):
            x = torch.where(x.abs().max() > 1, x / 2, x)
        return x
""",
)
IF_TRACING = FILE.replace(
    "class Halve",
    """@torch.jit.script_if_tracing
def halve(x):
    while bool(x.abs().max() > 1):
        x = x / 2
    return x


class Halve""",
).replace(LOOP, "        return halve(x)\n")
IGNORED = FILE.replace(
    "    def forward(self, x):\n" + LOOP,
    """    def forward(self, x):
        return self.halve(x)

    @torch.jit.ignore
    def halve(self, x: torch.Tensor) -> torch.Tensor:
        while x.abs().max() > 1:
            x = x / 2
        return x
""",
)
MIXED = FILE.replace(
    "def make_model():\n    return Halve()",
    """class Outer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.halve = torch.jit.script(Halve())

    def forward(self, x):
        return self.halve(x * 1)


def make_model():
    return Outer()""",
)
MODES = ("trace", "script", "export")
INPUTS = ([0.25, 0.5], [3.0, 5.0], [30.0, 50.0], [300.0, 500.0])
WAYS = {
    "as it is": FILE,
    "rewrite: count first": REWRITTEN,
    "`torch.where`, at most 12 rounds": WHERE,
    "`script_if_tracing`": IF_TRACING,
    "`torch.jit.ignore`": IGNORED,
    "mixing: a scripted part in a trace": MIXED,
}


def spec(text: str, modes: tuple[str, ...] = MODES) -> StudySpec:
    return StudySpec(model=model("halve", text), modes=modes, questions=tuple(asked(values) for values in INPUTS))


def right(study: Study) -> int:
    """Which mode keeps the loop: 0 the trace, 1 the script, 2 torch.export, -1 another number of them."""
    kept = [i for i, mode in enumerate(MODES) if variants.kind(study, mode) == "identical"]
    return kept[0] if len(kept) == 1 else -1


def said(study: Study) -> str:
    return "; ".join(f"{mode}: {answers.summary(study, mode)}" for mode in MODES) + "."


def show(study: Study) -> None:
    asking.asked(study, [str(values) for values in INPUTS])
    section("The ways out", "Six ways to write it, exported in three modes each, just now")
    with st.spinner("Exporting eighteen times"):
        found = variants.studies({name: spec(text) for name, text in WAYS.items()})
    st.html(variants.table(found, MODES, head="written as"))
    chosen = st.selectbox(
        "Show the source of", list(WAYS), index=1, key="way", width=420, format_func=lambda name: name.replace("`", ""),
        help="The model that a row of the table ran",
    )  # fmt: skip
    way = chosen or "as it is"
    text = WAYS[way].partition(FILE_END)[0].removeprefix(IMPORT)
    st.html(code_view(text, title=way.replace("`", ""), first_line=IMPORT.count("\n") + 1))


LESSON = Lesson(
    name="ways-out",
    title="Not supported, and the ways out",
    question="What helps where a construct cannot be exported?",
    claim="There is a way out for almost every construct; each has a price.",
    text="A loop that runs until a tensor is small is [control flow] on values: nobody knows beforehand how many rounds it takes. This one is "
    "exported by [trace], [script] and [torch.export] from an [example input] that needs three.",
    spec=spec(FILE),
    predict=Choice(
        question="Which mode answers as eager does, for small and for large values?",
        options=("trace", "script", "export"),
    ),
    right=right,
    said=said,
    show=show,
    reason="A trace unrolled the loop, the script compiled it, torch.export refused it.",
    why="[torch.export] refuses what it cannot record: better an error today than a wrong answer later. `script_if_tracing` compiles one "
    "function while the rest is traced; a scripted module inside a traced one does the same. `ignore` leaves Python behind: it works until "
    "the model is saved, for the file cannot hold it.",
    mended=Mended(
        text="First try to rewrite with an operator: it then works in every mode. Where the loop has a bound, `torch.where` in a fixed number of rounds "
        "keeps it, at the price of always running them all. Otherwise [script] the part that needs it.",
        spec=spec(REWRITTEN),
        said=lambda study: f"Rewritten: {variants.together(study, MODES)}.",
    ),
    check=Choice(
        question="A helper needs a library that TorchScript does not know, and the model must run without Python. What helps?",
        options=(
            "torch.jit.ignore",
            "Computing its result outside, or rewriting it with operators",
            "Tracing with more examples",
        ),
    ),
    answer=1,
    because="`ignore` keeps the call into Python, and there will be none. A [trace] of any example freezes the helper's result.",
)
