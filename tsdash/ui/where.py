"""The element view: how large Δ is, where in the tensor, beside which of eager's values, along which axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import streamlit as st

from tsdash import findings, formats, judge, tables
from tsdash.elements import BlockMap, ElementView, Profile, density_edges, unpack
from tsdash.plots import Figure, along_axis, delta_histogram, reference_density, where_map
from tsdash.spec import OutputFacts, from_json
from tsdash.ui import service
from tsdash.ui.html import facts_view
from tsdash.ui.page import as_markdown, figure, grid, section
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
    _facts(facts)
    noise = judge.noise_floor(facts) or None
    raw = service.store().views(run, selection.mode, selection.case.id).get(facts.path)
    view = from_json(ElementView, raw) if raw else None
    block_map, profile = _axes(view, facts.path) if view else (None, None)
    cells = grid(3, min_column_width=330)
    with cells.cell():
        moved = [kind for kind in selection.result.noise if kind.path == facts.path] if selection.result else []
        figure(delta_histogram(facts.histogram, noise, dark, moved=moved), key="histogram")
    if view is None:  # the bits are the same: every element is in the bar of zeros
        return
    if profile:
        with cells.cell(row_span=2):
            figure(_map(view, block_map, profile, dark), key="where")
    with cells.cell():
        figure(_density(view, facts, noise, dark), key="density")
    if profile:
        with cells.cell():
            largest, mean = unpack(profile.max_abs), unpack(profile.mean_abs)
            fig = along_axis(largest, mean, noise, dark, axis=f"axis {profile.axis}", extent=profile.size)
            figure(fig, key="along")
    with cells.cell():
        _worst(facts)


def the_map(run: int, selection: Selection, dark: bool) -> Figure | None:
    """The selected output over its first two axes; None where every bit is the same."""
    raw = (
        service.store().views(run, selection.mode, selection.case.id).get(selection.output.path)
        if selection.output
        else None
    )
    view = from_json(ElementView, raw) if raw else None
    if view is None or not view.profiles:
        return None
    return _map(view, view.maps[0] if view.maps else None, view.profiles[0], dark)


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


def _map(view: ElementView, block_map: BlockMap | None, profile: Profile, dark: bool) -> Figure:
    """Two axes of the output; a tensor with one long axis is one row."""
    if block_map is None:
        row = unpack(profile.max_abs)[None, :]
        rows, columns = ("the output", 1), (f"axis {profile.axis}", profile.size)
        return where_map(row, dark, rows=rows, columns=columns, reduced=profile.size > row.size)
    largest = unpack(block_map.max_abs)
    rows = (f"axis {block_map.rows_axis}", block_map.rows_size)
    columns = (f"axis {block_map.columns_axis}", block_map.columns_size)
    return where_map(largest, dark, rows=rows, columns=columns, reduced=int(np.prod(view.shape)) > largest.size)


def _density(view: ElementView, facts: OutputFacts, noise: float | None, dark: bool) -> Figure:
    edges = np.log10(density_edges())
    counts = unpack(view.density)[1:-1, 1:-1]  # what is zero, infinite or beyond the scale has no place in it
    half_ulp = judge.EPS[facts.dtype] / 2 if facts.dtype in judge.EPS else None
    return reference_density(counts, edges, edges, noise, dark, half_ulp=half_ulp)


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


def _facts(facts: OutputFacts) -> None:
    """Every number over all elements, with what it means on hover."""
    rows = [
        ("max |Δ|", formats.delta(facts.max_abs), "largest absolute difference, exported − eager"),
        (
            "mean |Δ|",
            formats.delta(facts.mean_abs),
            "mean absolute difference over the elements that are finite on both sides",
        ),
        ("‖Δ‖₂", formats.delta(facts.l2), "L2 norm of the difference"),
        ("max relative", formats.delta(facts.max_rel), "largest |Δ| ÷ |eager| of an element"),
        (
            "1 − cosine",
            formats.delta(facts.one_minus_cosine),
            "one minus the cosine between both outputs as vectors; 0: the same direction",
        ),
        (
            "max ULP",
            formats.ABSENT if facts.max_ulp is None else formats.count(round(facts.max_ulp)),
            "largest distance in representable numbers of the dtype",
        ),
        (
            f"|Δ| > {formats.power(-5)}",
            f"{formats.count(facts.over_plain)} of {formats.count(facts.elements)}",
            "elements beyond the plain rule's bound",
        ),
        ("NaN on one side", formats.count(facts.nan_disagree), "elements that are NaN in one output only"),
        (
            "∞ on one side",
            formats.count(facts.inf_disagree),
            "elements that are infinite in one output only, or of the other sign",
        ),
    ]
    if facts.argmax_rows:
        rows.append(
            (
                "class changes",
                _flips(facts),
                "rows of the last axis whose largest element is another one; in brackets the first rows",
            )
        )
    if facts.oracle:
        text = f"{formats.delta(facts.oracle.actual_max)} / {formats.delta(facts.oracle.expected_max)}"
        rows.append(("off float64", text, "largest error against eager run in float64: exported / eager"))
    st.html(facts_view(rows))


def _flips(facts: OutputFacts) -> str:
    first = ", ".join(map(formats.count, facts.flipped_rows[:5]))
    more = ", …" if len(facts.flipped_rows) > 5 else ""
    rows = f" (rows {first}{more})" if first else ""
    return f"{formats.count(facts.argmax_flips or 0)} of {formats.count(facts.argmax_rows or 0)}{rows}"
