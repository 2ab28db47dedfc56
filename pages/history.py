"""History: past runs, and what changed between two of them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from tsdash import findings, tables
from tsdash.plots import run_changes, speed_changes
from tsdash.tokens import OUTCOMES, VERDICTS
from tsdash.ui import service
from tsdash.ui.page import as_markdown, figure, grid, is_dark, section

ANY = "any"
EXPLORE = Path(__file__).parent / "explore.py"
COLUMNS = {
    "run": st.column_config.NumberColumn("run", width=50),
    "started": st.column_config.TextColumn("started", width=130),
    "verdict": st.column_config.TextColumn("verdict", width=120),
    "ship": st.column_config.TextColumn("ship as", width=100, help="The mode that tsdash recommends to ship"),
    "same": st.column_config.ProgressColumn(
        "cases with the same answer", min_value=0, max_value=1, format="percent", color="gray"
    ),
    "cases": st.column_config.NumberColumn("cases", width=60),
    "speedups": st.column_config.BarChartColumn(
        "speed-up by mode", y_min=0, color="gray", help="eager ÷ exported; 1 is no gain"
    ),
    "seconds": st.column_config.NumberColumn("took, s", format="%.1f", width=70),
    "torch": st.column_config.TextColumn("torch", width=70),
    "modes": st.column_config.TextColumn("modes"),
    "name": st.column_config.TextColumn("name"),
}


def filters(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that the reader asks for: by words, by model, by verdict; pinned runs first if wished."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        words = st.text_input(
            "Search",
            placeholder="model, mode, name, note",
            key="search",
            bind="query-params",
            width=240,
            help="Every word has to occur somewhere in the run's line.",
        )
        model = st.selectbox(
            "Model", [ANY, *dict.fromkeys(table["model"])], key="of_model", width=240, help="Runs of one model alone"
        )
        labels = {name: f"{look.glyph} {look.label}" for name, look in VERDICTS.items()}
        verdict = st.segmented_control(
            "Verdict",
            [ANY, *labels],
            default=ANY,
            required=True,
            format_func=lambda name: labels.get(name, name),
            key="verdict",
            help="The worst verdict of a run's modes",
        )
        pinned = st.toggle("Pinned only", key="pinned_only", help="Runs that are never removed to make room")
    if words:
        text = table[["model", "modes", "name", "note", "torch", "verdict"]].agg(" ".join, axis=1).str.lower()
        table = table[[all(word in line for word in words.lower().split()) for line in text]]
    table = table if model == ANY else table[table["model"] == model]
    table = table if verdict == ANY else table[table["verdict"] == verdict]
    return table[table["pinned"]] if pinned else table


def listing(table: pd.DataFrame, dark: bool) -> list[int]:
    """The runs as a table; returns the ids of the selected ones, in the order of the table."""
    shown = table.assign(
        verdict=[f"{VERDICTS[v].glyph} {VERDICTS[v].label}" if v in VERDICTS else v for v in table["verdict"]],
        name=[f"{'★ ' if pin else ''}{name}" for pin, name in zip(table["pinned"], table["name"], strict=True)],
    )
    inks = {"✓": OUTCOMES["identical"].ink[dark], "✗": OUTCOMES["mismatch"].ink[dark]}
    event = st.dataframe(
        shown.style.map(lambda text: f"color: {inks[text[0]]}" if text[:1] in inks else "", subset="verdict"),
        column_order=list(COLUMNS),
        column_config=COLUMNS,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        row_height=30,
        key="runs",
        alt="Past runs, the newest first",
    )
    return [int(table.iloc[row]["run"]) for row in event["selection"]["rows"] if row < len(table)]


def one(run: int, table: pd.DataFrame) -> None:
    """What can be done with one run: open, name, pin, delete."""
    row = table[table["run"] == run].iloc[0]
    store = service.store()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        if st.button("Open in Explore", icon=":material/open_in_new:", key="open", help="All results of this run"):
            st.switch_page(EXPLORE, query_params={"run": str(run)})
        name = st.text_input("Name", row["name"], key=f"name {run}", width=220, help="Stands in this list")
        note = st.text_input(
            "Note", row["note"], key=f"note {run}", width=340, help="For yourself and your team; Search finds it"
        )
        pinned = st.toggle(
            "Pinned", bool(row["pinned"]), key=f"pin {run}", help="A pinned run is never removed to make room."
        )
        st.space("stretch")
        if st.button("Delete", icon=":material/delete:", key="delete", help="Can be undone for a day"):
            store.delete(run)
            st.session_state["deleted"] = run
            st.rerun()
    if (name, note, pinned) != (row["name"], row["note"], bool(row["pinned"])):
        store.annotate(run, name=name, note=note, pinned=pinned)
        st.rerun()


def undo() -> None:
    """The way back for the run that was deleted last."""
    run = st.session_state.get("deleted")
    if run is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"Run {run} is deleted; it is gone for good in a day.")
        if st.button("Undo", icon=":material/undo:", key="undo", help="Bring the run back"):
            service.store().restore(run)
            del st.session_state["deleted"]
            st.rerun()


def comparison(before: int, after: int, dark: bool) -> None:
    """What changed from the older run to the newer one, case by case."""
    older, newer = service.load(before), service.load(after)
    changes = tables.changes(older.record, newer.record)
    counts = changes["change"].value_counts().to_dict()
    section(f"What changed from run {before} to run {after}?", findings.changed(counts))
    if older.record.spec.model.name != newer.record.spec.model.name:
        st.caption(
            as_markdown(f"Two different models: {older.record.spec.model.name} and {newer.record.spec.model.name}.")
        )
    elif older.record.spec.model.sha256 != newer.record.spec.model.sha256:
        st.caption("The source of the model changed between the two.")
    versions = [record.environment.get("torch") for record in (older.record, newer.record)]
    if versions[0] != versions[1]:
        st.caption(f"torch {versions[0]} → {versions[1]}")
    cells = grid(2, min_column_width=420)
    with cells.cell():
        figure(run_changes(changes, dark), key="changes")
    with cells.cell():
        ratios = [{mode: found.ratio for mode, found in loaded.speed_ups.items()} for loaded in (older, newer)]
        figure(speed_changes(*ratios, dark), key="speeds")
    moved = changes[changes["change"] != "same"]
    if len(moved):
        words = {name: f"{look.glyph} {look.label}" for name, look in OUTCOMES.items()}
        shown = moved.assign(
            before=[words.get(v, v) for v in moved["before"]], after=[words.get(v, v) for v in moved["after"]]
        )
        st.dataframe(
            shown,
            column_order=["change", "mode", "words", "before", "after"],
            column_config={"words": "case"},
            hide_index=True,
            row_height=30,
            key="moved",
            alt="Every case whose outcome changed",
        )


def page() -> None:
    """The list, and below it what the selection asks for."""
    dark = is_dark()
    table = tables.history(service.store().runs())
    ships = {row.model: row.run for row in reversed(list(table.itertuples())) if row.verdict == "ship"}
    undo()
    if table.empty:
        section("What has run?", findings.history([], {}))
        if st.button("Run something", icon=":material/play_arrow:", key="start", help="To Explore"):
            st.switch_page(EXPLORE)
        return
    shown = filters(table)
    section("What has run?", findings.history(list(table["model"]), ships))
    if shown.empty:
        st.caption("No run fits this search.")
        return
    selected = listing(shown, dark)
    if len(selected) == 1:
        one(selected[0], table)
    elif len(selected) == 2:
        comparison(min(selected), max(selected), dark)
    else:
        st.caption("Select one run to open, name, pin or delete it; select two to see what changed between them.")


page()
