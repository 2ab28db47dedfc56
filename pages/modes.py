"""Modes: all export modes of one model side by side, the one to ship, and what stands between the model and torch.export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from tsdash import formats, models, plan
from tsdash.errors import UserError
from tsdash.exporters import EXPORTERS
from tsdash.records import Record, Summary
from tsdash.spec import RunSpec
from tsdash.ui import controls, live, service
from tsdash.ui.address import shown_run
from tsdash.ui.modes import ORDERS, side_by_side
from tsdash.ui.page import as_markdown, is_dark, section

EFFORT = "standard"
SEARCH_S = plan.SEARCH_S[EFFORT]


def choose(runs: Sequence[Summary], loaded: service.Loaded | None) -> None:
    """Which run is shown, and a run of all modes of a model."""
    names = {run.id: f"{run.id} · {run.name or formats.model(run.model)} · {', '.join(run.modes)}" for run in runs}
    shown = loaded.record.id if loaded else None
    if shown is not None and shown not in names:  # deleted, or older than the list goes back
        names[shown] = f"{shown} · {formats.model(loaded.record.spec.model.name)}" if loaded else str(shown)
    st.session_state["modes_run"] = shown
    if "modes_model" not in st.session_state or st.session_state.get("modes_of") != shown:
        st.session_state["modes_model"] = loaded.record.spec.model.name if loaded else controls.FIRST_MODEL
        st.session_state["modes_of"] = shown
    busy = loaded is not None and not loaded.record.done
    with st.container(border=True, horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Run",
            list(names),
            format_func=names.__getitem__,
            key="modes_run",
            on_change=_show_chosen,
            placeholder="No run yet",
            width=360,
            help="The run whose modes are compared. Its address can be shared.",
        )
        st.segmented_control(
            "Order", ORDERS, default=ORDERS[0], required=True, key="order", bind="query-params",
            help="By verdict, the recommended mode first; by speed-up; by the size of the artefact; by name.",
        )  # fmt: skip
        st.space("stretch")
        model = st.selectbox(
            "Model",
            controls.names_with(str(st.session_state["modes_model"] or "")),
            format_func=controls.called,
            key="modes_model",
            accept_new_options=True,
            width=240,
            help="A model to run in all modes. For the model of the run that is shown, the same sweep is used again.",
        )
        st.button(
            f":primary[**Run all {len(EXPORTERS)} modes**]",
            icon=":material/play_arrow:",
            key="run_all",
            disabled=busy or not model,
            on_click=_run_all,
            args=(loaded.record if loaded else None,),
            help="Export in every mode, give each the same inputs as eager, and time them all in turn.",
        )


def _show_chosen() -> None:
    st.query_params["run"] = str(st.session_state["modes_run"])


def _run_all(record: Record | None) -> None:
    """Submit the chosen model in all modes, with latency: over the sweep of the run that is shown if the model is its own."""
    name = str(st.session_state["modes_model"]).strip()
    try:
        if record is not None and record.spec.model.name == name:
            spec, sweep = replace(record.spec, modes=tuple(EXPORTERS), latency=True, search_s=SEARCH_S), record.sweep
        else:
            source = models.find(name, allow_code=service.allows_code())
            dims = models.default_dims(source)
            chosen = plan.own_plan(dims, EFFORT)
            cases = plan.cases(chosen, dims)
            spec = RunSpec(model=source, modes=tuple(EXPORTERS), cases=cases, latency=True, search_s=SEARCH_S)
            sweep = service.sweep_facts(chosen, EFFORT)
    except UserError as error:
        st.session_state["modes_problem"] = str(error)
        return
    st.query_params["run"] = str(service.submit(spec, sweep))


def again(record: Record) -> None:
    """Run a record's own choices once more."""
    st.query_params["run"] = str(service.submit(record.spec, record.sweep))


def page() -> None:
    """The choice of a run, and below it the state that it is in."""
    dark = is_dark()
    runs = service.store().runs()
    if "run" not in st.query_params and runs:
        st.query_params["run"] = str(max(runs, key=lambda run: (run.state == "done", len(run.modes), run.id)).id)
    loaded, problem = shown_run()
    choose(runs, loaded)
    problem = problem or st.session_state.pop("modes_problem", "")
    if problem:
        st.error(as_markdown(problem), icon=":material/error:")
    if loaded is None:
        section(
            "Nothing has run yet",
            f"Choose a model, then run: all {len(EXPORTERS)} modes get the same inputs as eager, and are timed in turn.",
        )
        return
    record = loaded.record
    if not record.done:
        live.running(record.id)
    elif record.state == "failed":
        live.failed(record, lambda: again(record))
    else:
        if record.state != "done":
            live.stopped(loaded, lambda: again(record))
        side_by_side(loaded, str(st.session_state.get("order") or ORDERS[0]), dark)


page()
