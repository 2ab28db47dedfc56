"""Two cells of the grid side by side: another mode on the same case, or another case in the same mode."""

from __future__ import annotations

import streamlit as st

from tsdash import formats, judge, plan
from tsdash.plots import delta_histogram
from tsdash.tokens import OUTCOMES
from tsdash.ui.page import as_markdown, figure, grid, section
from tsdash.ui.selection import Selection, at
from tsdash.ui.service import Loaded
from tsdash.ui.where import the_map


def beside(loaded: Loaded, selection: Selection, dark: bool) -> None:
    """The selected cell and the one that the address sets beside it; nothing where it names none."""
    other = _other(loaded, selection)
    if other is None:
        return
    pair = (selection, other)
    names = [f"{one.mode}, {plan.describe(one.case, loaded.record.spec.cases[0])}" for one in pair]
    section("Side by side", _finding(pair, names), anchor="beside")
    cells = grid(2, min_column_width=420)
    for number, (one, name) in enumerate(zip(pair, names, strict=True)):
        with cells.cell():
            look = OUTCOMES[one.judgement.outcome]
            st.markdown(f"**{as_markdown(name)}** :{look.badge}-badge[{look.glyph} {look.label}]")
            st.caption(as_markdown(one.judgement.detail))
            if one.output is None:
                continue
            figure(
                delta_histogram(one.output.histogram, judge.noise_floor(one.output) or None, dark),
                key=f"how large {number}",
            )
            drawn = the_map(loaded.record.id, one, dark)
            if drawn is not None:
                figure(drawn, key=f"where {number}")


def _other(loaded: Loaded, selection: Selection) -> Selection | None:
    asked = st.query_params.get("beside", "")
    if asked in loaded.record.spec.modes and asked != selection.mode:
        return _same_output(at(loaded, asked, selection.case.id), selection)
    if asked != selection.case.id and any(case.id == asked for case in loaded.record.spec.cases):
        return _same_output(at(loaded, selection.mode, asked), selection)
    return None


def _same_output(other: Selection, selection: Selection) -> Selection:
    """The other cell with the output that is selected, where it has that one."""
    path = selection.output.path if selection.output else ""
    facts = next(
        (facts for facts in (other.result.outputs if other.result else ()) if facts.path == path), other.output
    )
    return Selection(**{**other.__dict__, "output": facts})


def _finding(pair: tuple[Selection, Selection], names: list[str]) -> str:
    """Which of the two is further off."""
    outcomes = [OUTCOMES[one.judgement.outcome].label for one in pair]
    sizes = [one.output.max_abs if one.output else None for one in pair]
    if None in sizes:
        return f"{names[0]}: {outcomes[0]}; {names[1]}: {outcomes[1]}."
    texts = [formats.delta(size) for size in sizes]
    if outcomes[0] == outcomes[1] and texts[0] == texts[1]:
        return f"Both are {outcomes[0]}, the largest |Δ| being {texts[0]}."
    return f"{names[0]}: {outcomes[0]}, |Δ| up to {texts[0]}; {names[1]}: {outcomes[1]}, up to {texts[1]}."
