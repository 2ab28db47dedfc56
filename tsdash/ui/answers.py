"""Two answers to one question held against each other, and how an answer is written. Pure; the judge's rules are `judge`'s."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from tsdash import formats
from tsdash.judge import TESTING_TOLERANCES
from tsdash.spec import ExportWarning
from tsdash.study import Answer, Study
from tsdash.tokens import MODES, OUTCOMES
from tsdash.ui.style import pair

SHOWN_VALUES = 8
SHOWN_TEXT = 90
MOST_WARNING = 240


def delta(actual: Answer, expected: Answer) -> float | None:
    """The largest |Δ| of two answers; None where they cannot be compared: an error on one side, other shapes or dtypes."""
    if actual.ended != expected.ended or len(actual.outputs) != len(expected.outputs):
        return None
    largest = 0.0
    for got, wanted in zip(actual.outputs, expected.outputs, strict=True):
        if (got.shape, got.dtype) != (wanted.shape, wanted.dtype):
            return None
        for a, e in zip(got.values, wanted.values, strict=True):
            if a != e and not (math.isnan(a) and math.isnan(e)):
                largest = max(largest, abs(a - e) if math.isfinite(a - e) else math.inf)
    return largest


def agree(actual: Answer, expected: Answer) -> bool:
    """Whether both gave the same values to the last bit, or both raised."""
    return delta(actual, expected) == 0 and (actual.ended == "raised" or actual.structure == expected.structure)


def near(actual: Answer, expected: Answer) -> bool:
    """Whether both gave the same values but for rounding: no further apart than torch.testing.assert_close allows, for a study
    has no referee."""
    if delta(actual, expected) is None or actual.structure != expected.structure:
        return False
    return all(
        math.isfinite(a - e) and abs(a - e) <= atol + rtol * abs(e)
        for got, wanted in zip(actual.outputs, expected.outputs, strict=True)
        for rtol, atol in [TESTING_TOLERANCES.get(wanted.dtype, (0.0, 0.0))]
        for a, e in zip(got.values, wanted.values, strict=True)
        if a != e and not (math.isnan(a) and math.isnan(e))
    )


def deltas(study: Study, mode: str) -> list[float | None]:
    """|Δ| of every question in a mode."""
    return [delta(a, e) for a, e in zip(study.modes[mode].answers, study.eager, strict=False)]


def wrong(study: Study, mode: str) -> int:
    """How many questions a mode answers otherwise than eager, rounding aside; all of them where it has no answers."""
    answers = study.modes[mode].answers
    if not answers:
        return len(study.eager)
    return sum(not near(a, e) for a, e in zip(answers, study.eager, strict=True))


def written(answer: Answer, digits: int = 3) -> str:
    """An answer in a table: its values where they are few, its shape where not, its error."""
    if answer.error is not None:
        return f"raises {answer.error.type}{_said(answer.error.message)}"
    if not answer.outputs:
        return answer.structure
    output = answer.outputs[0]
    if len(output.values) > SHOWN_VALUES or output.cut:
        return answer.structure
    dtype = "" if output.dtype in ("float32", "int", "float", "bool", "int64") else f" {output.dtype}"
    return _listed(output.nested(), digits) + dtype


def _said(message: str) -> str:
    """What an error says in a line: TorchScript puts it after two tracebacks, behind the name of its type."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    named = [line.partition("Error: ")[2] for line in lines if "Error: " in line]
    said = (named or lines[:1] or [""])[0]
    while said.startswith(kind := f"{said.partition(':')[0]}: ") and kind[:-2].endswith("Error"):
        said = said.removeprefix(kind)
    return f": {_cut(said)}" if said else ""


def _listed(value: Any, digits: int) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_listed(item, digits) for item in value) + "]"
    if value == round(value, 0) and abs(value) < 1e6:
        return formats.digits(value, max(1, len(str(abs(int(value))))))
    return formats.digits(value, digits)


def summary(study: Study, mode: str) -> str:
    """What came of a mode in a few words."""
    kept = study.modes[mode]
    if kept.export.error is not None:
        return f"cannot be exported ({_reason(kept.export.error.message)})"
    if kept.lost or not kept.answers:
        return f"no answers: {kept.lost}"
    n, bad = len(study.eager), wrong(study, mode)
    largest = max((distance for distance in deltas(study, mode) if distance is not None), default=0.0)
    if largest and not bad:
        return f"eager's answer{'s' * (n > 1)} but for rounding, largest |Δ| {formats.delta(largest)}"
    if n == 1:
        return _in_place_of(kept.answers[0], study.eager[0]) if bad else "the same answer as eager"
    if not bad:
        return f"all {n} answers are eager's"
    worst = f", largest |Δ| {formats.delta(largest)}" if largest else ""
    return f"{bad} of {formats.counted(n, 'answer')} {'is' if bad == 1 else 'are'} not eager's{worst}"


def _in_place_of(actual: Answer, expected: Answer) -> str:
    """A wrong answer beside eager's, with their dtypes where those differ."""
    told = [written(actual), written(expected)]
    kinds = [side.outputs[0].dtype if side.outputs else "" for side in (actual, expected)]
    if kinds[0] != kinds[1]:
        told = [text if text.endswith(kind) else f"{text} {kind}" for text, kind in zip(told, kinds, strict=True)]
    return f"{told[0]} in place of {told[1]}"


def _reason(message: str) -> str:
    """The line of an error that says most: the first that is not empty, as far as its first sentence goes."""
    line = next((line.strip() for line in message.splitlines() if line.strip()), "no message")
    return _cut(line.partition(". ")[0].partition(" (unhinted")[0].rstrip(".:"))


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_TEXT else f"{text[:SHOWN_TEXT].rpartition(' ')[0]} …"


def told(warning: ExportWarning) -> str:
    """What a warning of torch says, without the announcement of what follows in further lines."""
    said = next((line.strip() for line in warning.message.splitlines() if line.strip()), "")
    said = said.removesuffix("Detailed error:").strip()
    if len(said) <= MOST_WARNING:
        return said
    whole = said[:MOST_WARNING].rpartition(". ")[0]
    return f"{whole}." if whole else _cut(said)


def table(
    study: Study,
    rows: Sequence[str],
    *,
    head: str = "asked",
    modes: Sequence[str] | None = None,
    label: str = "Answers",
) -> str:
    """One row a question: eager's answer and every mode's, those that differ marked. `rows` name the questions."""
    modes = list(modes or study.modes)
    names = "".join(f"<th>{_swatch(name)}{escape(name)}</th>" for name in ("eager", *modes))
    body = []
    for i, (name, expected) in enumerate(zip(rows, study.eager, strict=True)):
        cells = [f"<td>{escape(written(expected))}</td>"]
        for mode in modes:
            answers = study.modes[mode].answers
            cells.append(_cell(answers[i], expected) if answers else f"<td>{_no_answer(study, mode)}</td>")
        body.append(f"<tr><th scope='row'>{escape(name)}</th>{''.join(cells)}</tr>")
    return (
        f'<div class="ts-scroll" tabindex="0" role="region" aria-label="{escape(label)}"><table class="ts-answers">'
        f"<thead><tr><th>{escape(head)}</th>{names}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _cell(answer: Answer, expected: Answer) -> str:
    outcome = OUTCOMES[_kind(answer, expected)]
    sign = f'<span class="ts-cell" style="background:{pair(outcome.fill)};color:{pair(outcome.on_fill)}" title="{outcome.label}">{outcome.glyph}</span>'
    dtypes = [[output.dtype for output in side.outputs] for side in (answer, expected)]
    other = f" {dtypes[0][0]}" if dtypes[0] and dtypes[0] != dtypes[1] and dtypes[0][0] == "float32" else ""
    return f"<td>{sign}{escape(written(answer) + other)}</td>"


def _kind(answer: Answer, expected: Answer) -> str:
    if near(answer, expected):
        return "identical" if agree(answer, expected) else "within_noise"
    return "runtime_error" if answer.ended == "raised" and expected.ended == "returned" else "mismatch"


def _no_answer(study: Study, mode: str) -> str:
    outcome = OUTCOMES["export_error"]
    sign = f'<span class="ts-cell" style="background:{pair(outcome.fill)};color:{pair(outcome.on_fill)}" title="{outcome.label}">{outcome.glyph}</span>'
    return sign + escape("no export" if study.modes[mode].export.error else "no answer")


def _swatch(mode: str) -> str:
    look = MODES.get(mode, MODES["other"])
    return f'<span class="ts-swatch" style="background:{pair(look.colour)}"></span>'
