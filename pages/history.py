"""History: past runs, and what changed between two of them."""

from __future__ import annotations

import difflib
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import streamlit as st

from tsdash import formats, past, tables
from tsdash.formats import ABSENT
from tsdash.glossary import FIGURES
from tsdash.plots import run_changes, speed_changes
from tsdash.records import Record
from tsdash.tokens import OUTCOMES, VERDICTS
from tsdash.ui import service
from tsdash.ui.html import diff_view
from tsdash.ui.page import figure, grid, is_dark, section

ANY = "any"
FAILED = "failed"  # the state of a run that came to no verdict because its model cannot be run
EXPLORE = Path(__file__).parent / "explore.py"
MODES = Path(__file__).parent / "modes.py"
COLUMNS = {
    "run": st.column_config.NumberColumn("run", width=50),
    "name": st.column_config.TextColumn("name", width=130),
    "model": st.column_config.TextColumn("model", width=130),
    "verdict": st.column_config.TextColumn("verdict", width=110, help=FIGURES["verdict"]),
    "ship": st.column_config.TextColumn("ship as", width=100, help="The mode that tsdash recommends to ship"),
    "same": st.column_config.ProgressColumn(
        "same answers", min_value=0, max_value=100, format="%d%%", color="gray", width=120, help=FIGURES["same"]
    ),
    "cases": st.column_config.NumberColumn("cases", width=60),
    "speedups": st.column_config.BarChartColumn(
        "speed-up by mode", y_min=0, color="gray", width=120, help=FIGURES["speed_up"]
    ),
    "seconds": st.column_config.NumberColumn("took, s", format="%.1f", width=70),
    "started": st.column_config.TextColumn("started", width=125),
    "torch": st.column_config.TextColumn("torch", width=70),
    "modes": st.column_config.TextColumn("modes"),
}


def filters(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that the reader asks for: by words, by model, by verdict or by having none; only pinned ones if wished."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        words = st.text_input(
            "Search",
            placeholder="model, mode, name, note",
            key="search",
            bind="query-params",
            width=240,
            help="Words that all have to occur in a run's model, modes, name, note, verdict or torch version; failed and cancelled find runs that came to no verdict.",
        )
        model = st.selectbox(
            "Model",
            [ANY, *dict.fromkeys(map(formats.model, table["model"]))],
            key="of_model",
            bind="query-params",
            width=240,
            help="Runs of one model only; of a file by its name, wherever it lies.",
        )
        labels = {name: f"{look.glyph} {look.label}" for name, look in VERDICTS.items()} | {FAILED: FAILED}
        verdict = st.segmented_control(
            "Verdict",
            [ANY, *labels],
            default=ANY,
            required=True,
            format_func=lambda name: labels.get(name, name),
            key="verdict",
            bind="query-params",
            help="The worst verdict of the run's modes; failed: runs whose model could not be loaded.",
        )
        pinned = st.toggle(
            "Pinned only", key="pinned_only", bind="query-params", help="Runs that are never removed to make room."
        )
    if words:
        text = table[["model", "modes", "name", "note", "torch", "verdict"]].agg(" ".join, axis=1).str.lower()
        table = table[[all(word in line for word in words.lower().split()) for line in text]]
    table = table if model == ANY else table[[formats.model(name) == model for name in table["model"]]]
    table = table if verdict == ANY else table[table["verdict"] == verdict]
    return table[table["pinned"]] if pinned else table


def asked() -> list[int]:
    """The runs that the address selects: `?run=7` one, `?run=3,7` two to compare."""
    return [int(part) for part in st.query_params.get("run", "").split(",") if part.strip().isdecimal()]


def listing(table: pd.DataFrame, dark: bool) -> list[int]:
    """The runs as a table; returns the ids of the selected ones, which the address names."""
    shown = table.assign(
        verdict=[f"{VERDICTS[v].glyph} {VERDICTS[v].label}" if v in VERDICTS else v for v in table["verdict"]],
        model=[formats.model(name) for name in table["model"]],
        same=[_percent(share) for share in table["same"]],
        name=[f"{'★ ' if pin else ''}{name}" for pin, name in zip(table["pinned"], table["name"], strict=True)],
    )
    inks = {look.glyph: look.ink[dark] for look in VERDICTS.values()}
    ids = [int(run) for run in table["run"]]
    key = f"runs {ids}"  # rows are selected by their place: other runs, another selection
    st.dataframe(
        shown.style.map(lambda text: f"color: {inks[text[0]]}" if text[:1] in inks else "", subset="verdict"),
        column_order=list(COLUMNS),
        column_config=COLUMNS,
        hide_index=True,
        on_select=lambda: _select(key, ids),
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [ids.index(run) for run in asked() if run in ids]}},
        row_height=30,
        placeholder=ABSENT,
        key=key,
        alt="Past runs, the newest first",
    )
    return [run for run in asked() if run in ids]


def _percent(share: float) -> float:
    """In whole percent; 0 and 100 only where it is exactly that."""
    if pd.isna(share):  # also None, where no run has a digest yet
        return float("nan")
    return 100 * share if share in (0, 1) else min(99, max(1, round(100 * share)))


def _select(key: str, ids: list[int]) -> None:
    """Let the address name the runs whose rows are selected."""
    rows = st.session_state[key]["selection"]["rows"]
    st.query_params["run"] = ",".join(str(run) for run in sorted(ids[row] for row in rows))
    if not rows:
        del st.query_params["run"]


def one(run: int, table: pd.DataFrame) -> None:
    """What can be done with one run: open, name, pin, delete."""
    row = table[table["run"] == run].iloc[0]
    store = service.store()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        if st.button("Open", icon=":material/open_in_new:", key="open", help="The run as Explore shows it"):
            st.switch_page(EXPLORE, query_params={"run": str(run)})
        if st.button("Modes", icon=":material/view_column:", key="modes", help="Its modes side by side"):
            st.switch_page(MODES, query_params={"run": str(run)})
        record = service.load(run).record
        allowed = service.may_run(record.spec.model)
        if st.button(
            "Run again",
            icon=":material/refresh:",
            key="again",
            disabled=not allowed,
            help="The same source, modes and cases, as a new run"
            if allowed
            else "This server runs no code of your own, and this model is some",
        ):
            st.switch_page(EXPLORE, query_params={"run": str(service.again(record))})
        name = st.text_input(
            "Name", row["name"], key=f"name {run}", width=220, help="Shown in lists and found by Search."
        )
        note = st.text_input("Note", row["note"], key=f"note {run}", width=340, help="What to remember of this run.")
        pinned = st.toggle(
            "Pinned", bool(row["pinned"]), key=f"pin {run}", help="A pinned run is never removed to make room."
        )
        st.space("stretch")
        if st.button("Delete", icon=":material/delete:", key="delete", help="Can be undone for a day"):
            store.delete(run)
            st.session_state["deleted"] = run
            st.query_params.pop("run", None)
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
    sources = [loaded.record.spec.model for loaded in (older, newer)]
    question = f"What changed from run {before} to run {after}?"
    if not past.same_model(*sources):
        section(question, past.two_models(before, sources[0].name, after, sources[1].name))
        st.caption("Select two runs of one model to see what became of its cases.")
        return
    changes = tables.changes(older.record, newer.record)
    counts = changes["change"].value_counts().to_dict()
    section(question, past.changed(counts))
    if sources[0].sha256 != sources[1].sha256:
        st.caption("The source of the model changed between the two.")
    versions = [record.environment.get("torch") for record in (older.record, newer.record)]
    if versions[0] != versions[1]:
        st.caption(f"torch {versions[0]} → {versions[1]}")
    if set(counts) - {"new", "gone"}:
        cells = grid(2, min_column_width=420)
        with cells.cell():
            figure(run_changes(changes, dark), key="changes")
        with cells.cell():
            ratios = [{mode: found.ratio for mode, found in loaded.speed_ups.items()} for loaded in (older, newer)]
            figure(speed_changes(*ratios, dark), key="speeds")
    _source_diff(older.record, newer.record)
    _moved(changes[changes["change"] != "same"], before, after)


def _source_diff(older: Record, newer: Record) -> None:
    """What changed in the model's own source between the two runs."""
    texts = [record.spec.model.text for record in (older, newer)]
    if texts[0] != texts[1]:
        with st.expander(f"What changed in {newer.spec.model.filename}"):
            lines = difflib.unified_diff(texts[0].splitlines(), texts[1].splitlines(), lineterm="")
            st.html(diff_view("\n".join(lines), title=newer.spec.model.filename))


def _moved(moved: pd.DataFrame, before: int, after: int) -> None:
    """Every case whose outcome changed, with a way to look at it in either run."""
    if moved.empty:
        return
    words = {name: f"{look.glyph} {look.label}" for name, look in OUTCOMES.items()}
    links = [
        [
            f"/?run={run}&mode={quote(row.mode)}&case={quote(case)}" if isinstance(case, str) else None
            for row, case in zip(moved.itertuples(), moved[column], strict=True)
        ]
        for run, column in ((before, "case_before"), (after, "case_after"))
    ]
    shown = moved.assign(
        before=[words.get(v, v) for v in moved["before"]],
        after=[words.get(v, v) for v in moved["after"]],
        open_before=links[0],
        open_after=links[1],
    )
    open_it = "The case in Explore, as this run saw it"
    st.dataframe(
        shown,
        column_order=["change", "mode", "words", "before", "after", "open_before", "open_after"],
        column_config={
            "words": "case",
            "open_before": st.column_config.LinkColumn(f"run {before}", display_text="open", help=open_it),
            "open_after": st.column_config.LinkColumn(f"run {after}", display_text="open", help=open_it),
        },
        hide_index=True,
        row_height=30,
        placeholder=ABSENT,
        key="moved",
        alt="Every case whose outcome changed",
    )


def page() -> None:
    """The list, and below it what the selection asks for."""
    dark = is_dark()
    table = tables.history(service.store().runs())
    models = past.models(table["model"], table["source"])
    runs = list(zip(models, table["run"], table["ship"], strict=True))
    ships = {model: run for model, run, ship in reversed(runs) if ship != ABSENT}
    undo()
    if table.empty:
        section("What has run?", past.history([], {}))
        if st.button("Run something", icon=":material/play_arrow:", key="start", help="To Explore"):
            st.switch_page(EXPLORE)
        return
    shown = filters(table)
    section("What has run?", past.history(models, ships))
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
