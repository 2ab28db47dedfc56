"""Inputs of the reader's own: files that become cases of the run, and how often eager and each export are right on them."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from tsdash import caveats, findings, formats
from tsdash.errors import OptionError, UserError
from tsdash.judge import judge
from tsdash.models.uploads import MOST_BYTES, SUFFIXES
from tsdash.spec import EAGER, Classes
from tsdash.ui import service
from tsdash.ui.html import agreement_table
from tsdash.ui.page import as_markdown, section
from tsdash.ui.service import Loaded

MOST_FILES = 8
NO_INPUTS = "no_inputs"  # how a side ends whose file cannot be read
FORMATS = """\
- `.npz` from `numpy.savez(file, x=inputs, labels=classes)`
- `.pt` from `torch.save({"x": inputs, "labels": classes}, file)`: tensors alone
- `.csv`: numbers, one row an example; a first line that is not all numbers names the columns

One tensor for each of forward's, in their order. With labels, the number of the right class for each row, it is also counted how often
eager and each export are right."""


def own_inputs() -> tuple[str, ...]:
    """The uploader, in a popover; returns where the files are kept."""
    with st.popover("Inputs", icon=":material/upload_file:", help="Run on inputs of your own as well"):
        came = st.file_uploader(
            "Your own inputs",
            type=[suffix.removeprefix(".") for suffix in SUFFIXES],
            accept_multiple_files=True,
            key="own inputs",
            help="Each file becomes one more case, which goes through the same workers as every other.",
        )
        st.markdown(FORMATS)
        kept: dict[str, str] = st.session_state.setdefault("kept inputs", {})
        for file in came[:MOST_FILES]:
            if file.file_id not in kept:
                try:
                    kept[file.file_id] = _keep(file.name, file.size, file.getvalue)
                except UserError as error:
                    st.error(as_markdown(str(error)), icon=":material/error:")
        if len(came) > MOST_FILES:
            st.error(
                f"{len(came)} files are too many; the first {MOST_FILES} are taken. Put several inputs into one file."
            )
    return tuple(kept[file.file_id] for file in came[:MOST_FILES] if file.file_id in kept)


def _keep(name: str, size: int, content: object) -> str:
    """Raises OptionError for a file that is too large, or none of those that can be read."""
    if size > MOST_BYTES:
        raise OptionError(f"{name} has {formats.size(size)}; a file of inputs may have {formats.size(MOST_BYTES)}.")
    if Path(name).suffix.lower() not in SUFFIXES:
        raise OptionError(f"{name} is none of {', '.join(SUFFIXES)}.")
    assert callable(content)
    return str(service.keep_file("inputs", name, content()))


def right(loaded: Loaded) -> None:
    """Files of the reader's own that could not be used or do not fit the model; how often each side is right on the others, and
    how often any two predict the same class."""
    for detail in dict.fromkeys(
        judge(result).detail
        for result in loaded.record.results
        if result.eager.ended == NO_INPUTS and result.case.inputs
    ):
        st.warning(as_markdown(detail), icon=":material/upload_file:")
    for said in caveats.misfits(loaded.record.results):
        st.warning(as_markdown(said), icon=":material/upload_file:")
    by_file: dict[str, dict[str, Classes]] = {}
    for result in loaded.record.results:
        if result.classes is not None:
            by_file.setdefault(result.case.inputs, {})[result.mode] = result.classes
    for file, found in by_file.items():
        predictions = {EAGER: next(iter(found.values())).expected, **{mode: c.actual for mode, c in found.items()}}
        labels = next(iter(found.values())).labels
        section(f"On the inputs of {Path(file).name}", findings.agreement(predictions, labels))
        st.html(agreement_table(predictions, labels))
