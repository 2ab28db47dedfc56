"""An editor for Python source: CodeMirror 6, bundled with the app, with marks in its gutter at the lines they are about.

Ctrl-Enter in the editor runs. Tab indents; Escape, then Tab, leaves the editor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from tsdash.tokens import DARK, FONT_MONO, LIGHT, MARK_TINTS, OUTCOMES, RADIUS_PX, SYNTAX
from tsdash.ui.html import Mark
from tsdash.ui.style import pair

HEIGHT_PX = 480
KEYS_HELP = "Ctrl-Enter runs. Tab indents; Escape, then Tab, leaves the editor. F8 goes to the next mark."
_BUNDLE = Path(__file__).parent / "codemirror" / "editor.js"
_GUILTY, _WARNED = OUTCOMES["mismatch"], OUTCOMES["runtime_error"]


@dataclass(frozen=True, kw_only=True)
class Edited:
    """What the editor holds, and whether Ctrl-Enter was pressed in it just now."""

    text: str
    run: bool


def editor(
    first: str,
    *,
    key: str,
    label: str,
    marks: Mapping[int, Mark] | None = None,
    height: int = HEIGHT_PX,
    read_only: bool = False,
) -> Edited:
    """An editor that begins with the text `first` and keeps what is typed; `marks` are by line, from 1.

    Give it another text with `replace`. It tells what is typed when the typing pauses, when it loses the focus and on Ctrl-Enter.
    """
    text, revision = st.session_state.setdefault(given(key), (first, 0))
    listed = [
        {"line": line, "kind": mark.kind, "message": "\n".join(mark.notes)} for line, mark in (marks or {}).items()
    ]
    shown = _COMPONENT(
        key=key,
        data={
            "text": text,
            "revision": revision,
            "marks": listed,
            "label": f"{label}. {KEYS_HELP}",
            "height": height,
            "read_only": read_only,
        },
        on_text_change=lambda: None,
        on_run_change=lambda: None,
    )
    typed = shown.get("text") or {}
    if typed.get("revision") == revision:
        text = str(typed["text"])
    return Edited(text=text, run=bool(shown.get("run")))


def replace(key: str, text: str) -> None:
    """Put another text into the editor, in place of what it holds."""
    _, revision = st.session_state.get(given(key), ("", 0))
    st.session_state[given(key)] = (text, revision + 1)


def given(key: str) -> str:
    """Where the session keeps what the editor was given last: the text and its number."""
    return f"{key} given"


def _look(name: str) -> str:
    return pair((getattr(LIGHT, name), getattr(DARK, name)))


_SYNTAX = {
    "keyword": ".tok-keyword, .tok-bool, .tok-atom",
    "string": ".tok-string, .tok-string2",
    "number": ".tok-number",
    "comment": ".tok-comment",
}
_CSS = f"""
.ts-editor .cm-editor {{ height: var(--ts-height); border: 1px solid {_look("border")}; border-radius: {RADIUS_PX}px;
  background: {_look("panel")}; color: {_look("text")}; overflow: hidden }}
.ts-editor .cm-editor.cm-focused {{ outline: 2px solid {_look("accent")}; outline-offset: -1px }}
.ts-editor .cm-editor .cm-scroller {{ font: 0.8667rem/1.55 {FONT_MONO} }}
.ts-editor .cm-editor .cm-content {{ caret-color: {_look("text")} }}
.ts-editor .cm-editor .cm-cursor {{ border-left-color: {_look("text")} }}
.ts-editor .cm-editor .cm-gutters {{ background: {_look("panel")}; color: {_look("muted")}; border: 0 }}
.ts-editor .cm-editor .cm-activeLine, .ts-editor .cm-editor .cm-activeLineGutter {{ background: {_look("grid")} }}
.ts-editor .cm-editor .cm-selectionBackground {{ background: {_look("border")} !important }}
.ts-editor .cm-editor .cm-selectionMatch {{ background: {_look("border")} }}
.ts-editor .cm-editor .cm-line.ts-guilty {{ background: {pair(MARK_TINTS["guilty"])} }}
.ts-editor .cm-editor .cm-line.ts-warned {{ background: {pair(MARK_TINTS["warned"])} }}
.ts-editor .cm-editor .cm-lintRange {{ background-image: none }}
.ts-editor .cm-editor .cm-gutter-lint {{ width: 1.2em }}
.ts-editor .cm-editor .cm-lint-marker {{ width: 1em; height: 1em; text-align: center; line-height: 1.3 }}
.ts-editor .cm-editor .cm-lint-marker-error, .ts-editor .cm-editor .cm-lint-marker-warning {{ content: normal }}
.ts-editor .cm-editor .cm-lint-marker-error::before {{ content: "▸"; font: 700 1.4em/0.8 {FONT_MONO}; color: {pair(_GUILTY.ink)} }}
.ts-editor .cm-editor .cm-lint-marker-warning::before {{ content: "!"; font-weight: 700; color: {pair(_WARNED.ink)} }}
.ts-editor .cm-editor .cm-tooltip, .ts-editor .cm-editor .cm-panels {{ background: {_look("page")}; color: {_look("text")};
  border: 1px solid {_look("border")}; font-size: 0.9rem }}
.ts-editor .cm-editor .cm-diagnostic {{ white-space: pre-wrap; max-width: 40rem }}
.ts-editor .cm-editor .cm-diagnostic-error {{ border-left-color: {pair(_GUILTY.fill)} }}
.ts-editor .cm-editor .cm-diagnostic-warning {{ border-left-color: {pair(_WARNED.fill)} }}
.ts-editor .cm-editor .cm-panel.cm-search input, .ts-editor .cm-editor .cm-panel.cm-search button {{ background: {_look("panel")};
  background-image: none; color: {_look("text")}; border: 1px solid {_look("border")} }}
.ts-editor .cm-editor .cm-searchMatch {{ background: {pair(MARK_TINTS["warned"])} }}
.ts-editor .cm-editor .cm-matchingBracket {{ background: {_look("border")} !important }}
{"".join(f".ts-editor :is({classes}) {{ color: {pair(SYNTAX[kind])} }}" for kind, classes in _SYNTAX.items())}
"""
_COMPONENT = st.components.v2.component(
    "tsdash_editor", html='<div class="ts-editor"></div>', css=_CSS, js=_BUNDLE.read_text("utf-8")
)
