"""Strict isolation: workers inside bubblewrap, and what it refuses; a server that is killed takes its workers along."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.engine.conftest import MODEL, model_file, played, run_trace
from tsdash.engine import bubblewrap, confinement, landlock
from tsdash.engine.core import Engine
from tsdash.engine.forking import ForkingNursery
from tsdash.errors import OptionError
from tsdash.judge import judge
from tsdash.store import Store

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """An engine with strict isolation, and a folder that its operator lets models read."""
    readable = tmp_path_factory.mktemp("weights")
    home = tmp_path_factory.mktemp("strict")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TSDASH_ISOLATION", "strict")
        patch.setenv("TSDASH_READABLE", str(readable))
        try:
            engine = Engine(Store(home))
        except OptionError as error:
            pytest.skip(str(error))
    with engine:
        yield engine, readable


def test_strict_runs_a_model_and_says_that_it_is_strict(strict):
    engine, _ = strict
    record = run_trace(engine, model_file(MODEL))
    assert record.environment["confinement"][0] == bubblewrap.APPLIED
    assert [judge(result).outcome for result in record.of("trace")] == ["identical"]


def test_strict_shows_no_process_and_no_file_of_the_system(strict, tmp_path):
    """Processes are numbered anew, and folders that were not bound are not there at all; the libraries are."""
    engine, _ = strict
    record = run_trace(
        engine, model_file(_LOOKS.replace("ELSEWHERE", str(tmp_path)).replace("SERVER", str(os.getpid())))
    )
    seen = {"elsewhere": False, "log": False, "server": False, "libraries": True}
    assert record.failure.message.endswith(f"SEEN {seen}")


def test_what_the_operator_made_readable_is_read_and_not_written(strict):
    """Weights that lie elsewhere."""
    engine, readable = strict
    (readable / "weights").write_text("1.5")
    record = run_trace(engine, model_file(_READS.replace("WEIGHTS", str(readable / "weights"))))
    assert [judge(result).outcome for result in record.of("trace")] == ["identical"]
    assert (readable / "weights").read_text() == "1.5"


def test_strict_leaves_no_folder(strict, monkeypatch):
    """The one that all runs share goes when the engine is closed."""
    monkeypatch.setenv("TSDASH_ISOLATION", "strict")
    nursery = ForkingNursery()
    assert nursery.root.is_dir()
    played(nursery.close())
    assert not nursery.root.exists()


def test_strict_refuses_to_start_without_bubblewrap(tmp_path, monkeypatch):
    """And says what to do."""
    if not landlock.abi():
        pytest.skip("this kernel has no Landlock, which is missed first")
    monkeypatch.setenv("TSDASH_ISOLATION", "strict")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OptionError, match="needs bubblewrap, which is not installed here"):
        Engine(Store(tmp_path / "home"))


def test_strict_refuses_to_start_where_bubblewrap_fails(tmp_path, monkeypatch):
    """With bubblewrap's own words."""
    if not landlock.abi():
        pytest.skip("this kernel has no Landlock, which is missed first")
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("TSDASH_ISOLATION", "strict")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(OptionError, match="No permissions to create new namespace"):
        Engine(Store(tmp_path / "home"))


@pytest.mark.parametrize("level", confinement.LEVELS)
def test_a_server_that_is_killed_takes_along_all_that_a_model_has_started(level, tmp_path):
    """Workers, their children, their daemons; also what ignores every signal it can."""
    environment = {**os.environ, "TSDASH_ISOLATION": level, "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(tmp_path), _STARTS_AND_HANGS],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        told = server.stdout.readline().strip()
        if told != "hangs":
            pytest.skip(told)
        started = psutil.Process(server.pid).children(recursive=True)
        server.kill()
        _, alive = psutil.wait_procs(started, timeout=20)
    assert alive == []


_SERVER = """
import glob, os, sys, time
from pathlib import Path
from tsdash import plan
from tsdash.engine.core import Engine
from tsdash.errors import OptionError
from tsdash.spec import Limits, ModelSource, RunSpec, Sweep
from tsdash.store import Store
try:
    engine = Engine(Store(Path(sys.argv[1])))
except OptionError as error:
    print(str(error).replace("\\n", " "), flush=True)
    raise SystemExit
source = ModelSource(name="m.py", kind="file", filename="m.py", text=sys.argv[2])
cases = plan.cases(Sweep(dims={"n": (2, 3)}), {"n": 2})
spec = RunSpec(model=source, modes=("trace",), cases=cases, limits=Limits(case_s=600))
run = engine.store.create(spec, {}, {}, engine.owner)
engine.submit(run, spec)
while not glob.glob(f"/dev/shm/tsdash-{os.getpid()}-*/**/hangs", recursive=True):
    time.sleep(0.05)
print("hangs", flush=True)
time.sleep(600)
"""
_STARTS_AND_HANGS = """
import os, signal, subprocess, torch
class M(torch.nn.Module):
    def forward(self, x):
        if x.shape[0] == 3 and not torch.jit.is_tracing():
            for number in range(1, signal.NSIG):
                try:
                    signal.signal(number, signal.SIG_IGN)
                except OSError:
                    pass
            subprocess.Popen(["sleep", "600"], start_new_session=True)
            open("hangs", "w").close()
            while True:
                pass
        return x + 1
def make_model():
    return M()
def make_inputs(n=2):
    return (torch.ones(n),)
"""
_LOOKS = """
import os
places = {"elsewhere": "ELSEWHERE", "log": "/var/log", "server": "/proc/SERVER", "libraries": "/usr/lib"}
raise RuntimeError(f"SEEN { {name: os.path.exists(place) for name, place in places.items()} }")
def make_model(): ...
def make_inputs(n=2): ...
"""
_READS = """
import torch
scale = float(open("WEIGHTS").read())
try:
    open("WEIGHTS", "w").write("2.5")
except OSError:
    pass
def make_model():
    return torch.nn.Linear(4, 2).eval()
def make_inputs(n=2):
    return (torch.ones(n, 4) * scale,)
"""
