"""Try the fix: the model file to edit, run again as a run of its own that says whether the verdict turned."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from tsdash import findings
from tsdash.errors import ModelError, UserError
from tsdash.models import files
from tsdash.records import Record
from tsdash.spec import Cause, ModelSource
from tsdash.ui import service
from tsdash.ui.causes import UNKNOWN, fix
from tsdash.ui.editor import KEYS_HELP, editor
from tsdash.ui.html import Mark, diff_view
from tsdash.ui.page import as_markdown, section
from tsdash.ui.service import Loaded

MENDS = "mends"  # in what is kept of a run's sweep: the run whose model was changed
EDITOR_PX = 420
WRITTEN = ("gallery", "file")  # kinds of model whose text is the user's own; the others only refer to a package


def try_fix(record: Record, causes: Sequence[Cause], marks: Mapping[int, Mark]) -> None:
    """A button that opens the source in an editor, the fix above it as a hint, and one that runs the same cases again."""
    if record.spec.model.kind not in WRITTEN:
        return
    is_open = f"mending {record.id}"
    if not st.session_state.get(is_open):
        st.button(
            "Try the fix",
            icon=":material/build:",
            key="mend",
            help="Change the source here and run the same cases again, to see whether the verdict turns",
            on_click=st.session_state.__setitem__,
            args=(is_open, True),
        )
        return
    if not service.allows_code():
        st.markdown("This server runs no code of your own. Mend the file where you can, and check it there.")
        return
    leading = next((cause for cause in causes if cause.cause != UNKNOWN and cause.fix), None)
    if leading:
        at = f"Line {leading.line}, `{leading.code}`: write" if leading.line else "Write"
        st.caption(f"{as_markdown(at)} what this says, in the names of your source.")
        fix(leading.fix)
    edited = editor(
        record.spec.model.text,
        key=f"editor {record.id}",
        label=f"{record.spec.model.filename}, to be mended",
        marks=marks,
        height=EDITOR_PX,
    )
    problem = st.session_state.pop("mend problem", "")
    if problem:
        st.error(as_markdown(problem), icon=":material/error:")
    unchanged = edited.text == record.spec.model.text
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Run with this change",
            icon=":material/play_arrow:",
            key="mend run",
            disabled=unchanged,
            help="The same cases and modes again, as a run of its own, without measuring latency. Your own file is left as it is.",
            on_click=run_changed,
            args=(record, edited.text),
        )
        st.button(
            "Close",
            key="mend close",
            help="Put the editor away; what was typed is forgotten",
            on_click=st.session_state.pop,
            args=(is_open,),
        )
        st.caption("Nothing is changed yet." if unchanged else KEYS_HELP)
    if edited.run and not unchanged:
        run_changed(record, edited.text)
        st.rerun()


def run_changed(record: Record, text: str) -> None:
    """Submit the mended text with the cases of the record, and let the address name the new run."""
    try:
        source = service.keep_model(record.spec.model.filename, text)
        _same_dims(source, record)
    except UserError as error:
        st.session_state["mend problem"] = str(error)
        return
    spec = replace(record.spec, model=source, latency=False)
    run = service.submit(spec, {**record.sweep, MENDS: record.id})
    st.query_params.from_dict({"run": str(run)})


def _own(record: Record) -> str:
    """What was left alone: the gallery's model, or the user's file."""
    return (
        f"the gallery's {record.spec.model.name}"
        if record.spec.model.kind == "gallery"
        else f"your own {record.spec.model.filename}"
    )


def _same_dims(source: ModelSource, record: Record) -> None:
    """Raises ModelError where the cases of the record cannot be made by the changed file."""
    dims, wanted = files.default_dims(source), record.spec.cases[0].dims
    if set(dims) != set(wanted):
        raise ModelError(
            f"make_inputs now has the dims {', '.join(dims) or 'none'}, and the cases were planned for {', '.join(wanted) or 'none'}. "
            "Keep its arguments to compare the two, or save the file and choose it as a model."
        )


def mended(loaded: Loaded) -> None:
    """Above the results of a run that tried a fix: what it did to the verdicts, and the change."""
    record = loaded.record
    before = record.sweep.get(MENDS)
    if not isinstance(before, int):
        return
    try:
        earlier = service.load(before)
    except UserError:
        return
    section("Did the change help?", findings.turned(earlier.verdicts, loaded.verdicts))
    diff = "\n".join(
        difflib.unified_diff(
            earlier.record.spec.model.text.splitlines(), record.spec.model.text.splitlines(), lineterm="", n=2
        )
    )
    st.html(diff_view(diff, title=f"{record.spec.model.filename}, changed since run {before}"))
    st.caption(f"This ran a changed copy, which tsdash keeps; {as_markdown(_own(earlier.record))} is as it was.")
    st.button(
        f"Back to run {before}",
        icon=":material/arrow_back:",
        key="before mending",
        help="The run whose source was changed",
        on_click=lambda: st.query_params.from_dict({"run": str(before)}),
    )
