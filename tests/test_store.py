"""Runs are kept as they arrive and come back as they were."""

import json
import multiprocessing
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from tsdash import plan, schema
from tsdash.environment import limit_bytes
from tsdash.errors import OptionError
from tsdash.spec import (
    Case,
    CaseResult,
    Cause,
    Description,
    ErrorFacts,
    Export,
    Latency,
    ModelSource,
    RunSpec,
    Side,
    Sweep,
    to_json,
)
from tsdash.store import Store

SPEC = RunSpec(
    model=ModelSource(name="m", kind="file", filename="m.py", text="'\ud800'"),
    modes=("trace",),
    cases=plan.cases(Sweep(dims={"n": (1, 2, 3)}), {"n": 1}),
)
SIDE = Side(ended="returned")


def result(case: Case) -> CaseResult:
    return CaseResult(case=case, mode="trace", eager=SIDE, exported=SIDE)


@pytest.fixture
def store(tsdash_home):
    return Store()


def test_a_run_comes_back_with_all_that_was_told(store, tmp_path):
    run = store.create(SPEC, {"effort": "quick"}, {"torch": "2"})
    description = Description(parameters=1, dims={"n": 1}, inputs=(), training=False)
    artefact = tmp_path / "a.pt"
    artefact.write_bytes(b"artefact")
    store.begin(run)
    store.describe(run, description)
    store.add_export(run, Export(mode="trace", seconds=1.0), artefact)
    store.add_case(run, result(SPEC.cases[0]), {"output": {"shape": [1]}})
    store.add_latency(run, Latency(case=SPEC.cases[0], arms=()))
    store.add_causes(run, "trace", (Cause(cause="unknown", line=3),))
    store.end(run, "done")
    record = store.load(run)
    assert (record.state, record.spec, record.description, record.sweep, record.environment) == (
        "done",
        SPEC,
        description,
        {"effort": "quick"},
        {"torch": "2"},
    )
    assert record.results == (result(SPEC.cases[0]),)
    assert (record.exports["trace"].seconds, record.causes["trace"][0].line, len(record.latencies)) == (1.0, 3, 1)
    assert store.views(run, "trace", "c1") == {"output": {"shape": [1]}}
    assert store.artefact(run, "trace").read_bytes() == b"artefact"


def test_cases_come_back_in_the_order_of_the_sweep(store):
    """However they arrived."""
    run = store.create(SPEC, {}, {})
    for case in reversed(SPEC.cases):
        store.add_case(run, result(case), {})
    assert [found.case.id for found in store.load(run).results] == ["c1", "c2", "c3"]


def test_a_case_told_twice_is_kept_once(store):
    run = store.create(SPEC, {}, {})
    store.add_case(run, result(SPEC.cases[0]), {})
    store.add_case(run, result(SPEC.cases[0]), {})
    assert store.progress(run)[1] == 1


def test_the_newest_run_is_listed_first(store):
    first, second = store.create(SPEC, {}, {}), store.create(SPEC, {}, {})
    assert [(run.id, run.model, run.cases) for run in store.runs()] == [(second, "m", 3), (first, "m", 3)]


def test_a_deleted_run_is_hidden_and_can_be_brought_back(store):
    run = store.create(SPEC, {}, {})
    store.delete(run)
    assert store.runs() == ()
    store.restore(run)
    assert [kept.id for kept in store.runs()] == [run]


def test_a_run_deleted_long_ago_goes_with_all_of_it_and_its_artefact(store, tmp_path, monkeypatch):
    run = store.create(SPEC, {}, {})
    (tmp_path / "a.pt").write_bytes(b"x")
    store.add_export(run, Export(mode="trace", seconds=1.0), tmp_path / "a.pt")
    store.add_case(run, result(SPEC.cases[0]), {"output": {}})
    kept = store.artefact(run, "trace")
    store.delete(run)
    store.purge()
    assert kept.exists()
    monkeypatch.setattr("tsdash.store.KEPT_DELETED_S", -1.0)
    store.purge()
    assert not kept.exists()
    connection = sqlite3.connect(store.folder / "runs.sqlite")
    assert [
        connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("runs", "exports", "cases", "views")
    ] == [0, 0, 0, 0]


def test_an_artefact_that_two_runs_share_outlives_one_of_them(store, tmp_path, monkeypatch):
    monkeypatch.setattr("tsdash.store.KEPT_DELETED_S", -1.0)
    (tmp_path / "a.pt").write_bytes(b"x")
    runs = [store.create(SPEC, {}, {}) for _ in range(2)]
    for run in runs:
        store.add_export(run, Export(mode="trace", seconds=1.0), tmp_path / "a.pt")
    store.delete(runs[0])
    store.purge()
    assert store.artefact(runs[1], "trace").exists()


def test_room_is_made_from_the_oldest_and_never_from_a_pinned_run(store, tmp_path):
    """Three runs of 100 KB and room for two: the oldest that is not pinned goes."""
    runs = []
    for number in range(3):
        (tmp_path / "a.pt").write_bytes(bytes([number]) * 100_000)
        runs.append(store.create(SPEC, {}, {}))
        store.add_export(runs[-1], Export(mode="trace", seconds=1.0), tmp_path / "a.pt")
        store.end(runs[-1], "done")
    store.annotate(runs[0], pinned=True)
    assert store.purge(limit_bytes=store.size_bytes() - 50_000) == (runs[1],)
    assert [kept.id for kept in store.runs()] == [runs[2], runs[0]]


@pytest.mark.parametrize("action", ["load", "delete", "progress"])
def test_a_run_that_is_not_there_is_said_so(store, action):
    with pytest.raises(OptionError, match="no run 99"):
        getattr(store, action)(99)


def test_a_store_of_a_newer_version_is_left_alone(store):
    with sqlite3.connect(store.folder / "runs.sqlite") as connection:
        connection.execute(f"PRAGMA user_version = {schema.NEWEST + 1}")
    with pytest.raises(OptionError, match="newer tsdash"):
        Store()


def test_a_store_of_an_earlier_version_is_brought_up_to_date(tsdash_home):
    """From every version there was; what is in it stays."""
    for version in range(1, schema.NEWEST):
        folder = tsdash_home / str(version)
        folder.mkdir(parents=True)
        store_of(version, folder / "runs.sqlite")
        store = Store(folder)
        (listed,) = store.runs()
        assert (listed.model, listed.modes, listed.cases, listed.torch) == ("m", ("trace",), 3, "2.1")
        assert listed.source == SPEC.model.sha256
        assert store.load(1).spec == SPEC


@pytest.mark.parametrize("text", ["", "x = 'é'", "x = '\\ud800\\x00'"])
def test_what_a_model_of_an_earlier_version_is_made_of_is_told_from_its_text(tsdash_home, text):
    """Also where the text is none that every program could write down."""
    model = replace(SPEC.model, text=text)
    tsdash_home.mkdir(parents=True, exist_ok=True)
    store_of(3, tsdash_home / "runs.sqlite")
    with closing(sqlite3.connect(tsdash_home / "runs.sqlite")) as connection, connection:
        connection.execute("UPDATE runs SET spec = ?", (json.dumps(to_json(replace(SPEC, model=model))),))
    store = Store()
    new = store.create(replace(SPEC, model=model), {}, {})
    assert {store.summary(run).source for run in (1, new)} == {model.sha256}


def test_the_time_without_a_server_is_no_time_that_a_run_took(store, monkeypatch):
    """It worked for 10 s, was down for 1000, and worked for 5 more: an estimate goes by 15."""
    clock = [1000.0]
    monkeypatch.setattr("tsdash.store.time.time", lambda: clock[0])
    run = store.create(SPEC, {}, {}, "server:1:1.00")
    store.begin(run)
    clock[0] += 10
    store.add_case(run, result(SPEC.cases[0]), {})
    clock[0] += 1000
    assert store.claim(run, "server:1:1.00", "server:2:2.00")
    store.begin(run)
    clock[0] += 5
    assert store.load(run).seconds(clock[0]) == 15
    store.end(run, "done")
    assert (store.load(run).seconds(clock[0] + 99), store.summary(run).seconds) == (15, 15)


def test_failures_keep_their_words(store):
    run = store.create(SPEC, {}, {})
    store.end(run, "failed", ErrorFacts(type="ModelError", message="no", line=3))
    assert store.load(run).failure.line == 3


def store_of(version, path):
    """A database as tsdash wrote it at a version, with one run."""
    with closing(sqlite3.connect(path)) as connection, connection:
        first, *later = schema.STEPS[:version]
        connection.executescript(first)
        connection.execute(
            "INSERT INTO runs (created_at, state, spec, sweep, environment) VALUES (0, 'done', ?, '{}', ?)",
            (json.dumps(to_json(SPEC)), '{"torch": "2.1"}'),
        )
        for step in later:
            connection.executescript(step)
        connection.execute(f"PRAGMA user_version = {version}")


class _Dying:
    """A connection whose thread is ended right after it has begun a transaction."""

    def __init__(self, connection):
        self._connection = connection

    def execute(self, statement, *values):
        result = self._connection.execute(statement, *values)
        if statement.startswith("BEGIN"):
            raise SystemExit
        return result

    def __getattr__(self, name):
        return getattr(self._connection, name)


def test_a_writer_that_ends_within_a_transaction_leaves_nothing_locked(store, monkeypatch):
    """Others write at once."""
    dying = _Dying(store.connection())
    with monkeypatch.context() as patch:
        patch.setattr(store, "connection", lambda: dying)
        with pytest.raises(SystemExit):
            store.create(SPEC, {}, {})
    monkeypatch.setattr("tsdash.store._BUSY_S", 0.1)
    assert Store(store.folder).create(SPEC, {}, {}) == 1


def _write_and_die(folder, run):
    import os
    from pathlib import Path

    writer = Store(Path(folder))
    for case in SPEC.cases[:2]:
        writer.add_case(run, result(case), {})
    os.kill(os.getpid(), 9)


def test_what_was_acknowledged_survives_the_death_of_the_writer(store):
    """kill -9 right after two cases: both are there."""
    run = store.create(SPEC, {}, {})
    writer = multiprocessing.get_context("spawn").Process(target=_write_and_die, args=(str(store.folder), run))
    writer.start()
    writer.join(30)
    assert (writer.exitcode, [found.case.id for found in store.load(run).results]) == (-9, ["c1", "c2"])


def test_the_size_of_the_store_is_the_operators_choice(monkeypatch):
    """10 GiB unless TSDASH_STORE_MIB says otherwise; what is no size is refused."""
    assert limit_bytes() == 10 * 2**30
    monkeypatch.setenv("TSDASH_STORE_MIB", "5")
    assert limit_bytes() == 5 * 2**20
    monkeypatch.setenv("TSDASH_STORE_MIB", "much")
    with pytest.raises(OptionError, match="whole number of MiB"):
        limit_bytes()
