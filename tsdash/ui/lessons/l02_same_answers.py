"""Output consistency: what |Δ| says, why below 1e-5, and when that number fails."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from tsdash import formats
from tsdash.plots import growing_delta
from tsdash.spec import GIVEN, PLAIN_TOLERANCE
from tsdash.study import Answer, Question, Study, StudySpec, asked
from tsdash.ui.html import facts_view
from tsdash.ui.lesson import Choice, Lesson, Mended, model
from tsdash.ui.page import figure, is_dark, section

FILE = """import torch


class Probabilities(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(64, 3)
        self.norm = torch.nn.BatchNorm1d(3)

    def forward(self, x, scale):
        scores = self.norm(self.linear(x))
        return scores.softmax(-1) * scale


def make_model():
    torch.manual_seed(1)
    model = Probabilities().eval()
    with torch.no_grad():
        model.norm.running_mean.normal_()
        model.norm.running_var.uniform_(0.01, 0.1)
        wanted = torch.tensor([0.8, 0.1, 0.1]).log()
        scores = model.norm(model.linear(example()))
        model.norm.bias += (wanted - scores)[0]
    return model


def example():
    return torch.linspace(-1, 1, 64)[None]


def make_inputs():
    return (example(), torch.tensor(1.0))
"""
MODE = "script+freeze"
EXPONENTS = (0, 1, 2, 3, 4, 5, 6)
INPUT = [[-1 + 2 * i / 63 for i in range(64)]]
DTYPES = ("float64", "float16", "bfloat16")


def spec() -> StudySpec:
    """The outputs as they are and 10, 100, … 10⁶ times as large; then eager in other dtypes."""
    scaled = tuple(_asked(10.0**exponent) for exponent in EXPONENTS)
    referee = tuple(_asked(10.0**exponent, dtype="float64") for exponent in EXPONENTS)
    low = tuple(_asked(1.0, dtype=dtype) for dtype in DTYPES[1:])
    return StudySpec(model=model("probabilities", FILE), modes=(MODE,), questions=(*scaled, *referee, *low))


def _asked(scale: float, dtype: str = GIVEN) -> Question:
    return asked(INPUT, scale, dtype=dtype)


def flat(answer: Answer) -> Sequence[float]:
    """All values of the first output."""
    return answer.outputs[0].values


def rounded(answer: Answer) -> str:
    """The values at one digit, as a first look prints them."""
    return f"[{', '.join(f'{value:.1f}' for value in flat(answer))}]"


def largest(actual: Answer, expected: Answer) -> float:
    """max |Δ| over all values, whatever their dtypes."""
    return max(abs(a - e) for a, e in zip(flat(actual), flat(expected), strict=True))


def l2(actual: Answer, expected: Answer) -> float:
    return math.sqrt(sum((a - e) ** 2 for a, e in zip(flat(actual), flat(expected), strict=True)))


def by_size(study: Study) -> list[tuple[float, float]]:
    """(largest output, max |Δ|) at each scale."""
    n = len(EXPONENTS)
    pairs = zip(study.eager[:n], study.modes[MODE].answers[:n], strict=True)
    return [(max(flat(eager)), largest(export, eager)) for eager, export in pairs]


def right(study: Study) -> int:
    """0: still below the bound at a million times the size; 1: beyond it."""
    return int(by_size(study)[-1][1] >= PLAIN_TOLERANCE)


def said(study: Study) -> str:
    small, large = by_size(study)[0], by_size(study)[-1]
    return (
        f"Both print {rounded(study.eager[0])} at scale 1, and max |Δ| is {formats.delta(small[1])}. At scale {formats.power(6)} it is "
        f"{formats.delta(large[1])}: relative to the output nothing has changed, {formats.delta(small[1] / small[0])} and {formats.delta(large[1] / large[0])}."
    )


def show(study: Study) -> None:
    """One pair of outputs in numbers; the difference as the outputs grow; the referee."""
    n = len(EXPONENTS)
    eager, export, referee = study.eager[0], study.modes[MODE].answers[0], study.eager[n]
    section(
        "How far apart?",
        f"{rounded(export)} against {rounded(eager)}: the same at one digit, not at ten",
    )
    st.html(digits_table({"eager": eager, f"export, {MODE}": export, "eager in float64": referee}))
    st.html(
        facts_view(
            [
                ("max |Δ|", formats.delta(largest(export, eager)), "largest absolute difference of export and eager"),
                ("‖Δ‖₂", formats.delta(l2(export, eager)), "L2 norm of the difference of export and eager"),
                ("eager off float64", formats.delta(largest(eager, referee)), "eager against the float64 referee"),
                ("export off float64", formats.delta(largest(export, referee)), "the export against the same"),
            ]
        )
    )
    points = by_size(study)
    beyond = next((size for size, delta in points if delta >= PLAIN_TOLERANCE), None)
    found = (
        f"Beyond {formats.power(-5)} from outputs of {formats.plain(beyond)} on"
        if beyond
        else "Within the bound at every size"
    )
    section("And for large outputs?", found)
    figure(growing_delta(points, PLAIN_TOLERANCE, is_dark()), key="growing")
    section("And in 16 bits?", low_precision(study))


def digits_table(sides: Mapping[str, Answer]) -> str:
    """One row a side, its values to ten digits under each other."""
    rows = "".join(
        f"<tr><th scope='row'>{escape(name)}</th>{''.join(f'<td>{value:.10f}</td>' for value in flat(side))}</tr>"
        for name, side in sides.items()
    )
    return (
        '<div class="ts-scroll" tabindex="0" role="region" aria-label="Ten digits"><table class="ts-answers">'
        f"<tbody>{rows}</tbody></table></div>"
    )


def low_precision(study: Study) -> str:
    """Eager in 16 bits against eager in 64: what the dtype itself costs."""
    n = len(EXPONENTS)
    parts = [
        f"{dtype} by {formats.delta(largest(study.eager[2 * n + i], study.eager[n]))}"
        for i, dtype in enumerate(DTYPES[1:])
    ]
    return f"Eager itself is off its float64 referee by more than {formats.power(-5)}: {formats.joined(parts)}"


def mended_said(study: Study) -> str:
    n = len(EXPONENTS)
    ratios = []
    for i in range(n):
        eager, export, referee = study.eager[i], study.modes[MODE].answers[i], study.eager[n + i]
        ratios.append(largest(export, referee) / max(largest(eager, referee), 1e-300))
    return (
        f"Held against float64, the export's error is {formats.digits(min(ratios), 2)} to {formats.digits(max(ratios), 2)} times eager's own "
        f"at every size: a rule that needs no fixed number."
    )


LESSON = Lesson(
    name="same-answers",
    title="The same answers?",
    question="Two outputs print the same. Are they the same?",
    claim="A difference means something only beside the size of the output and the precision of its numbers.",
    text="This model gives the probabilities [0.8, 0.1, 0.1], times a scale. [freeze] folds its [batch norm] into the linear layer: the same "
    "mathematics in another order of rounding. The rule that everybody meets first is [largest difference|max |Δ|] below 10⁻⁵.",
    spec=spec(),
    predict=Choice(
        question="At scale 1 the outputs differ by less than 10⁻⁵. And a million times as large?",
        options=("Still below 10⁻⁵: it is the same model", "Beyond 10⁻⁵"),
    ),
    right=right,
    said=said,
    show=show,
    reason="A float32 holds about seven digits, whatever the size of the number: rounding grows with the value.",
    why="It has 24 bits. 10⁻⁵ suits outputs near 1 "
    "in float32: some hundred roundings of 6 · 10⁻⁸ each. It is far too strict for outputs of a thousand, too lax for outputs of 10⁻⁶, and "
    "meaningless in float16, which has three digits. The [L2 norm] sums all differences, the maximum names the worst.",
    mended=Mended(
        text="Let a [float64 referee] decide: run eager once more in float64 and ask how far off each side is. An export that is no further "
        "from it than eager is as good as eager. That is how tsdash judges.",
        spec=spec(),
        said=mended_said,
    ),
    check=Choice(
        question="An export of a model with outputs around 10 000 in float32 differs by 0.001. What is that?",
        options=(
            "A bug: it is a hundred times 10⁻⁵",
            "Rounding: one part in ten million",
            "Impossible to say without the labels",
        ),
    ),
    answer=1,
    because="0.001 of 10 000 is 10⁻⁷, about one [ULP] of a float32. Relative to its size the output is right to the last digit.",
    tied=False,
)
