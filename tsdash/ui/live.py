"""A run that has not finished: empty, in progress, failed, cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st

from tsdash import findings, formats, plan, tables
from tsdash.engine import budget
from tsdash.errors import ModelError, UserError
from tsdash.models import files
from tsdash.plots import outcome_grid
from tsdash.records import ENDED, Record
from tsdash.search.standing import is_made
from tsdash.spec import RunSpec
from tsdash.ui import service
from tsdash.ui.cells import live_grid
from tsdash.ui.html import Mark, code_view, outcome_legend
from tsdash.ui.page import as_markdown, figure, section

POLL_S = 0.4
DIAGNOSING = "diagnosing"  # what the engine calls the search for a cause
MANY_CELLS, SLOW_POLL_S = 1000, 2.0  # above that a new grid is drawn less often

# label, icon, model, modes
EXAMPLES = (
    ("A branch that tracing loses", ":material/call_split:", "early_exit", ("trace", "script")),
    ("A loop that tracing unrolls", ":material/repeat:", "decay_loop", ("trace", "script")),
    (
        "resnet18, and which export is fastest",
        ":material/speed:",
        "torchvision:resnet18",
        ("trace", "script", "trace+freeze"),
    ),
)
OWN_MODEL = '''\
"""What the model does, in one sentence."""

import torch
from torch import nn


def make_model():
    return nn.Linear(16, 4).eval()


def make_inputs(batch=2):  # every integer default is a size to vary
    return (torch.randn(batch, 16),)
'''


def welcome(*, has_example: bool) -> None:
    """What tsdash does, in one breath; said where no run is named."""
    below = " Below is an example that ran on this machine." if has_example else ""
    st.markdown(
        "**Does your exported PyTorch model still give the same answers?** tsdash exports it, runs eager and the export side by "
        "side on many inputs, and says where they part, which line of your source is to blame, and whether it is faster."
        f"{below} Press **Run** to see your own."
    )


def example(record: Record, start: Callable[[str, tuple[str, ...]], None]) -> None:
    """Above the example's results: what it is, and other things to start from."""
    name = as_markdown(formats.model(record.spec.model.name))
    modes = formats.joined(record.spec.modes)
    word = "The example is being run" if not record.done else "An example"
    st.caption(f"{word}: {name}, exported with {modes}. Other things to start from:")
    with st.container(horizontal=True, gap="small"):
        starters(start)


def starters(start: Callable[[str, tuple[str, ...]], None]) -> None:
    """Buttons that set the controls and run."""
    for label, icon, model, modes in EXAMPLES:
        st.button(
            label, icon=icon, key=f"try {model}", on_click=start, args=(model, modes), help=f"Runs {model} right away"
        )
    with st.popover("My own model file", icon=":material/draft:", help="What a model file of your own looks like"):
        own_model()


def own_model() -> None:
    """How to come with a model of one's own."""
    if service.allows_code():
        st.file_uploader(
            "Upload a model file",
            type="py",
            key="model file",
            on_change=_upload,
            help="Python source with make_model and make_inputs. It is kept with the runs of this server, and chosen as the model.",
        )
        if problem := st.session_state.pop("model file problem", ""):
            st.error(as_markdown(problem), icon=":material/error:")
        st.markdown("Or save it where tsdash runs, and type its path into **Model**. This is what it looks like:")
    else:
        st.markdown("This server runs no code of your own: start tsdash on your machine with a file like this.")
    st.code(OWN_MODEL, language="python")


def _upload() -> None:
    """Keep the file that came, and choose it as the model."""
    came = st.session_state.get("model file")
    if came is None:
        return
    try:
        if came.size > files.FILE_BYTES:
            raise ModelError(f"{came.name} has {came.size:,} bytes; a model file may have {files.FILE_BYTES:,}.")
        source = service.keep_model(came.name, files.decode(came.getvalue(), came.name))
    except UserError as error:
        st.session_state["model file problem"] = str(error)
        return
    st.session_state["model"] = source.name


def empty(planned: RunSpec | None, dark: bool, start: Callable[[str, tuple[str, ...]], None]) -> None:
    """Before the first run: what will happen, and something to start with."""
    n = len(planned.cases) if planned else 0
    inputs = formats.counted(n, "input")
    section(
        "Nothing has run yet",
        f"Choose a model, then run: eager and every export get the same {inputs}."
        if n
        else "Choose a model and a mode, then run.",
    )
    if planned:
        figure(outcome_grid(tables.planned(planned), dark), key="grid-planned")
    st.caption("Or start from one of these:")
    with st.container(horizontal=True, gap="small"):
        starters(start)


def running(run: int) -> None:
    """One line, a bar, Cancel, and the grid as it fills. Runs by itself until the run has ended."""
    loaded = service.load(run)
    cells = len(loaded.table)
    poll = POLL_S if cells <= MANY_CELLS else SLOW_POLL_S

    @st.fragment(run_every=poll)
    def live() -> None:
        if service.store().progress(run)[0] in ENDED:
            st.rerun()
        _progress(service.load(run))

    live()


def _progress(loaded: service.Loaded) -> None:
    record = loaded.record
    done, planned = len(record.swept), len(loaded.table)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        text = findings.progress(
            done=done, planned=planned, current=now_doing(record), left_s=left_s(record, time.time())
        )
        st.progress(done / max(1, planned), text=as_markdown(text))
        if service.is_ours(record.id):
            st.button(
                "Cancel",
                icon=":material/stop_circle:",
                key="cancel",
                help="End this run now; what it has so far is kept",
                on_click=service.engine().cancel,
                args=(record.id,),
            )
    if not service.is_ours(record.id):
        st.caption("Another process runs this. If that has ended, start it again with Run.")
    section("So far", findings.so_far(loaded.cells))
    st.html(_grid(service.version(loaded), record.doing, loaded))
    st.html(outcome_legend())


@st.cache_resource(max_entries=64, show_spinner=False)
def _grid(version: str, doing: tuple[str, str], _loaded: service.Loaded) -> str:
    """The grid, made once for all who look on."""
    return live_grid(_loaded.table, doing)


def now_doing(record: Record) -> str:
    """What is being done, in words."""
    mode, what = record.doing
    case = next((case for case in record.spec.cases if case.id == what), None)
    if record.state == "queued":
        ahead = service.engine().ahead(record.id)
        return f"waiting: {formats.counted(ahead, 'run')} before it" if ahead else "waiting for its turn"
    if not mode:
        return "one case after another" if record.swept else "loading the model"  # what is quick is not told
    if mode == "latency":
        return "measuring latency"
    if mode == "coverage":
        return "seeing which lines of forward ran"
    if is_made(what):
        return f"{mode} · narrowing the failure down"
    if len(record.swept) == len(record.spec.cases) * len(record.spec.modes) and what != DIAGNOSING:
        return f"judging {mode}"
    if case is not None:
        return f"{mode} · {plan.describe(case, record.spec.cases[0])}"
    return f"{mode} · {what}"


def left_s(record: Record, now: float) -> float | None:
    """The time left at the pace so far; None before anything is known of it, and once it has taken longer than was thought."""
    seconds = record.seconds(now)
    done, planned = len(record.swept), len(record.spec.cases) * len(record.spec.modes)
    if not done or seconds is None:
        return None
    timing = budget.whole_s(record.spec.latency_s, len(record.spec.modes)) if record.spec.latency else 0.0
    if done < planned:
        return seconds / done * (planned - done) + timing
    left = timing - (now - (record.told_at or now))
    return left if left > 0 else None


def failed(record: Record, again: Callable[[], None]) -> None:
    """Nothing could be judged: what happened, where, what to do."""
    failure = record.failure
    source = record.spec.model
    section("Could not start", f"{formats.model(source.name)} was found, but it cannot be run.")
    message = failure.message if failure else "The run ended without saying why."
    st.error(as_markdown(message), icon=":material/error:")
    if failure and failure.line is not None:
        mark = Mark(kind="guilty", notes=(message.partition(": ")[2],))  # what follows "net.py line 3: "
        st.html(code_view(source.text, title=source.filename, marks={failure.line: mark}))
    if failure and failure.traceback:
        with st.expander("The traceback"):
            st.code(failure.traceback, language=None)
    _run_again(record, again)


def stopped(loaded: service.Loaded, again: Callable[[], None]) -> None:
    """A run that was cancelled or interrupted: what it has, what it lacks."""
    record = loaded.record
    seconds = record.seconds(time.time()) or 0.0
    word = "Cancelled" if record.state == "cancelled" else "Interrupted"
    section(
        f"{word} after {formats.waiting(seconds)}",
        findings.cancelled(done=len(record.swept), planned=len(loaded.table)),
    )
    _run_again(record, again)


def _run_again(record: Record, again: Callable[[], None]) -> None:
    st.button(
        "Run again",
        icon=":material/refresh:",
        key="again",
        on_click=again,
        disabled=not service.may_run(record.spec.model),
        help="The same model, modes and cases, as a new run",
    )
