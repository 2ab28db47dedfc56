"""The element view: how large Δ is, where in the tensor, beside which of eager's values, along which axis."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import streamlit as st

from tsdash import figures, findings, formats, judge, tables
from tsdash.elements import BlockMap, ElementView, Profile, unpack
from tsdash.plots import Figure, along_axis, delta_histogram
from tsdash.spec import OutputFacts, from_json
from tsdash.ui import service
from tsdash.ui.html import facts_view
from tsdash.ui.page import as_markdown, figure_once, grid, section
from tsdash.ui.selection import Selection

QUESTION = "Where, and how much?"
WORST_ROWS = 5
Item = TypeVar("Item")


def where(run: int, selection: Selection, dark: bool) -> None:
    """Everything known about the elements of the selected output."""
    facts = selection.output
    if facts is None:
        section(QUESTION, _nothing(selection), anchor="where")
        return
    section(QUESTION, findings.elements(facts), anchor="where")
    st.html(facts_view(figures.facts_rows(facts)))
    _body(run, selection, dark)


@st.fragment
def _body(run: int, selection: Selection, dark: bool) -> None:
    facts = selection.output
    assert facts is not None
    noise = judge.noise_floor(facts) or None
    view = _view(run, selection)
    block_map, profile = _axes(view, facts.path) if view else (None, None)
    of = (*_place(run, selection), dark)
    cells = grid(3, min_column_width=330)
    with cells.cell():
        moved = [kind for kind in selection.result.noise if kind.path == facts.path] if selection.result else []
        figure_once(lambda: delta_histogram(facts.histogram, noise, dark, moved=moved), key="histogram", of=of)
    if view is None:  # the bits are the same: every element is in the bar of zeros
        return
    of_map = (*of, _map_name(block_map) if block_map else None, _profile_name(profile) if profile else None)
    if profile:
        with cells.cell(row_span=2):
            figure_once(lambda: figures.element_map(view, block_map, profile, dark), key="where", of=of_map)
    with cells.cell():
        figure_once(lambda: figures.element_density(view, facts, noise, dark), key="density", of=of)
    if profile:
        with cells.cell():
            figure_once(lambda: _along(profile, noise, dark), key="along", of=of_map)
    with cells.cell():
        _worst(facts)


def _along(profile: Profile, noise: float | None, dark: bool) -> Figure:
    largest, mean = unpack(profile.max_abs), unpack(profile.mean_abs)
    return along_axis(largest, mean, noise, dark, axis=f"axis {profile.axis}", extent=profile.size)


def _place(run: int, selection: Selection) -> tuple[Hashable, ...]:
    """Which output of which case this is: what its facts, and all figures of them, depend on."""
    path = selection.output.path if selection.output else ""
    return (str(service.store().folder), run, selection.mode, selection.case.id, path)


def _view(run: int, selection: Selection) -> ElementView | None:
    """The stored view of the selected output; None where every bit is the same."""
    return _read_view(_place(run, selection)) if selection.output else None


@st.cache_resource(max_entries=64, show_spinner=False)
def _read_view(place: tuple[Any, ...]) -> ElementView | None:
    _, run, mode, case, path = place
    raw = service.store().views(run, mode, case).get(path)
    return from_json(ElementView, raw) if raw else None


def the_map(run: int, selection: Selection, dark: bool) -> Figure | None:
    """The selected output over its first two axes; None where every bit is the same."""
    view = _view(run, selection)
    if view is None or not view.profiles:
        return None
    return figures.element_map(view, view.maps[0] if view.maps else None, view.profiles[0], dark)


def _nothing(selection: Selection) -> str:
    if selection.result is None:
        return "Nothing to compare: this case has not run."
    for name, side in (("eager", selection.result.eager), ("the export", selection.result.exported)):
        if side.ended != "returned":
            return f"Nothing to compare: {name} gave no output."
    return "Nothing to compare: no output has the same place and shape on both sides."


def _axes(view: ElementView, path: str) -> tuple[BlockMap | None, Profile | None]:
    """The two axes of the map and the one of the profile; selectors only where there is a choice."""
    with st.container(horizontal=True, gap="small"):
        block_map = _chosen("Axes of the map", view.maps, _map_name, f"map {path}")
        profile = _chosen("Axis of the profile", view.profiles, _profile_name, f"along {path}")
    return block_map, profile


def _map_name(item: BlockMap) -> str:
    rows, columns = formats.count(item.rows_size), formats.count(item.columns_size)
    return f"map of axis {item.rows_axis} ({rows}) and axis {item.columns_axis} ({columns})"


def _profile_name(item: Profile) -> str:
    return f"along axis {item.axis} ({formats.count(item.size)})"


def _chosen(label: str, items: Sequence[Item], name: Callable[[Item], str], key: str) -> Item | None:
    """The item that a selector says; the only one without a selector."""
    if len(items) < 2:
        return items[0] if items else None
    names = [name(item) for item in items]
    at = st.selectbox(
        label, range(len(items)), format_func=names.__getitem__, key=key, width=300,
        help="Of a tensor with more axes than fit, the largest |Δ| over all the others is drawn.",
    )  # fmt: skip
    return items[at or 0]


def _worst(facts: OutputFacts) -> None:
    st.markdown(f"**Worst elements** :gray[of {as_markdown(facts.path)}]")
    worst = tables.worst_elements(facts).head(WORST_ROWS)
    shown = {
        "index": [text or "the only one" for text in worst["index"]],
        "eager": [formats.element(value) for value in worst["eager"]],
        "exported": [formats.element(value) for value in worst["exported"]],
        "Δ": [formats.delta(value) for value in worst["delta"]],
    }
    st.dataframe(shown, hide_index=True, row_height=27, height="content", alt="The elements that differ most")
