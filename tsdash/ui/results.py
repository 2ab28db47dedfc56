"""The finished part of Explore: the verdicts on top, the command of a case, where and how the run was made."""

from __future__ import annotations

import shlex

import streamlit as st

from tsdash import overview
from tsdash.records import Record
from tsdash.spec import GIVEN, Case
from tsdash.ui.html import verdict_table
from tsdash.ui.page import as_markdown, section
from tsdash.ui.service import Loaded


def verdicts(loaded: Loaded) -> None:
    """The recommendation as heading, one row a mode: by verdict, the recommended one first, then by speed."""
    section("Does it still give the same answers?", overview.headline(loaded))
    st.html(verdict_table(overview.verdict_rows(loaded), cases=len(loaded.record.spec.cases)))


def command(record: Record, mode: str, case: Case) -> str:
    """The command that runs this one case again beside the base case."""
    if record.spec.model.given is not None:
        return f"# {record.spec.model.name} was given in Python: call tsdash.check there again."
    saved = record.spec.saved
    base = record.spec.cases[0]
    options = [
        ("--dim", f"{name}={base.dims[name]},{size}") for name, size in case.dims.items() if size != base.dims[name]
    ]
    options += [("--values", case.values)] if case.values != GIVEN else []
    options += [("--dtypes", case.dtype)] if case.dtype != GIVEN else []
    options += [("--devices", case.device)] if case.device != base.device else []
    options += [("--layouts", case.layout)] if case.layout != GIVEN else []
    options += [] if case.training is None else [("--training", "train" if case.training else "eval")]
    options += [("--grad", "on")] if case.grad else []
    options += [("--calls", str(case.call))] if case.call != 1 else []
    options += [("--seeds", str(case.seed))] if case.seed != base.seed else []
    if not options:
        options = [("--seeds", str(base.seed))]
    named = [record.spec.model.name] if saved is None else [saved.name, "--reference", record.spec.model.name]
    words = ["python", "-m", "tsdash", "check", *named, "--modes", mode]
    return shlex.join([*words, *(word for option in options for word in option)])


def circumstances(record: Record) -> None:
    """Where the run was made, and what its processes were kept from."""
    confined = [str(entry) for entry in record.environment.get("confinement", ())]
    with st.expander("Where and how this ran", icon=":material/memory:"):
        facts = {name: value for name, value in record.environment.items() if name != "confinement"}
        shown = [f"**{name}** {as_markdown(_words(value))}" for name, value in facts.items()]
        st.markdown(" · ".join(shown) or "Nothing is known about this machine.")
        st.markdown(
            "The model's processes were confined:" if confined else "How the processes were confined is not known."
        )
        st.markdown("\n".join(f"- {as_markdown(entry)}" for entry in confined))


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
