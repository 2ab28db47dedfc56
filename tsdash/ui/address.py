"""What the address of a page asks for."""

from __future__ import annotations

import streamlit as st

from tsdash.errors import UserError
from tsdash.ui import service

MOST_DIGITS = 18  # a number of a run has 64 bits in the store


def shown_run() -> tuple[service.Loaded | None, str]:
    """The run that the address names, or why it cannot be shown."""
    asked = st.query_params.get("run")
    if asked is None:
        return None, ""
    if not asked.isdecimal() or len(asked) > MOST_DIGITS:
        return None, f"{asked!r} is not the number of a run."
    try:
        return service.load(int(asked)), ""
    except UserError as error:
        return None, str(error)
