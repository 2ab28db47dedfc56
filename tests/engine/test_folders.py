"""Folders go away whatever is in them, and only those that nobody uses."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tsdash.engine import folders


def test_a_folder_of_a_worker_is_empty_again(tmp_path):
    folder = folders.fresh(tmp_path / "worker")
    (folder / "left").write_text("by an earlier worker")
    assert list(folders.fresh(folder).iterdir()) == []


def test_folders_deeper_than_a_path_can_say_are_removed(tmp_path):
    """Deeper than Python recurses, too."""
    top = tmp_path / "deep"
    top.mkdir()
    here = os.getcwd()
    try:
        os.chdir(top)
        for _ in range(1200):
            os.mkdir("deeper")
            os.chdir("deeper")
    finally:
        os.chdir(here)
    folders.remove(top)
    assert not top.exists()


def test_closed_folders_are_removed(tmp_path):
    """Their owner opens them first."""
    (tmp_path / "top" / "closed" / "inside").mkdir(parents=True)
    (tmp_path / "top" / "closed").chmod(0)
    folders.remove(tmp_path / "top")
    assert not (tmp_path / "top").exists()


def test_what_a_link_points_to_stays(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("kept")
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "folder").symlink_to(tmp_path / "kept")
    (tmp_path / "top" / "file").symlink_to(tmp_path / "kept" / "file")
    folders.remove(tmp_path / "top")
    assert (tmp_path / "kept" / "file").read_text() == "kept"
    assert not (tmp_path / "top").exists()


def test_nothing_to_remove_is_no_error(tmp_path):
    folders.remove(tmp_path / "never made")


@pytest.fixture
def left_behind(tmp_path):
    """The folder of a process that has ended without removing it."""
    program = (
        "import sys, pathlib; from tsdash.engine import folders; print(folders.create(pathlib.Path(sys.argv[1]))[0])"
    )
    made = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    folder = tmp_path / made.stdout.strip().rpartition("/")[2]
    (folder / "output").write_text("of a run that nobody goes on with")
    return folder


def test_what_a_dead_server_left_is_removed(left_behind, tmp_path):
    folders.remove_abandoned(tmp_path)
    assert not left_behind.exists()


def test_the_folder_of_a_live_server_stays(tmp_path):
    folder, lock = folders.create(tmp_path)
    folders.remove_abandoned(tmp_path)
    assert folder.is_dir()
    folders.release(folder, lock)
    assert not folder.exists()


def test_a_locked_folder_stays_though_its_process_is_not_to_be_seen(left_behind, tmp_path):
    """A server in another container has a number that means nothing here."""
    fcntl = pytest.importorskip("fcntl")
    lock = os.open(left_behind, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    folders.remove_abandoned(tmp_path)
    os.close(lock)
    assert left_behind.is_dir()


def test_other_folders_are_none_of_its_business(tmp_path):
    (tmp_path / "tsdash-notes").mkdir()
    (tmp_path / "other-1-x").mkdir()
    folders.remove_abandoned(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other-1-x", "tsdash-notes"]
