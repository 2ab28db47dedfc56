"""Several models asked the same questions: one row a model, one column a mode, each cell from running it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape

from streamlit.runtime.scriptrunner import add_script_run_ctx, get_script_run_ctx

from tsdash import formats
from tsdash.study import Study, StudySpec
from tsdash.tokens import OUTCOMES
from tsdash.ui import answers, service
from tsdash.ui.html import inline
from tsdash.ui.style import pair

AT_ONCE = 4


def studies(specs: Mapping[str, StudySpec]) -> dict[str, Study]:
    """All of them, a few at a time."""
    context = get_script_run_ctx()

    def one(spec: StudySpec) -> Study:
        return service.studied(spec)

    with ThreadPoolExecutor(AT_ONCE, initializer=lambda: add_script_run_ctx(ctx=context)) as pool:
        return dict(zip(specs, pool.map(one, specs.values()), strict=True))


def kind(study: Study, mode: str) -> str:
    """The outcome of a mode over all questions: identical, mismatch, runtime_error or export_error."""
    kept = study.modes[mode]
    if kept.export.error is not None or not kept.answers:
        return "export_error"
    if not answers.wrong(study, mode):
        return "identical"
    raised = any(a.ended == "raised" and e.ended == "returned" for a, e in zip(kept.answers, study.eager, strict=True))
    return "runtime_error" if raised else "mismatch"


def together(study: Study, modes: Sequence[str]) -> str:
    """What came of several modes in a few words: one for all where all are right."""
    if all(kind(study, mode) == "identical" for mode in modes):
        return f"{formats.joined(list(modes))} give all of eager's answers"
    return "; ".join(f"{mode}: {answers.summary(study, mode)}" for mode in modes)


def table(found: Mapping[str, Study], modes: Sequence[str], *, head: str) -> str:
    """One row a model, one cell a mode: the sign of its outcome and what came of it."""
    names = "".join(f"<th>{escape(mode)}</th>" for mode in modes)
    rows = []
    for name, study in found.items():
        cells = "".join(
            f"<td>{_sign(kind(study, mode))}{escape(answers.summary(study, mode))}</td>"
            for mode in modes
            if mode in study.modes
        )
        rows.append(f"<tr><th scope='row'>{inline(name)}</th>{cells}</tr>")
    return (
        f'<div class="ts-scroll" tabindex="0" role="region" aria-label="{escape(head)}"><table class="ts-answers ts-even"><thead><tr>'
        f"<th>{escape(head)}</th>{names}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _sign(outcome: str) -> str:
    look = OUTCOMES[outcome]
    return f'<span class="ts-cell" style="background:{pair(look.fill)};color:{pair(look.on_fill)}" title="{look.label}">{look.glyph}</span>'
