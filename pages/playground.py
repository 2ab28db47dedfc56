"""Playground: write a model, run it eager, traced and scripted, and read what differs, at its lines."""

from __future__ import annotations

from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from tsdash import formats, models, plan
from tsdash.errors import ModelError, UserError
from tsdash.exporters import EXPORTERS
from tsdash.records import Record
from tsdash.spec import ModelSource
from tsdash.study import Study
from tsdash.ui import answers, service, sharing, trying
from tsdash.ui.causes import cards, first_line
from tsdash.ui.editor import KEYS_HELP, editor, replace
from tsdash.ui.graph import graph_section
from tsdash.ui.page import as_markdown, grid, section
from tsdash.ui.tied import panes

FIRST_MODEL = "early_exit"
FIRST_MODES = ("trace", "script")
EDITOR = "play editor"
EDITOR_PX = 520
POLL_S = 0.3
EXPLORE = Path(__file__).parent / "explore.py"


@dataclass(frozen=True, kw_only=True)
class Played:
    """One press of Run: what was run and what came of it."""

    source: ModelSource
    cases: tuple[str, ...]
    study: Study | None = None
    failure: ModelError | None = None
    cancelled: bool = False


@dataclass(frozen=True, kw_only=True)
class Playing:
    """A run that is still at work."""

    source: ModelSource
    cases: tuple[str, ...]
    future: Future[Study]


def begin() -> None:
    """Give the widgets their first values; a source in the address comes into the editor and waits there for Run."""
    if "play model" in st.session_state:
        return
    asked = st.query_params.get("model", FIRST_MODEL)
    st.session_state["play model"] = asked if asked in gallery() else FIRST_MODEL
    st.session_state["play modes"] = list(FIRST_MODES)
    letters = st.query_params.get("source")
    if letters is None:
        return
    try:
        replace(EDITOR, sharing.unpacked(letters))
        st.session_state["play note"] = "This source came with the link. Read it, then press Run."
    except UserError as error:
        st.session_state["play problem"] = str(error)


def gallery() -> list[str]:
    return [listing.name for listing in models.names() if listing.kind == "gallery"]


def take_model() -> None:
    """Put the chosen gallery model into the editor."""
    name = st.session_state["play model"]
    replace(EDITOR, models.gallery_source(name).text)
    st.session_state.pop("played", None)
    st.query_params.from_dict({"model": name})


def controls() -> tuple[bool, st.delta_generator.DeltaGenerator]:
    """Model, modes and Run; whether it was pressed, and the place for what can be shared."""
    with st.container(border=True, horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Start from", gallery(), key="play model", width=260, on_change=take_model,
            help="Puts a model of the gallery into the editor, in place of what is there.",
        )  # fmt: skip
        st.pills(
            "Modes", list(EXPORTERS), selection_mode="multi", key="play modes",
            help="The ways to export it; each answers the same questions as eager.",
        )  # fmt: skip
        st.space("stretch")
        is_running = "playing" in st.session_state
        pressed = st.button(
            "Running" if is_running else ":primary[**Run**]", icon=":material/play_arrow:", shortcut="Ctrl+Enter",
            key="play run", disabled=is_running, help="Runs the source in processes of its own, confined as everywhere.",
        )  # fmt: skip
        return pressed, st.popover("Share", icon=":material/link:", help="A link to this source")


def share(text: str) -> None:
    """The link to a source, or why there is none; the source as a file."""
    try:
        base = (st.context.url or "").partition("?")[0]
        st.code(f"{base}?source={sharing.packed(text)}", language=None, wrap_lines=True)
        st.caption("Whoever opens it sees this source; nothing runs until they press Run.")
    except UserError as error:
        st.caption(as_markdown(str(error)))
    st.download_button(
        "Python file", text, trying.FILENAME, "text/x-python", icon=":material/download:", on_click="ignore",
        key="play file", help="The source as a model file, for the Explore page or the command line",
    )  # fmt: skip


def start(source: ModelSource, modes: tuple[str, ...]) -> None:
    """Put the source to work; what is no model file fails at once."""
    for key in ("played", "play causes"):
        st.session_state.pop(key, None)
    try:
        spec = trying.study_of(source, modes)
    except ModelError as error:
        st.session_state["played"] = Played(source=source, cases=(), failure=error)
        return
    base = spec.example.case
    names = tuple(plan.describe(question.case, base) or "as the model file has it" for question in spec.questions)
    st.session_state["playing"] = Playing(source=source, cases=names, future=service.study(spec))


@st.fragment(run_every=POLL_S)
def wait() -> None:
    """Until the run ends, with a way to end it."""
    playing: Playing = st.session_state["playing"]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            f"Running {as_markdown(playing.source.filename)} on {formats.counted(len(playing.cases), 'case')} …"
        )
        if st.button("Cancel", icon=":material/stop:", key="play cancel", help="Ends the run and its processes"):
            playing.future.cancel()
    if not playing.future.done():
        return
    ended = Played(source=playing.source, cases=playing.cases)
    try:
        ended = Played(source=playing.source, cases=playing.cases, study=playing.future.result())
    except CancelledError:
        ended = Played(source=playing.source, cases=playing.cases, cancelled=True)
    except ModelError as error:
        ended = Played(source=playing.source, cases=playing.cases, failure=error)
    st.session_state["played"] = ended
    del st.session_state["playing"]
    st.rerun()


def outcome(played: Played) -> None:
    """Who answered what, beside the editor."""
    if played.cancelled:
        section("Do they answer alike?", "Cancelled: there are no answers.")
        return
    if played.failure or played.study is None:
        section("Do they answer alike?", "The model cannot be loaded.")
        st.error(as_markdown(str(played.failure)), icon=":material/error:")
        return
    study = played.study
    if study.lost or not study.eager:
        section("Do they answer alike?", "Eager itself gives no answer.")
        st.error(as_markdown(study.lost or "make_inputs gave no case that can be run."), icon=":material/timer_off:")
        return
    section("Do they answer alike?", "; ".join(f"{mode}: {answers.summary(study, mode)}" for mode in study.modes) + ".")
    st.html(trying.table(study, played.cases))
    for mode, kept in study.modes.items():
        error = kept.export.error
        if error:
            with st.expander(f"What {mode} said: {first_line(error.message)[:100]}", icon=":material/error:"):
                st.code(error.traceback or error.message, language=None, height=260)
        elif kept.lost:
            st.error(as_markdown(f"{mode}: {kept.lost}"), icon=":material/timer_off:")


def failing(study: Study) -> tuple[str, ...]:
    """The modes that do not answer as eager does."""
    return tuple(mode for mode in study.modes if answers.wrong(study, mode) or study.modes[mode].export.error)


def ask_causes(source: ModelSource, modes: tuple[str, ...], effort: str) -> None:
    """Start the run that looks for causes."""
    spec, sweep = trying.run_of(source, modes, effort)
    st.session_state["play causes"] = service.submit(spec, service.sweep_facts(sweep, effort))


def record_of_causes() -> Record | None:
    run = st.session_state.get("play causes")
    return None if run is None else service.load(run).record


@st.fragment(run_every=POLL_S)
def wait_for_causes() -> None:
    record = record_of_causes()
    if record is None or record.done:
        st.rerun()
        return
    done = len(record.results)
    st.caption(f"Looking for the cause: {done} of {len(record.spec.cases) * len(record.spec.modes)} cases done.")


def why(played: Played) -> None:
    """A way to the causes of what differs, or to more inputs where nothing does; and what that run found."""
    if played.study is None or not played.study.eager:
        return
    record = record_of_causes()
    if record is None:
        wrong = failing(played.study)
        st.button(
            "Find the cause" if wrong else "Try more inputs", icon=":material/search_insights:", key="play why",
            on_click=ask_causes, args=(played.source, wrong or tuple(played.study.modes), "quick" if wrong else "standard"),
            help="A sweep with diagnosis, as on the Explore page; it is kept in History like any run.",
        )  # fmt: skip
        return
    if not record.done:
        wait_for_causes()
        return
    verdicts = service.load(record.id).verdicts
    told = {mode: causes for mode in record.spec.modes if (causes := record.causes.get(mode, ()))}
    said = [
        f"{mode}: {told[mode][0].message or told[mode][0].cause}"
        if mode in told
        else f"{mode}: {verdicts[mode].reasons[0]}"
        for mode in record.spec.modes
        if mode in told or (mode in verdicts and verdicts[mode].reasons)
    ]
    section("Why?", " ".join(said) or "The run ended before it could say.", anchor="why")
    for mode, causes in told.items():
        st.markdown(f"**{as_markdown(mode)}**")
        cards(causes, mode)
    if st.button("Open in Explore", icon=":material/open_in_new:", key="play explore", help="The whole run"):
        st.switch_page(EXPLORE, query_params={"run": str(record.id)})


def kept(played: Played) -> None:
    """Code and graphs side by side."""
    study = played.study
    if study is None or not any(kept.export.error is None for kept in study.modes.values()):
        return
    modes = [mode for mode, kept in study.modes.items() if kept.code or kept.export.code]
    if modes:
        section(
            "What did each export keep of each line?", "Lines of one colour come from one line of yours.", anchor="code"
        )
        st.html(panes(played.source, study, modes=modes))
    graphs = {mode: kept.export.graph or "" for mode, kept in study.modes.items()}
    first = next((mode for mode, text in graphs.items() if text), None)
    if first:
        graph_section(
            graphs, first, key="play graph", beside=next((m for m in graphs if graphs[m] and m != first), None)
        )


def page() -> None:
    """Editor and answers, and below them causes, code and graphs."""
    begin()
    pressed, popover = controls()
    played: Played | None = st.session_state.get("played")
    cells = grid(2, min_column_width=460)
    with cells.cell():
        record = record_of_causes()
        causes = [cause for found in record.causes.values() for cause in found] if record else []
        marks = trying.marks(played.source, played.study, causes, played.failure) if played else {}
        if played and st.session_state.get("play text") != played.source.text:
            marks = {}  # they are about lines that are no longer there
        edited = editor(
            models.gallery_source(st.session_state["play model"]).text,
            key=EDITOR,
            label="The source of the model",
            marks=marks,
            height=EDITOR_PX,
        )
        st.caption(KEYS_HELP)
    if edited.text != st.session_state.get("play text"):
        st.session_state["play text"] = edited.text
        if marks and not (pressed or edited.run):
            st.rerun()
    with popover:
        share(edited.text)
    with cells.cell():
        note, problem = st.session_state.pop("play note", ""), st.session_state.pop("play problem", "")
        if note:
            st.info(note, icon=":material/link:")
        if not service.allows_code():
            st.caption("On this server only models of the gallery can be run; a source of your own can be read here.")
        if (pressed or edited.run) and "playing" not in st.session_state:
            try:
                modes = tuple(mode for mode in EXPORTERS if mode in st.session_state["play modes"])
                source = trying.source_of(edited.text, st.session_state["play model"], allow_code=service.allows_code())
                start(source, modes)
                st.rerun()
            except UserError as error:
                problem = str(error)
        if problem:
            st.error(as_markdown(problem), icon=":material/error:")
        if "playing" in st.session_state:
            wait()
        elif played:
            outcome(played)
            why(played)
        elif not problem:
            section("Do they answer alike?", "Press Run: eager and each mode get the same inputs.")
    if played and "playing" not in st.session_state:
        kept(played)


page()
