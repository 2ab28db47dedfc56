"""Why a case fails: causes beside the source lines they name, the export's own warnings and errors, the exported code."""

from __future__ import annotations

import streamlit as st

from tsdash import findings, formats, judge
from tsdash.plots import divergence
from tsdash.records import Record
from tsdash.spec import ErrorFacts, Export
from tsdash.ui import service
from tsdash.ui.causes import cards
from tsdash.ui.html import code_view
from tsdash.ui.marks import first_line, source_marks
from tsdash.ui.mend import try_fix
from tsdash.ui.page import as_markdown, figure_once, grid, section
from tsdash.ui.selection import Selection
from tsdash.ui.tree import module_tree

MOST_WARNINGS = 12  # in words; the others are counted
CODE_HEIGHT_PX = 400
SHORT_TEXT = 2000  # characters that are shown without a frame that scrolls


def why(record: Record, selection: Selection, dark: bool) -> None:
    """Source on the left, evidence on the right; below, where in the network it happens, a way to try the fix, and the code
    that the export kept."""
    causes = record.causes.get(selection.mode, ())
    export = record.exports.get(selection.mode)
    altered = selection.result is not None and judge.altered(selection.result)
    failing = altered or selection.judgement.outcome not in (*findings.GOOD, findings.NOT_RUN)
    raised = selection.result is not None and judge.both_raise(selection.result)
    outcome, detail = selection.judgement.outcome, selection.judgement.detail
    said = findings.why(causes, outcome, detail, altered=altered, raised=raised)
    section("Why?", said, anchor="why")
    marks = source_marks(record, causes if failing else (), export, _error(selection) if failing else None)
    source = record.spec.model
    if failing or marks:
        cells = grid(2, min_column_width=460)
        with cells.cell():
            st.html(code_view(source.text, title=source.filename, marks=marks))
        with cells.cell():
            if failing:
                cards(causes, selection.mode)
                _structure(selection)
                _ended(selection)
            _warnings(export, source.filename)
    else:
        if raised:
            _ended(selection)
        _warnings(export, source.filename)
        with st.expander(source.filename):
            st.html(code_view(source.text, title=source.filename))
    if failing:
        _diverging(record, selection.mode, dark)
        try_fix(record, causes, marks)
    if export and export.code:
        with st.expander(f"The code that {selection.mode} kept"):
            st.code(export.code, language="python", height=CODE_HEIGHT_PX)


def _error(selection: Selection) -> ErrorFacts | None:
    """What was raised: by the export, or else by eager."""
    if selection.result is None:
        return None
    return selection.result.exported.error or selection.result.eager.error


def _diverging(record: Record, mode: str, dark: bool) -> None:
    """How far off every module is in the case that the leading cause was found with: along the network, and as a tree."""
    causes = record.causes.get(mode, ())
    found = causes[0].divergence if causes else ()
    if len(found) < 2:  # a model without modules of its own has no depth
        return
    cells = grid(2, min_column_width=460)
    with cells.cell():
        of = (service.facts_version(record), mode, dark)
        figure_once(lambda: divergence(found, mode, dark), key="divergence", of=of)
    with cells.cell():
        st.html(module_tree(found))


def _structure(selection: Selection) -> None:
    """Where the outputs have another shape, type or keys."""
    differences = selection.result.structure if selection.result else ()
    if differences:
        rows = {
            "path": [difference.path for difference in differences],
            "differs in": [difference.what for difference in differences],
            "eager": [difference.expected for difference in differences],
            "exported": [difference.actual for difference in differences],
        }
        st.dataframe(
            rows, hide_index=True, row_height=27, height="content", alt="Where the structure of the outputs differs"
        )


def _ended(selection: Selection) -> None:
    """The traceback of each side that did not simply return, folded away: its last line is in the judgement already."""
    if selection.result is None:
        return
    for name, side in (("eager", selection.result.eager), ("the export", selection.result.exported)):
        if side.error is not None and side.error.traceback:
            with st.expander(f"What {name} said"):
                short = len(side.error.traceback) < SHORT_TEXT
                st.code(side.error.traceback, language=None, height=None if short else CODE_HEIGHT_PX)


def _warnings(export: Export | None, ours: str) -> None:
    """The export's warnings that point at no line of the model file; those that do stand beside their line."""
    elsewhere = [w for w in (export.warnings if export else ()) if w.file != ours or w.line is None]
    if not elsewhere:
        return
    st.markdown(f"**{formats.counted(len(elsewhere), 'warning')}** of the export outside the model file")
    for warning in elsewhere[:MOST_WARNINGS]:
        place = f" ({as_markdown(warning.file)} line {warning.line})" if warning.file else ""
        st.caption(f"{as_markdown(warning.category)}: {as_markdown(first_line(warning.message))}{place}")
    if len(elsewhere) > MOST_WARNINGS:
        st.caption(f"… and {len(elsewhere) - MOST_WARNINGS} more")
