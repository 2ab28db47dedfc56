"""When does it not: the grid of outcomes, the controls that arrange and re-colour it, and the click that selects."""

from __future__ import annotations

from dataclasses import astuple
from math import log10

import pandas as pd
import streamlit as st

from tsdash import failures, findings, formats
from tsdash.plots import outcome_grid, outlined
from tsdash.rejudge import TOLERANCES
from tsdash.tokens import OUTCOMES
from tsdash.ui import arrange, service
from tsdash.ui.arrange import LARGEST, PLANNED, WORST, Arrangement
from tsdash.ui.html import outcome_legend
from tsdash.ui.page import drawn_once, figure, section
from tsdash.ui.selection import Selection, chosen, select, show
from tsdash.ui.service import Loaded

OWN_RULE = "own"


def grid(loaded: Loaded, selection: Selection, dark: bool) -> None:
    """Every mode on every case; a click selects. Filters, groups and order are nobody else's business: they redraw this alone."""
    section("When does it not?", failures.where_it_fails(loaded.cells))
    _body(loaded, selection, dark, _asked())


def _asked() -> tuple[str | None, ...]:
    """What of the address the whole page is about."""
    return tuple(st.query_params.get(name) for name in ("run", "mode", "case", "tolerance"))


@st.fragment
def _body(loaded: Loaded, selection: Selection, dark: bool, drawn_for: tuple[str | None, ...]) -> None:
    if _asked() != drawn_for:  # a click or the slider: everything below is about something else now
        st.rerun()
    by_axis = _axes_of(service.facts_version(loaded.record), loaded)
    arrangement = _controls(loaded, by_axis)
    shown = _arranged(service.version(loaded), arrangement, loaded.table, by_axis)
    if shown.empty:
        st.caption("No case has all of this. Take a filter away.")
        return
    here = (selection.mode, selection.case.id)
    drawn = drawn_once(
        lambda: outcome_grid(shown, dark), kind="grid", of=(service.version(loaded), *astuple(arrangement), dark)
    )
    figure(outlined(drawn, shown, here, dark), key="grid", on_select=_clicked, selection_mode="points")
    st.html(outcome_legend(_present(loaded)))


def _controls(loaded: Loaded, by_axis: pd.DataFrame) -> Arrangement:
    names = list(by_axis.columns[1:])
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        only = st.multiselect(
            "Only",
            _facets(service.version(loaded), loaded.table, by_axis),
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
    named = {*loaded.table["outcome"].unique(), *findings.GOOD, "mismatch"}
    return [name for name in OUTCOMES if name in named]


def _clicked() -> None:
    points = st.session_state["grid"]["selection"]["points"]
    if points:
        mode, case = points[0]["customdata"]
        select(mode=mode, case=case)


@st.cache_resource(max_entries=16, show_spinner=False)
def _axes_of(version: str, _loaded: Loaded) -> pd.DataFrame:
    return arrange.axes(_loaded.record.spec)


@st.cache_resource(max_entries=32, show_spinner=False)
def _arranged(version: str, arrangement: Arrangement, _table: pd.DataFrame, _axes: pd.DataFrame) -> pd.DataFrame:
    return arrange.arranged(_table, _axes, arrangement)


@st.cache_resource(max_entries=16, show_spinner=False)
def _facets(version: str, _table: pd.DataFrame, _axes: pd.DataFrame) -> list[str]:
    return arrange.facets(_table, _axes)
