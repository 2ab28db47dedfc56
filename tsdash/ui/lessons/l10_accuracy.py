"""Is 98 % good enough? An export that keeps the accuracy and gives other answers."""

from __future__ import annotations

from html import escape

import streamlit as st

from tsdash import formats
from tsdash.plots import agreement
from tsdash.study import Answer, Study, StudySpec
from tsdash.ui.lesson import Choice, Lesson, Mended, model
from tsdash.ui.page import figure, grid, is_dark, section

FILE = '''"""Two small networks on scikit-learn's digits: the second is asked where the first is unsure."""

import torch
from sklearn.datasets import load_digits

SEED = 4


class Cascade(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = network()
        self.second = network()

    def forward(self, x):
        scores = self.first(x).softmax(-1)
        if scores.max() < 0.9:
            scores = self.second(x).softmax(-1)
        return scores


def make_model():
    torch.manual_seed(SEED)
    model = Cascade()
    images, labels = digits()
    images, labels = images[::2], labels[::2]
    learn = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(80):
        learn.zero_grad()
        loss = sum(torch.nn.functional.cross_entropy(part(images), labels) for part in (model.first, model.second))
        loss.backward()
        learn.step()
    return model.eval()


def network():
    return torch.nn.Sequential(torch.nn.Linear(64, 48), torch.nn.ReLU(), torch.nn.Linear(48, 10))


def digits():
    found = load_digits()
    return torch.tensor(found.data, dtype=torch.float32) / 16, torch.tensor(found.target)


def make_labelled():
    images, labels = digits()
    return images[1::2], labels[1::2]


def make_inputs():
    return (digits()[0][1:2],)
'''
MENDED = FILE.replace(
    """        scores = self.first(x).softmax(-1)
        if scores.max() < 0.9:
            scores = self.second(x).softmax(-1)
        return scores
""",
    """        scores = self.first(x).softmax(-1)
        second = self.second(x).softmax(-1)
        unsure = scores.max(-1, keepdim=True).values < 0.9
        return torch.where(unsure, second, scores)
""",
)
CLASSES = 10
SHOWN = 12  # flips whose images are drawn
BOUND = 0.1  # a difference of a probability that anybody would notice


def spec(text: str) -> StudySpec:
    return StudySpec(model=model("digits", text), modes=("trace",), labelled=True, needs=("sklearn.datasets",))


def predicted(answers: tuple[Answer, ...]) -> list[int]:
    """The class of each answer: the place of its largest score."""
    rows = [answer.value[0] for answer in answers]
    return [row.index(max(row)) for row in rows]


def accuracy(answers: tuple[Answer, ...], labels: tuple[int, ...]) -> float:
    """The share of answers whose class is the label."""
    return sum(a == b for a, b in zip(predicted(answers), labels, strict=True)) / len(labels)


def matrix(study: Study) -> list[list[int]]:
    """Counts of (eager's class, the trace's class)."""
    counts = [[0] * CLASSES for _ in range(CLASSES)]
    for eager, trace in zip(predicted(study.eager), predicted(study.modes["trace"].answers), strict=True):
        counts[eager][trace] += 1
    return counts


def flips(study: Study) -> list[int]:
    """The images that the two put into different classes."""
    pairs = zip(predicted(study.eager), predicted(study.modes["trace"].answers), strict=True)
    return [i for i, (eager, trace) in enumerate(pairs) if eager != trace]


def differences(study: Study) -> list[float]:
    """The largest difference of a probability, for each image."""
    pairs = zip(study.eager, study.modes["trace"].answers, strict=True)
    return [max(abs(a - e) for a, e in zip(t.value[0], g.value[0], strict=True)) for g, t in pairs]


def right(study: Study) -> int:
    """1, do not ship: some image's output differs by more than BOUND."""
    return int(max(differences(study)) > BOUND)


def said(study: Study) -> str:
    off = differences(study)
    far = sum(d > BOUND for d in off)
    shares = [f"{100 * accuracy(side, study.labels):.1f} %" for side in (study.eager, study.modes["trace"].answers)]
    return (
        f"Eager is right for {shares[0]} of the {len(off)} test images, the trace for {shares[1]}. And yet {len(flips(study))} images get "
        f"another class, {far} have a probability that is off by more than {BOUND}, the worst by {formats.delta(max(off))}."
    )


def show(study: Study) -> None:
    """Accuracies, the agreement matrix, the images that flip, the largest differences."""
    cells = grid(2, min_column_width=420)
    turned = flips(study)
    with cells.cell():
        section("Who agrees with whom?", f"{formats.counted(len(turned), 'image')} off the diagonal: another class")
        figure(agreement(matrix(study), is_dark()), key=f"agreement {len(turned)}")
    with cells.cell():
        section("Which images flip?", _ways(study, turned))
        st.html(images(study, turned[:SHOWN]))


def _ways(study: Study, turned: list[int]) -> str:
    """Into which direction the flips go, in words."""
    eager, trace = predicted(study.eager), predicted(study.modes["trace"].answers)
    worse = sum(eager[i] == study.labels[i] for i in turned)
    better = sum(trace[i] == study.labels[i] for i in turned)
    if not turned:
        return "No image flips"
    return f"{formats.counted(worse, 'image')} got wrong, {better} got right, {len(turned) - worse - better} wrong both ways"


def images(study: Study, wanted: list[int]) -> str:
    """Digits with their label and both predictions."""
    eager, trace = predicted(study.eager), predicted(study.modes["trace"].answers)
    off = differences(study)
    drawn = "".join(
        f"<figure>{_picture(study.examples[i].values)}<figcaption>is {study.labels[i]}<br>eager {eager[i]}<br>trace {trace[i]}"
        f"<br><span class='ts-sub'>|Δ| {escape(formats.delta(off[i]))}</span></figcaption></figure>"
        for i in wanted
    )
    return f'<div class="ts-digits">{drawn or "None."}</div>'


def _picture(values: tuple[float, ...]) -> str:
    """An image of 8 × 8 pixels in the ink of the page."""
    return f'<div class="ts-pixels" role="img" aria-label="digit">{"".join(f"<i style=opacity:{value:.2f}></i>" for value in values)}</div>'


LESSON = Lesson(
    name="accuracy",
    title="Is 98 % good enough?",
    claim="The same accuracy is not the same answers.",
    text="A small classifier is trained here and now on half of scikit-learn's digits, with seed 4: where its first network is unsure, a "
    "second one decides. It is exported by [trace] from one image. On the other half, its images asked one by one, the [accuracy] of the "
    "export is within half a percent of eager's.",
    spec=spec(FILE),
    predict=Choice(
        question="The accuracies differ by less than half a percent. Do you ship the trace?",
        options=("Ship: the accuracy is kept", "Do not ship: equal accuracy says too little"),
    ),
    right=right,
    said=said,
    show=show,
    why="[accuracy] counts how often each side is right, not how often they say the same: images that get worse and images that get better "
    "cancel. The example image was a clear one, so the [trace] has only the first network; the second look is gone. Every image that "
    "needed it gets another output, and those are the hard ones. The [agreement matrix] shows each [flip].",
    mended=Mended(
        text="Compute both networks and let `torch.where` choose for each image. The decision is now an operator in the [graph].",
        spec=spec(MENDED),
        said=lambda study: (
            f"Mended: {formats.counted(len(flips(study)), 'flip')}, largest difference {formats.delta(max(differences(study)))} on {len(study.labels)} images."
        ),
        show=show,
    ),
    check=Choice(
        question="What is the least you should look at, besides accuracy, before shipping an export of a classifier?",
        options=(
            "The accuracy on a larger test set",
            "Eager's outputs against the export's, image by image",
            "The number of parameters",
        ),
    ),
    answer=1,
    because="The question is whether the export is the same model, and only its outputs beside eager's answer that. A larger test set has the same blind spot.",
    tied=False,
)
