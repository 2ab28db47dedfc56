"""What the warden finds too much, on processes and folders made for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tsdash.engine import warden

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def allowance(tmp_path):
    for name in ("own", "results"):
        (tmp_path / name).mkdir()
    return warden.Allowance(memory_mib=1, folder=str(tmp_path / "own"), results=(str(tmp_path / "results"),))


@pytest.fixture
def sleeper() -> Iterator[int]:
    """A process that does nothing and holds nothing."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process.pid
        process.kill()


def test_a_worker_within_its_allowance_is_left_alone(sleeper, allowance, tmp_path):
    (tmp_path / "own" / "file").write_bytes(b"x" * 2**19)
    (tmp_path / "results" / "tensor").write_bytes(b"x" * 2**21)
    assert warden.excess(sleeper, (), allowance) is None


def test_a_file_of_its_own_counts_as_memory(sleeper, allowance, tmp_path):
    """And a hole in it does not."""
    with open(tmp_path / "own" / "sparse", "wb") as file:
        file.truncate(2**30)
    assert warden.excess(sleeper, (), allowance) is None
    (tmp_path / "own" / "file").write_bytes(b"x" * 2**21)
    assert warden.excess(sleeper, (), allowance) == "it held 2 MiB in files, and 1 MiB is the limit"


def test_a_file_without_a_name_counts_while_it_is_open(allowance, tmp_path):
    program = f"f = open({str(tmp_path / 'f')!r}, 'wb', 0); f.write(b'x' * 2**21); import os; os.unlink(f.name); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as held:
        held.stdout.readline()
        assert "2 MiB in files" in warden.excess(held.pid, (), allowance)
        held.kill()


def test_too_many_files_are_too_many_however_small(sleeper, allowance, tmp_path, monkeypatch):
    monkeypatch.setattr(warden, "MOST_FILES", 3)
    for name in "abcd":
        (tmp_path / "results" / name).touch()
    assert warden.excess(sleeper, (), allowance) == "it had more than 3 files"


def test_folders_too_deep_to_be_counted_are_held_against_it(sleeper, allowance, tmp_path):
    here = os.getcwd()
    try:
        os.chdir(tmp_path / "own")
        for _ in range(40):
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
    finally:
        os.chdir(here)
    assert "could not be counted" in warden.excess(sleeper, (), allowance)


def test_orphans_count_to_the_worker_that_left_them(sleeper, allowance, monkeypatch):
    monkeypatch.setattr(warden, "MOST_PROCESSES", 2)
    assert warden.excess(sleeper, (), allowance) is None
    assert warden.excess(sleeper, (os.getpid(), os.getppid(), 1), allowance) == "it had more than 2 processes"


def test_a_process_that_has_ended_holds_nothing(allowance):
    """Between two looks a worker may go."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    assert warden.excess(process.pid, (), allowance) is None
