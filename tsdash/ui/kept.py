"""What of a model's contract beside its values the selected mode keeps, in sentences."""

from __future__ import annotations

import streamlit as st

from tsdash import contract
from tsdash.spec import Judgement
from tsdash.ui import service
from tsdash.ui.page import as_markdown, section
from tsdash.ui.service import Loaded


def kept(loaded: Loaded, mode: str) -> None:
    """The first difference as heading, or that there is none; the rest below. Nothing for a mode that never ran."""
    sentences, heading = _said(service.version(loaded), mode, loaded)
    if not heading:
        return
    section("What else changed?", heading, anchor="kept")
    if not sentences:
        return
    with st.expander(f"What {as_markdown(mode)} keeps beside the values", icon=":material/rule:"):
        st.markdown("\n".join(f"- {as_markdown(said)}" for said in sentences))


@st.cache_resource(max_entries=64, show_spinner=False)
def _said(version: str, mode: str, _loaded: Loaded) -> tuple[tuple[str, ...], str]:
    """What the mode keeps, and the sentence that heads it; empty for a mode that never ran."""
    record = _loaded.record
    outcomes = {case.id: outcome for name, case, outcome in _loaded.cells if name == mode}
    judged = [
        (result, Judgement(outcome=outcomes[result.case.id], detail=""))
        for result in record.swept
        if result.mode == mode
    ]
    export = record.exports.get(mode)
    notable = contract.notable(export, judged)
    heading = (notable[0] if notable else contract.nothing(judged)) if judged else ""
    return contract.kept(export, judged), heading
