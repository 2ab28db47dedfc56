"""Try the fix: the model file to edit, run again as a run of its own that says whether the verdict turned."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from tsdash import findings
from tsdash.errors import ModelError, UserError
from tsdash.models import files
from tsdash.records import Record
from tsdash.spec import Cause, ModelSource
from tsdash.ui import service
from tsdash.ui.causes import UNKNOWN, fix
from tsdash.ui.html import diff_view
from tsdash.ui.page import as_markdown, section
from tsdash.ui.service import Loaded

MENDS = "mends"  # in what is kept of a run's sweep: the run whose model was changed
EDITOR_PX = 420
WRITTEN = ("gallery", "file")  # kinds of model whose text is the user's own; the others only refer to a package


def try_fix(record: Record, causes: Sequence[Cause]) -> None:
    """The source in a field, the fix above it as a hint, and a button that runs the same cases again."""
    if record.spec.model.kind not in WRITTEN:
        return
    leading = next((cause for cause in causes if cause.cause != UNKNOWN and cause.fix), None)
    with st.expander("Try the fix", icon=":material/build:", key=f"mending {record.id}"):
        if not service.allows_code():
            st.markdown("This server runs no code of your own. Mend the file where you can, and check it there.")
            return
        if leading:
            at = f"Line {leading.line}: `{leading.code}` → " if leading.line else ""
            st.caption(f"{as_markdown(at)}write what this says, in your own names.")
            fix(leading.fix)
        with st.container(key="mend"):
            text = st.text_area(
                f"{record.spec.model.filename}, to be mended",
                record.spec.model.text,
                height=EDITOR_PX,
                key=f"mended {record.id}",
                help="Change the line that is to blame and run. The file you chose is left as it is: the changed text is kept as a file of its own.",
            )
        problem = st.session_state.pop("mend problem", "")
        if problem:
            st.error(as_markdown(problem), icon=":material/error:")
        unchanged = text == record.spec.model.text
        st.button(
            "Run with this change",
            icon=":material/play_arrow:",
            key="mend run",
            disabled=unchanged,
            help="Change the text first; a click outside the field takes it over."
            if unchanged
            else "The same cases and modes again, as a run of its own, without measuring latency",
            on_click=_run,
            args=(record, text or ""),
        )


def _run(record: Record, text: str) -> None:
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
    st.button(
        f"Back to run {before}",
        icon=":material/arrow_back:",
        key="before mending",
        on_click=lambda: st.query_params.from_dict({"run": str(before)}),
    )
