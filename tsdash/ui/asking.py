"""The section of a lesson in which a table shows who answers what."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from tsdash.study import Study
from tsdash.ui import answers
from tsdash.ui.page import section


def asked(study: Study, rows: Sequence[str], *, label: str = "Answers") -> None:
    """What came of each mode as the heading, and one row a question; `rows` name the questions, `label` the table."""
    section("Do they answer alike?", "; ".join(f"{mode}: {answers.summary(study, mode)}" for mode in study.modes) + ".")
    st.html(answers.table(study, rows, label=label))
