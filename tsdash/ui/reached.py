"""How much of the user's forward a verdict speaks for: what ran, what never did, what always went one way."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from tsdash import findings, formats
from tsdash.records import Record
from tsdash.spec import Reach, SourceLine
from tsdash.tokens import DARK, LIGHT
from tsdash.ui.html import inline
from tsdash.ui.style import pair

MOST_LINES = 8


def reached(record: Record) -> None:
    """A bar for lines and one for branches, and by name what the sweep never came by."""
    reach = record.description.reach if record.description else None
    if reach is None:
        return
    st.html(f'<div class="ts-reach">{_bars(reach)}<span>{inline(findings.reached(reach))}</span></div>')
    notes = [*_named("never runs", reach.not_run), *_named("always goes the same way", reach.one_sided)]
    if notes:
        st.html(f'<ul class="ts-list">{"".join(f"<li>{inline(note)}</li>" for note in notes)}</ul>')


def _bars(reach: Reach) -> str:
    parts = (("lines", reach.lines_run, reach.lines), ("branches", reach.branches_run, reach.branches))
    return "".join(_bar(f"{run} of {total} {name} of forward ran", run, total) for name, run, total in parts if total)


def _bar(alt: str, run: int, total: int) -> str:
    filled, empty = pair((LIGHT.muted, DARK.muted)), pair((LIGHT.border, DARK.border))
    rest = f'<i style="flex:{total - run};background:{empty}"></i>' if total > run else ""
    return f'<span class="ts-bar ts-short" role="img" title="{alt}" aria-label="{alt}"><i style="flex:{run};background:{filled}"></i>{rest}</span>'


def _named(what: str, lines: Sequence[SourceLine]) -> list[str]:
    named = [f"{line.file} line {line.line} {what}: `{line.code}`" for line in lines[:MOST_LINES]]
    left = len(lines) - MOST_LINES
    return [*named, f"{formats.counted(left, 'more line')} {what}"] if left > 0 else named
