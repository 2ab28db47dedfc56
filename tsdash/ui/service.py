"""The server's one store and one engine, and runs as pages read them: loaded once, judged once."""

from __future__ import annotations

import functools
import hashlib
import ipaddress
import json
import re
import shutil
import statistics
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from tsdash import environment, tables, verdicts
from tsdash.engine import budget
from tsdash.engine.core import Engine
from tsdash.judge import Tolerance
from tsdash.models import files
from tsdash.overview import Overview, overview
from tsdash.records import Record
from tsdash.rejudge import Rejudging
from tsdash.spec import ModelSource, RunSpec, to_json
from tsdash.store import Store
from tsdash.study import Study, StudySpec
from tsdash.ui.shared import Shared

KEPT_MODELS = "models"  # the folder of the home with model files that came through the browser
KEPT_RUNS = 16
REFRESH_S = 0.3  # a run that changes is read and judged again no more often, however many look at it
MANY_CELLS, SLOW_REFRESH_S = 1000, 2.0  # above that reading and drawing take a while themselves
FIRST_GUESS_S = 0.15  # a case of a model that nobody has run yet
LEAST_S = 2.0  # loading and exporting take that long whatever follows
KEPT_FILES_S = 24 * 3600.0  # a file that came and was never run on
EXPECTED_S = 30.0  # a guess from past runs is kept that long: reading them all takes longer than drawing a page

Loaded = Overview  # a run as pages read it
_ONE_AT_A_TIME = threading.Lock()
_loaded = Shared[Loaded](KEPT_RUNS)


@functools.cache
def store() -> Store:
    """Where this server keeps its runs."""
    return Store()


def engine() -> Engine:
    """This server's engine, started by whoever asks first."""
    with _ONE_AT_A_TIME:
        return _engine()


@functools.cache
def _engine() -> Engine:
    return Engine(store(), kind="server")


def close() -> None:
    """End the engine and all that it runs, if it was started."""
    with _ONE_AT_A_TIME:
        if _engine.cache_info().currsize:
            _engine().close()
            _engine.cache_clear()


def submit(spec: RunSpec, sweep: dict[str, object]) -> int:
    """Start a run; returns its id. Each browser session has its fair share of the machine."""
    context = get_script_run_ctx()
    run = store().create(spec, sweep, environment.describe(), owner=engine().owner)
    engine().submit(run, spec, session=context.session_id if context else "")
    return run


def may_run(source: ModelSource) -> bool:
    """Whether this server runs the model: tsdash's own and torchvision's always, code of the user's own where it is allowed."""
    return source.kind in ("gallery", "torchvision") or allows_code()


def again(record: Record) -> int:
    """Start a record's own choices once more, on the source and the files that it had; returns the new run's id."""
    return submit(record.spec, record.sweep)


def study(spec: StudySpec) -> Future[Study]:
    """Start a study, which leaves no run behind."""
    context = get_script_run_ctx()
    return engine().study(spec, session=context.session_id if context else "")


def studied(spec: StudySpec) -> Study:
    """What a study finds, kept for whoever asks the same. Raises ModelError where the model cannot be loaded."""
    return _studied(json.dumps(to_json(spec), sort_keys=True), spec)


@st.cache_resource(max_entries=256, show_spinner=False)
def _studied(key: str, _spec: StudySpec) -> Study:
    future = study(_spec)
    try:
        return future.result()
    finally:
        future.cancel()  # nothing happens to one that is done; one that nobody waits for any more ends


def is_ours(run: int) -> bool:
    """Whether this server carries the run out, so that it can be cancelled here."""
    return store().unfinished().get(run) == engine().owner


def allows_code() -> bool:
    """Whether models of the user's own may be run: where nobody else can reach the server, or the operator says so."""
    if environment.allows_code():
        return True
    address = str(st.get_option("server.address") or "")
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def load(run: int) -> Loaded:
    """The run as it is now, shared by all sessions; while it runs, as it was at most REFRESH_S ago, or as long as reading takes.

    Raises OptionError for a run that does not exist.
    """
    state, done, doing = store().progress(run)

    def read(known: Loaded | None) -> Loaded:
        return overview(store().load(run, None if known is None else known.record))

    return _loaded.get((store().folder, run), (state, done, doing), read, _refresh_s if state == "running" else None)


def under(loaded: Loaded, tolerance: float | None) -> Loaded:
    """The run judged under a tolerance of the reader's; None is tsdash's own rule. Nothing is run."""
    return loaded if tolerance is None else _under(version(loaded), tolerance, loaded)


@st.cache_resource(max_entries=64, show_spinner=False)
def _under(version: str, tolerance: float, _loaded: Loaded) -> Loaded:
    found = _rejudging(version, _loaded).under(Tolerance(absolute=tolerance))
    record = _loaded.record
    return replace(
        _loaded,
        table=tables.recoloured(_loaded.table, found.judgements),
        cells=tables.cells(record, found.judgements),
        verdicts=found.verdicts,
        recommendation=verdicts.recommendation(record, found.verdicts, _loaded.speed_ups),
        tolerance=tolerance,
    )


@st.cache_resource(max_entries=8, show_spinner=False)
def _rejudging(version: str, _loaded: Loaded) -> Rejudging:
    return Rejudging(_loaded.record)


def version(loaded: Loaded) -> str:
    """What a figure or table made from `loaded` depends on, for caches."""
    return f"{facts_version(loaded.record)} {loaded.tolerance}"


def facts_version(record: Record) -> str:
    """The same for what does not ask how the run is judged."""
    return f"{store().folder} {record.id} {record.state} {len(record.results)}"


def _refresh_s(loaded: Loaded) -> float:
    return REFRESH_S if len(loaded.cells) <= MANY_CELLS else SLOW_REFRESH_S


@st.cache_data(ttl=EXPECTED_S, max_entries=256, show_spinner=False)
def expected_s(model: str, n_cases: int, n_modes: int, *, latency: bool, latency_s: float | None = None) -> float:
    """How long a run will take, by what a case of this model, or of any, took before."""
    past = [run for run in store().runs() if run.state == "done" and run.seconds]
    same = [run for run in past if run.model == model] or past
    rates = [run.seconds / (run.cases * len(run.modes)) for run in same if run.seconds]
    rate = statistics.median(rates) if rates else FIRST_GUESS_S
    return LEAST_S + rate * n_cases * n_modes + (budget.whole_s(latency_s, n_modes) if latency else 0)


def keep_model(filename: str, text: str) -> ModelSource:
    """A model file that came through the browser, kept under the SHA-256 of its text. Raises ModelError for what is none."""
    name = re.sub(r"[^\w.-]", "_", Path(filename).name.removesuffix(".py"), flags=re.ASCII).lstrip(".")[:80]
    text = text.replace("\r\n", "\n")
    named = f"{name or 'model'}.py"
    files.default_dims(ModelSource(name=named, kind="file", filename=named, text=text))
    path = keep_file(KEPT_MODELS, named, text.encode("utf-8", "surrogatepass"))
    return files.read(path, str(path))


def keep_file(kind: str, filename: str, content: bytes) -> Path:
    """A file that came through the browser, kept in the home under its kind and the SHA-256 of its bytes, as long as a run
    names it."""
    _forget_files(store().folder / kind)
    name = re.sub(r"[^\w.-]", "_", Path(filename).name, flags=re.ASCII).lstrip(".")[-80:]
    path = store().folder / kind / hashlib.sha256(content).hexdigest()[:16] / (name or "file")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def is_kept_model(name: str) -> bool:
    """Whether the path is one that `keep_model` gave, in this home or in the one that the run came from."""
    return re.search(rf"[/\\]{KEPT_MODELS}[/\\][0-9a-f]{{16}}[/\\][^/\\]+$", name) is not None


def _forget_files(folder: Path) -> None:
    """Remove what came more than a day ago and belongs to no run."""
    for kept in folder.glob("*"):
        named = store().connection().execute("SELECT 1 FROM runs WHERE instr(spec, ?)", (kept.name,)).fetchone()
        if named is None and kept.stat().st_mtime < time.time() - KEPT_FILES_S:
            shutil.rmtree(kept, ignore_errors=True)


def sweep_facts(sweep: object, effort: str) -> dict[str, object]:
    """What is kept of the choices of a sweep, beside its cases."""
    return {**to_json(sweep), "effort": effort, "seed": 0}
