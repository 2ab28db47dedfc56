"""Take it along: one popover with every form of a run, its artefacts among them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import streamlit as st

from tsdash import takeaway
from tsdash.exporters import EXPORTERS
from tsdash.records import Record
from tsdash.takeaway import FORMATS, Format
from tsdash.ui import service


def along(record: Record) -> None:
    """A button for each form; a file is made when its button is pressed."""
    stem = takeaway.stem(record)
    with st.popover("Take along", icon=":material/download:", help="This run as a file: report, tables, artefacts"):
        for form in FORMATS.values():
            if form.name.startswith("samples") and not record.latencies:
                continue
            st.download_button(
                form.label,
                partial(_made, form, record),
                f"{stem}{form.suffix}",
                form.mime,
                key=f"along {form.name}",
                icon=":material/download:",
                on_click="ignore",
                help=form.what.capitalize(),
                width="stretch",
            )
        for mode in record.spec.modes:
            path = service.store().artefact(record.id, mode)
            if path is not None and path.exists():
                st.download_button(
                    f"Artefact of {mode}",
                    partial(_read, path),
                    f"{stem}-{mode}{EXPORTERS[mode].suffix}",
                    "application/octet-stream",
                    key=f"along artefact {mode}",
                    icon=":material/deployed_code:",
                    on_click="ignore",
                    help="What the export saved, as it was judged. It is code: load it where you trust the model.",
                    width="stretch",
                )
        st.caption("The file of one case, as a program or a test, is under Reproduce.")


def _made(form: Format, record: Record) -> bytes:
    return form.make(record, service.store())


def _read(path: Path) -> bytes:
    return path.read_bytes()
