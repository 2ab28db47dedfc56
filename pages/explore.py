"""Explore: choose a model and modes, run the sweep, read the answer from the top down."""

from __future__ import annotations

import streamlit as st

from tsdash import findings
from tsdash.records import Record
from tsdash.ui import address, controls, example, live, results, scope, selection, service
from tsdash.ui.beside import beside
from tsdash.ui.faster import faster
from tsdash.ui.graph import graph_of
from tsdash.ui.kept import kept
from tsdash.ui.mend import mended
from tsdash.ui.outcomes import grid, tolerance
from tsdash.ui.page import as_markdown, is_dark, section
from tsdash.ui.reached import reached
from tsdash.ui.searched import searched
from tsdash.ui.uploads import right
from tsdash.ui.where import where
from tsdash.ui.why import why


def shown_run() -> tuple[service.Loaded | None, str]:
    """The run that the address names, else the example; or why it cannot be shown."""
    if "run" in st.query_params:
        return address.shown_run()
    made = example.find()
    return (service.load(made) if made is not None else None), ""


def start(choice: controls.Choice) -> None:
    """Submit the choice and show its run."""
    show(service.submit(choice.spec(), service.sweep_facts(choice.sweep, choice.effort)))


def again(record: Record) -> None:
    """Run a record's own choices once more."""
    show(service.again(record))


def show(run: int) -> None:
    """Let the address name the run, with nothing selected in it yet."""
    st.query_params.from_dict({"run": str(run)})


def finished(loaded: service.Loaded, dark: bool) -> None:
    """The results, one question after another; everything below the grid is about one selection."""
    loaded = service.under(loaded, tolerance())
    mended(loaded)
    results.verdicts(loaded)
    reached(loaded.record)
    right(loaded)
    chosen = selection.selected(loaded)
    grid(loaded, chosen, dark)
    scope.scope(loaded, chosen)
    beside(loaded, chosen, dark)
    why(loaded.record, chosen, dark)
    searched(loaded, chosen.mode, dark)
    where(loaded.record.id, chosen, dark)
    kept(loaded, chosen.mode)
    faster(loaded, chosen.mode, dark)
    graph_of(loaded.record, chosen.mode)
    results.circumstances(loaded.record)


def _choosing(running: bool) -> controls.Choice | None:
    choice, pressed = controls.controls(running=running)
    if pressed and choice:
        start(choice)
        st.rerun()
    return choice


def page() -> None:
    """The controls, and below them whatever state the run of this address is in."""
    dark = is_dark()
    loaded, problem = shown_run()
    named = "run" in st.query_params
    controls.prefill(loaded.record if loaded and named else None)
    is_running = loaded is not None and not loaded.record.done
    if not named:
        live.welcome(has_example=loaded is not None)
    choosing = _choosing if loaded is None else st.fragment(_choosing)  # with nothing below that shows the choice
    choice = choosing(is_running and named)
    if problem:
        section("No such run", "The run of this address is not here.")
        st.error(as_markdown(problem), icon=":material/error:")
    if loaded is None:
        live.empty(choice.spec() if choice else None, dark, controls.choose)
        return
    record = loaded.record
    model = record.spec.model.filename.removesuffix(".py")
    known = [found.verdict for found in loaded.verdicts.values()]
    st.set_page_config(page_title=f"{findings.title(record.state, model, loaded.recommended, known)} · tsdash")
    if not named:
        live.example(record, controls.choose)
    if is_running:
        live.running(record.id)
    elif record.state == "failed":
        live.failed(record, lambda: again(record))
    else:
        if record.state != "done":
            live.stopped(loaded, lambda: again(record))
        finished(loaded, dark)


page()
