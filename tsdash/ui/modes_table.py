"""The table of what each mode takes with it: whether it exports, why not, what it needs, what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tsdash import formats
from tsdash.glossary import FIGURES
from tsdash.tokens import OUTCOMES, VERDICTS, mode_look
from tsdash.ui.html import inline
from tsdash.ui.style import pair

# heading, entry of the glossary that says how it is known
COLUMNS = (
    ("mode", ""),
    ("exports", ""),
    ("cause", ""),
    ("needs", "runtime"),
    ("without Python", "without_python"),
    ("branches", "branches"),
    ("dtype", "casts"),
    ("future", ""),
)


@dataclass(frozen=True, kw_only=True)
class ModeNeeds:
    """One mode of a run: how its export ended, the leading cause where it fails, and the fixed facts of the mode."""

    mode: str
    summary: str
    exported: bool | None  # None: not reached
    remark: str  # how long it took, or what stopped it
    causes: tuple[str, ...]
    needs: tuple[str, ...]
    without_python: bool
    branches: bool
    casts: bool
    deprecated: bool
    future: str


def modes_table(rows: Sequence[ModeNeeds]) -> str:
    """One row a mode, as HTML."""
    head = "".join(
        f'<th title="{escape(FIGURES[hint])}">{name}</th>' if hint else f"<th>{name}</th>" for name, hint in COLUMNS
    )
    body = "".join(_row(row) for row in rows)
    table = f'<table class="ts-verdicts ts-needs"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="ts-scroll" tabindex="0" role="region" aria-label="What each mode needs">{table}</div>'


def _row(row: ModeNeeds) -> str:
    swatch = f'<span class="ts-swatch" style="background:{pair(mode_look(row.mode).colour)}"></span>'
    cells = (
        f'<td class="ts-mode" title="{escape(row.summary)}">{swatch}{escape(row.mode)}</td>',
        f'<td class="ts-why">{_exports(row)}</td>',
        f"<td>{', '.join(f'<code>{escape(cause)}</code>' for cause in row.causes) or formats.ABSENT}</td>",
        *_artefact(row),
        f'<td title="{escape(row.future)}">{_answer(not row.deprecated, "maintained", "deprecated")}</td>',
    )
    return f"<tr>{''.join(cells)}</tr>"


def _artefact(row: ModeNeeds) -> tuple[str, ...]:
    """What there is to say of the artefact, and nothing where there is none."""
    if not row.exported:
        return (f"<td>{formats.ABSENT}</td>",) * 4
    return (
        f"<td>{escape(', '.join(row.needs)) or formats.ABSENT}</td>",
        f"<td>{_answer(row.without_python)}</td>",
        f"<td>{_answer(row.branches, 'kept', 'one way')}</td>",
        f"<td>{_answer(row.casts, 'can be cast', 'fixed')}</td>",
    )


def _exports(row: ModeNeeds) -> str:
    if row.exported is None:
        return '<span class="ts-sub">· not tried</span>'
    if row.exported:
        return f"{_answer(True)}, {escape(row.remark)}"
    look = OUTCOMES["export_error"]
    return f'<span class="ts-verdict" style="color:{pair(look.ink)}">{look.glyph} no</span> {inline(row.remark)}'


def _answer(good: bool, yes: str = "yes", no: str = "no") -> str:
    """A word with the sign of the verdict that it speaks for."""
    look = VERDICTS["ship" if good else "do_not_ship"]
    return f'<span class="ts-answer" style="color:{pair(look.ink)}">{look.glyph}</span> {yes if good else no}'
