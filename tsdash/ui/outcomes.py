"""When does it not: the grid of outcomes, the controls that arrange and re-colour it, and the click that selects."""

from __future__ import annotations

from math import log10

import pandas as pd
import streamlit as st

from tsdash import findings, formats
from tsdash.plots import Figure, outcome_grid
from tsdash.rejudge import TOLERANCES
from tsdash.tokens import OUTCOMES
from tsdash.ui import arrange, service
from tsdash.ui.arrange import LARGEST, PLANNED, WORST, Arrangement
from tsdash.ui.html import outcome_legend
from tsdash.ui.page import figure, section
from tsdash.ui.selection import Selection, chosen, select, show
from tsdash.ui.service import Loaded

OWN_RULE = "own"


def grid(loaded: Loaded, selection: Selection, dark: bool) -> None:
    """Every mode on every case; a click selects."""
    section("When does it not?", findings.where_it_fails(loaded.cells))
    by_axis = _axes(loaded)
    arrangement = _controls(loaded, by_axis)
    shown = _arranged(service.version(loaded), arrangement, loaded.table, by_axis)
    if shown.empty:
        st.caption("No case has all of this. Take a filter away.")
        return
    here = (selection.mode, selection.case.id)
    drawn = _drawn(service.version(loaded), arrangement, dark, here, shown)
    figure(drawn, key="grid", on_select=_clicked, selection_mode="points")
    st.html(outcome_legend(_present(loaded)))


def _controls(loaded: Loaded, by_axis: pd.DataFrame) -> Arrangement:
    names = list(by_axis.columns[1:])
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        only = st.multiselect(
            "Only",
            arrange.facets(loaded.table, by_axis),
            key="only",
            placeholder="all cases",
            width=320,
            help="Show the cases with these values or outcomes alone: any of them within one axis, all of them across axes.",
        )
        group = st.selectbox(
            "Group by",
            [PLANNED, *names],
            key="group",
            width=150,
            help="What stands together under one name. As planned: by what was varied from the base case.",
        )
        sort = st.selectbox(
            "Sort by", [PLANNED, WORST, LARGEST, *names], key="sort", width=180, help="The order of the cases."
        )
        _slider()
    return Arrangement(only=tuple(only), group=group or PLANNED, sort=sort or PLANNED)


def tolerance() -> float | None:
    """The tolerance that the address names; None: tsdash's own rule."""
    asked = st.query_params.get("tolerance")
    return next((value for value in TOLERANCES if f"{value:g}" == asked), None)


def _slider() -> None:
    words = {
        OWN_RULE: "own rule",
        **{f"{value:g}": f"|Δ| ≤ {formats.power(round(log10(value)))}" for value in TOLERANCES},
    }
    set_to = tolerance()
    show("tolerance", OWN_RULE if set_to is None else f"{set_to:g}")
    st.select_slider(
        "Tolerance",
        list(words),
        format_func=words.__getitem__,
        key="tolerance",
        width=230,
        on_change=chosen,
        args=("tolerance", OWN_RULE),
        help="Judge the whole run anew, without running anything. tsdash's own rule asks what the arithmetic explains: it compares "
        "both sides with eager in float64. A tolerance of yours takes its place: every |Δ| up to it passes.",
    )


def _present(loaded: Loaded) -> list[str]:
    """The outcomes that the legend explains: those of this run, and always the good and the usual bad one."""
    return [name for name in OUTCOMES if name in {*loaded.table["outcome"], *findings.GOOD, "mismatch"}]


def _clicked() -> None:
    points = st.session_state["grid"]["selection"]["points"]
    if points:
        mode, case = points[0]["customdata"]
        select(mode=mode, case=case)


def _axes(loaded: Loaded) -> pd.DataFrame:
    return _axes_of(service.version(loaded), loaded)


@st.cache_resource(max_entries=16, show_spinner=False)
def _axes_of(version: str, _loaded: Loaded) -> pd.DataFrame:
    return arrange.axes(_loaded.record.spec)


@st.cache_resource(max_entries=32, show_spinner=False)
def _arranged(version: str, arrangement: Arrangement, _table: pd.DataFrame, _axes: pd.DataFrame) -> pd.DataFrame:
    return arrange.arranged(_table, _axes, arrangement)


@st.cache_resource(max_entries=64, show_spinner=False)
def _drawn(version: str, arrangement: Arrangement, dark: bool, here: tuple[str, str], _table: pd.DataFrame) -> Figure:
    return outcome_grid(_table, dark, selected=here)
