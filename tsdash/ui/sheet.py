"""Lessons on paper: one HTML page with print CSS, the numbers as the study found them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from tsdash.study import Study
from tsdash.ui.glossary import TERMS, plain, used
from tsdash.ui.html import inline
from tsdash.ui.lesson import Choice, Lesson, to_read
from tsdash.ui.lessons import LESSONS

STYLE = """
:root { color-scheme: light; font: 11pt/1.45 "Source Sans", "Source Sans 3", sans-serif; color: #10161e; background: #fff }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
article { break-after: page }
article:last-of-type { break-after: auto }
h1 { font-size: 1.5rem; margin: 0 0 0.5rem }
h2 { font-size: 1rem; margin: 1.1rem 0 0.3rem }
pre { font: 9pt/1.45 "Source Code Pro", monospace; border: 1px solid #767b85; border-radius: 4px; padding: 0.5rem; white-space: pre-wrap; break-inside: avoid }
p, ul { margin: 0.3rem 0 }
ul.boxes { list-style: none; padding: 0 }
ul.boxes li::before { content: "☐ " }
.lines { height: 3.5rem; border-bottom: 1px solid #767b85 }
small { color: #4b5462 }
@media print { body { margin: 0; max-width: none; padding: 0 } @page { margin: 16mm } }
"""


def page(lessons: Sequence[Lesson], studies: Mapping[str, tuple[Study, Study]]) -> str:
    """The lessons as one HTML document, each on a page of its own, and the answers at the end."""
    bodies = "".join(_lesson(lesson, *studies[lesson.name]) for lesson in lessons)
    answers = "".join(
        f"<li>{escape(lesson.title)}: {inline(lesson.check.options[lesson.answer])}</li>" for lesson in lessons
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>tsdash lessons</title><style>{STYLE}</style></head>'
        f"<body>{bodies}<article><h2>Answers to the last question of each sheet</h2><ol>{answers}</ol></article></body></html>"
    )


def _lesson(lesson: Lesson, study: Study, mended: Study) -> str:
    text, first = to_read(lesson.spec.model)
    numbered = "\n".join(f"{number:>3}  {line}" for number, line in enumerate(text.splitlines(), first))
    terms = used(lesson.text, lesson.why, lesson.mended.text)
    words = "".join(f"<li><b>{escape(term)}</b>: {inline(TERMS[term])}</li>" for term in terms)
    right = lesson.right(study)
    truth = lesson.predict.options[right] if right >= 0 else "None of these"
    return (
        f"<article><small>{list(LESSONS).index(lesson.name) + 1} · {escape(lesson.title)}</small><h1>{inline(lesson.question)}</h1>"
        f"<p>{inline(plain(lesson.text))}</p><pre>{escape(numbered)}</pre>"
        f"<h2>Predict: {inline(lesson.predict.question)}</h2>{_boxes(lesson.predict)}"
        f"<h2>{inline(lesson.claim)}</h2><p><b>{inline(truth)}.</b> {inline(lesson.said(study))}</p>"
        f"<h2>Why</h2><p><b>{inline(lesson.reason)}</b> {inline(plain(lesson.why))}</p>"
        f"<h2>The fix</h2><p>{inline(plain(lesson.mended.text))} <b>{inline(lesson.mended.said(mended))}</b></p>"
        f"<h2>Check: {inline(lesson.check.question)}</h2>{_boxes(lesson.check)}"
        f"<h2>In your own words</h2><div class='lines'></div>{f'<h2>Words</h2><ul>{words}</ul>' if words else ''}</article>"
    )


def _boxes(choice: Choice) -> str:
    return f'<ul class="boxes">{"".join(f"<li>{inline(option)}</li>" for option in choice.options)}</ul>'
