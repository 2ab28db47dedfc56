"""A run leaves one store as a file and arrives whole in another."""

import sqlite3
from contextlib import closing

import pytest

from tests.test_store import SPEC, result, store_of
from tsdash import archive
from tsdash.errors import OptionError
from tsdash.spec import Export, Latency
from tsdash.store import Store


@pytest.fixture
def store(tsdash_home):
    return Store()


def test_a_run_goes_to_another_store_as_one_file(store, tmp_path):
    """With its artefact, its views and its name; only the number is new."""
    (tmp_path / "a.pt").write_bytes(b"artefact")
    run = store.create(SPEC, {"effort": "quick"}, {"torch": "2"})
    store.add_export(run, Export(mode="trace", seconds=1.0), tmp_path / "a.pt")
    store.add_case(run, result(SPEC.cases[0]), {"output": {"shape": [1]}})
    store.add_latency(run, Latency(case=SPEC.cases[0], arms=()))
    store.annotate(run, name="the good one", note="keep", pinned=True)
    store.end(run, "done")
    archive.export_run(store, run, tmp_path / "run.tsdash")
    other = Store(tmp_path / "other")
    other.create(SPEC, {}, {})
    taken = archive.import_run(other, tmp_path / "run.tsdash")
    assert taken == 2
    before, after = store.load(run), other.load(taken)
    assert (after.results, after.exports, after.latencies, after.sweep, after.spec) == (
        before.results,
        before.exports,
        before.latencies,
        before.sweep,
        before.spec,
    )
    assert other.artefact(taken, "trace").read_bytes() == b"artefact"
    assert other.views(taken, "trace", "c1") == {"output": {"shape": [1]}}
    assert (other.runs()[0].name, other.runs()[0].note, other.runs()[0].pinned) == ("the good one", "keep", True)


def test_a_file_that_is_no_run_is_refused(store, tmp_path):
    (tmp_path / "x.tsdash").write_bytes(b"not a database, but long enough to look like a file of some kind" * 20)
    with pytest.raises(OptionError, match="not a run that tsdash exported"):
        archive.import_run(store, tmp_path / "x.tsdash")


def test_a_run_that_an_earlier_tsdash_exported_is_taken_in(store, tmp_path):
    """And its file stays as it was."""
    path = tmp_path / "old.tsdash"
    store_of(1, path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE artefacts (sha256 TEXT PRIMARY KEY, bytes BLOB NOT NULL)")
    before = path.read_bytes()
    archive.import_run(store, path)
    assert [listed.model for listed in store.runs()] == ["m"]
    assert path.read_bytes() == before


def test_an_export_never_overwrites(store, tmp_path):
    run = store.create(SPEC, {}, {})
    (tmp_path / "there").write_text("mine")
    with pytest.raises(OptionError, match="is there already"):
        archive.export_run(store, run, tmp_path / "there")
    assert (tmp_path / "there").read_text() == "mine"


def test_a_damaged_artefact_is_noticed(store, tmp_path):
    """Its bytes no longer have the hash that it is known by, and nothing is taken in."""
    (tmp_path / "a.pt").write_bytes(b"artefact")
    run = store.create(SPEC, {}, {})
    store.add_export(run, Export(mode="trace", seconds=1.0), tmp_path / "a.pt")
    archive.export_run(store, run, tmp_path / "run.tsdash")
    with sqlite3.connect(tmp_path / "run.tsdash") as connection:
        connection.execute("UPDATE artefacts SET bytes = x'00'")
    other = Store(tmp_path / "other")
    with pytest.raises(OptionError, match="damaged"):
        archive.import_run(other, tmp_path / "run.tsdash")
    assert other.runs() == ()


def test_a_run_that_names_another_file_as_its_artefact_is_refused(store, tmp_path):
    """Who opens the run would be given that file."""
    run = store.create(SPEC, {}, {})
    (tmp_path / "a.pt").write_bytes(b"artefact")
    store.add_export(run, Export(mode="trace", seconds=1.0), tmp_path / "a.pt")
    archive.export_run(store, run, tmp_path / "run.tsdash")
    with closing(sqlite3.connect(tmp_path / "run.tsdash")) as connection, connection:
        connection.execute("UPDATE exports SET artefact = '../../../etc/passwd'")
    with pytest.raises(OptionError, match="not a run that tsdash exported"):
        archive.import_run(store, tmp_path / "run.tsdash")
