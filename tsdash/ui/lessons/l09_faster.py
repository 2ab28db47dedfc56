"""Faster? First call, warm-up, distributions, and a model that is faster than itself."""

from __future__ import annotations

from statistics import fmean

import streamlit as st

from tsdash import formats, stats
from tsdash.plots import call_by_call, latency_ecdf, paired_ratio
from tsdash.spec import CONTROL, EAGER
from tsdash.study import ModeStudy, Question, Study, StudySpec
from tsdash.ui.html import facts_view
from tsdash.ui.lesson import Choice, Lesson, Mended, model
from tsdash.ui.page import figure, grid, is_dark, section

FILE = """import torch


class Layers(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(32, 32) for _ in range(6))

    def forward(self, x):
        for layer in self.layers:
            x = torch.tanh(layer(x)) + x
        return x


def make_model():
    return Layers().eval()


def make_inputs(batch=4):
    return (torch.randn(batch, 32),)
"""
LATENCY_S = 1.5
NEAR = 0.02  # a ratio nearer to 1 would be called equal


def naive_ratio(kept: ModeStudy) -> float:
    """Mean of the first eager block ÷ mean of the second, which is the same model."""
    means = {block.name: fmean(block.samples_s) for block in kept.naive}
    return means[EAGER] / means[CONTROL]


def right(study: Study) -> int:
    """0: within 2 %; 1: the second is faster; 2: the second is slower."""
    ratio = naive_ratio(study.modes["trace"])
    return 0 if abs(ratio - 1) < NEAR else 1 if ratio > 1 else 2


def said(study: Study) -> str:
    kept = study.modes["trace"]
    first = next(block for block in kept.naive if block.name == EAGER).samples_s
    return (
        f"One after the other, {len(first)} calls each, the same model looks {formats.ratio(naive_ratio(kept))} as fast the second time. Its first call "
        f"took {formats.duration(first[0])}, half of its calls less than {formats.duration(stats.median(first))}."
    )


def show(study: Study) -> None:
    """The naive blocks call by call; then pairs in random order."""
    kept = study.modes["trace"]
    section("How not to", "Call by call: whoever comes first pays for the warm-up")
    figure(call_by_call({block.name: block.samples_s for block in kept.naive}, is_dark()), key="naive")
    if kept.latency is None:
        return
    found = stats.speedups(kept.latency)["trace"]
    section("How to", ours(study))
    cells = grid(2, min_column_width=420)
    with cells.cell():
        fig = paired_ratio(
            kept.latency,
            "trace",
            is_dark(),
            speed_up=(found.ratio, found.low, found.high),
            control=(found.control_low, found.control_high),
        )
        figure(fig, key="paired")
    with cells.cell():
        tails = stats.tail(kept.latency, EAGER, "trace")
        figure(latency_ecdf(kept.latency, "trace", is_dark(), tail=tails), key="shares")
    arms = {arm.name: arm for arm in kept.latency.arms}
    rows = []
    for name, arm in arms.items():
        p90 = stats.percentile(arm.samples_s, 0.9)
        tail = f", p90 {formats.duration(p90)}" if p90 is not None else ""
        rows.append(
            (name, f"{formats.duration(stats.median(arm.samples_s))}{tail}", f"median of {len(arm.samples_s)} samples")
        )
    st.html(facts_view(rows))


def ours(study: Study) -> str:
    """The paired measurement in a sentence, with its own A/A test."""
    latency = study.modes["trace"].latency
    if latency is None:
        return "Nothing was measured."
    found = stats.speedups(latency)["trace"]
    return (
        f"In pairs, eager against itself lies between {formats.ratio(found.control_low)} and {formats.ratio(found.control_high)}; "
        f"the trace is {formats.ratio(found.ratio, found.low, found.high)} as fast as eager{'' if found.claimed else ', which is not beyond that'}."
    )


def both(study: Study) -> str:
    """What the two ways of measuring say of two copies of one model."""
    kept = study.modes["trace"]
    if kept.latency is None:
        return "Nothing was measured."
    found = stats.speedups(kept.latency)["trace"]
    return (
        f"Two copies of one model: {formats.ratio(naive_ratio(kept))} one after the other, "
        f"{formats.ratio(found.control_low)} to {formats.ratio(found.control_high)} in pairs."
    )


SPEC = StudySpec(model=model("layers", FILE), modes=("trace",), questions=(Question(),), latency_s=LATENCY_S)
LESSON = Lesson(
    name="faster",
    title="Faster?",
    question="Can a model be faster than itself?",
    claim="Measured one after the other, a model can be faster than itself.",
    text="A first benchmark: ten calls of one model, then ten of the other, compare the means. Here it is run as an [A/A test]: both are "
    "[eager], two copies of the same model.",
    spec=SPEC,
    predict=Choice(
        question="Two copies of one model, timed one after the other. How does the second compare?",
        options=("Equal, within 2 %", "Faster by more than 2 %", "Slower by more than 2 %"),
    ),
    right=right,
    said=said,
    show=show,
    reason="The first calls are slow, and whoever goes first pays for them.",
    why="They allocate memory, fill caches and start libraries: [warm-up]. A mean takes them in, and whoever comes second is spared. "
    "The machine also changes while you measure. TorchScript adds slow calls of its own, two or three for each new shape.",
    mended=Mended(
        text="Leave out the [warm-up], and say so. Take turns in random order and compare pairs, so that both see the same machine. Show the "
        "distribution, not one number. And measure [eager] against itself: a speed-up within that band is none.",
        spec=SPEC,
        said=both,
    ),
    check=Choice(
        question="The export is 3 % faster; eager against itself shows up to 4 %. What do you report?",
        options=("3 % faster", "No difference that this measurement could show", "4 % slower"),
    ),
    answer=1,
    because="What two copies of the same model show is the method's own error, and 3 % lies within.",
    tied=False,
)
