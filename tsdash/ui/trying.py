"""What the playground asks of a model and what its answers say about lines of the source. Pure: no page is drawn here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from tsdash import formats, models, plan
from tsdash.errors import ModelError, OptionError
from tsdash.spec import EAGER, Case, Cause, ErrorFacts, Limits, ModelSource, RunSpec, Sweep
from tsdash.study import Answer, ModeStudy, Question, Study, StudySpec
from tsdash.tokens import OUTCOMES, mode_look
from tsdash.ui.answers import agree, delta
from tsdash.ui.html import Mark
from tsdash.ui.marks import first_line
from tsdash.ui.sharing import MOST_CHARACTERS
from tsdash.ui.style import pair

LIMITS = Limits(load_s=30.0, export_s=60.0, case_s=10.0, memory_mib=4096)  # someone waits for the answer
FILENAME = "playground.py"
MOST_QUESTIONS = 16
PREVIEWED = 3  # values of an answer


def source_of(text: str, gallery: str, *, allow_code: bool) -> ModelSource:
    """The model that the editor holds: the gallery's own, or the user's. Raises OptionError where it may not be run."""
    known = models.gallery_source(gallery)
    if text == known.text:
        return known
    if not allow_code:
        raise OptionError(
            "Code of your own is switched off on this server: it can be read here, not run. Choose a model of the gallery, or run tsdash yourself."
        )
    if len(text) > MOST_CHARACTERS:
        raise OptionError(
            f"This source has {len(text):,} characters, and {MOST_CHARACTERS:,} are the most here. Check it as a file on the Explore page."
        )
    return ModelSource(name=FILENAME, kind="file", filename=FILENAME, text=text)


def cases(source: ModelSource) -> tuple[Case, ...]:
    """The base case, other sizes and other values. Raises ModelError with the line of a syntax error."""
    dims = models.default_dims(source)
    quick = plan.own_plan(dims, "quick")
    varied = plan.cases(Sweep(dims=quick.dims, values=quick.values, seeds=quick.seeds, calls=(2,)), dims)
    return varied[:MOST_QUESTIONS]


def study_of(source: ModelSource, modes: Sequence[str]) -> StudySpec:
    """Eager and every mode on each of the cases, exported from the base case. Raises ModelError."""
    asked = tuple(Question(case=case) for case in cases(source))
    return StudySpec(model=source, modes=tuple(modes), questions=asked, example=asked[0], limits=LIMITS)


def run_of(source: ModelSource, modes: Sequence[str], effort: str) -> tuple[RunSpec, Sweep]:
    """The run that looks for causes. Raises ModelError."""
    dims = models.default_dims(source)
    sweep = plan.own_plan(dims, effort)
    return RunSpec(model=source, modes=tuple(modes), cases=plan.cases(sweep, dims), limits=LIMITS), sweep


def marks(
    source: ModelSource, study: Study | None, causes: Sequence[Cause] = (), failure: ModelError | None = None
) -> dict[int, Mark]:
    """What each line of the source is marked with: errors and causes first, then warnings, each note once."""
    blamed: dict[int, dict[str, None]] = {}
    warned: dict[int, dict[str, None]] = {}
    if failure and failure.line and failure.file == source.filename:
        blamed.setdefault(failure.line, {})[str(failure)] = None
    for cause in causes:
        if cause.line and cause.file == source.filename:
            blamed.setdefault(cause.line, {})[f"{cause.cause}: {cause.message}"] = None
    for who, error in _errors(study) if study else ():
        if error.line and error.file == source.filename:
            blamed.setdefault(error.line, {})[f"{who}: {error.type}: {first_line(error.message)}"] = None
    for mode, kept in study.modes.items() if study else ():
        for warning in kept.export.warnings:
            if warning.line and warning.file == source.filename:
                note = f"{mode}: {warning.category}: {first_line(warning.message)}"
                warned.setdefault(warning.line, {})[note] = None
    return {
        line: Mark(kind="guilty" if line in blamed else "warned", notes=(*blamed.get(line, ()), *warned.get(line, ())))
        for line in sorted({*blamed, *warned})
    }


def table(study: Study, asked: Sequence[str]) -> str:
    """One row for each of the inputs: what eager answers, and how far off each mode is."""
    heads = "".join(f"<th>{_swatch(name)}{escape(name)}</th>" for name in (EAGER, *study.modes))
    rows = []
    for i, (name, expected) in enumerate(zip(asked, study.eager, strict=True)):
        cells = "".join(_cell(kept, i, expected) for kept in study.modes.values())
        rows.append(f'<tr><th scope="row">{escape(name)}</th><td>{escape(preview(expected))}</td>{cells}</tr>')
    return (
        '<div class="ts-scroll" tabindex="0" role="region" aria-label="Answers"><table class="ts-answers ts-tight">'
        f"<thead><tr><th>inputs</th>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def preview(answer: Answer) -> str:
    """The shape and the first values of an answer, or its error."""
    if answer.error:
        return f"raises {answer.error.type}"
    if not answer.outputs:
        return answer.structure
    first = answer.outputs[0]
    shape = "×".join(map(str, first.shape)) or "one number"
    if not first.values:
        return shape
    values = ", ".join(formats.digits(value, 3) for value in first.values[:PREVIEWED])
    more = ", …" if len(first.values) > PREVIEWED or first.cut else ""
    others = f" and {formats.counted(len(answer.outputs) - 1, 'output')} more" if len(answer.outputs) > 1 else ""
    return f"{shape}: {values}{more}{others}"


def _cell(kept: ModeStudy, i: int, expected: Answer) -> str:
    """A sign and what differs: an error, or the largest |Δ|."""
    if kept.export.error or not kept.answers:
        outcome = OUTCOMES["export_error" if kept.export.error else "timeout"]
        words = "no export" if kept.export.error else "no answer"
    elif agree(kept.answers[i], expected):
        outcome, words = OUTCOMES["identical"], "same"
    elif kept.answers[i].error and not expected.error:
        outcome, words = OUTCOMES["runtime_error"], preview(kept.answers[i])
    else:
        outcome, distance = OUTCOMES["mismatch"], delta(kept.answers[i], expected)
        words = preview(kept.answers[i]) if distance is None else f"|Δ| {formats.delta(distance)}"
    sign = f'<span class="ts-cell" style="background:{pair(outcome.fill)};color:{pair(outcome.on_fill)}" title="{outcome.label}">{outcome.glyph}</span>'
    return f"<td>{sign}{escape(words)}</td>"


def _swatch(mode: str) -> str:
    return f'<span class="ts-swatch" style="background:{pair(mode_look(mode).colour)}"></span>'


def _errors(study: Study) -> Iterator[tuple[str, ErrorFacts]]:
    """Every error of a study with the side that raised it."""
    for answer in study.eager:
        if answer.error:
            yield "eager", answer.error
    for mode, kept in study.modes.items():
        if kept.export.error:
            yield f"{mode}, while exporting", kept.export.error
        for answer in kept.answers:
            if answer.error:
                yield mode, answer.error
