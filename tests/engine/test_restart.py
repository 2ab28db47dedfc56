"""A server that dies loses nothing: what was acknowledged is there, the rest is done by the next one."""

from __future__ import annotations

import ctypes
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tsdash import plan
from tsdash.engine import owners
from tsdash.engine.core import Engine
from tsdash.judge import judge
from tsdash.spec import CaseResult, ModelSource, RunSpec, Side, Sweep
from tsdash.store import Store

ROOT = Path(__file__).parents[2]
KILLS = 20
CASES = 400
MODEL = """
import torch
def make_model():
    return torch.nn.Linear(4, 4).eval()
def make_inputs(n=2):
    return (torch.randn(n, 4),)
"""
LONG = RunSpec(
    model=ModelSource(name="m", kind="file", filename="m.py", text=MODEL),
    modes=("trace",),
    cases=plan.cases(Sweep(seeds=tuple(range(CASES))), {"n": 2}),
)
SHORT = replace(LONG, cases=LONG.cases[:20])
SERVER = """
import sys, time
from pathlib import Path
from tsdash.engine.core import Engine
from tsdash.store import Store
store = Store(Path(sys.argv[1]))
with Engine(store, kind="server") as engine:
    while store.unfinished():
        time.sleep(0.05)
"""


def serve(home: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SERVER, str(home)], cwd=ROOT)


def wait_until(condition, limit_s=90.0):
    """Poll, for the thing waited for is in another process."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def orphaned(tmp_path):
    """A store with one queued run whose server has died."""
    store = Store(tmp_path / "home")
    run = store.create(LONG, {}, {}, "server:999999999:1.00")
    return store, run


def test_a_server_killed_twenty_times_loses_no_case_and_repeats_none(orphaned):
    """kill -9 at random moments of the sweep: every acknowledged case stays, the run ends, no worker survives."""
    store, run = orphaned
    moments = random.Random(0)
    acknowledged = 0
    for _ in range(KILLS):
        server = serve(store.folder)
        goal = min(CASES, acknowledged + 1 + moments.randrange(2 * CASES // KILLS))
        wait_until(lambda server=server, goal=goal: store.progress(run)[1] >= goal or server.poll() is not None)
        family = psutil.Process(server.pid).children(recursive=True) if server.poll() is None else []
        server.kill()
        server.wait()
        done = store.progress(run)[1]
        assert done >= acknowledged
        acknowledged = done
        wait_until(
            lambda family=family: (
                not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in family)
            )
        )
    assert serve(store.folder).wait(120) == 0
    record = store.load(run)
    assert record.state == "done"
    assert [result.case.id for result in record.of("trace")] == [case.id for case in LONG.cases]
    assert {judge(result).outcome for result in record.results} == {"identical"}


def test_a_case_that_took_the_server_down_twice_is_marked_and_left(tmp_path):
    """The third server does not try it again."""
    store = Store(tmp_path / "home")
    run = store.create(SHORT, {}, {}, "server:999999999:1.00")
    for owner in ("server:999999998:1.00", "server:999999997:1.00"):
        store.doing(run, "trace", "c2")
        assert store.claim(run, next(iter(store.unfinished().values())), owner)
    assert store.deadly(run) == {("trace", "c2")}
    assert serve(store.folder).wait(120) == 0
    record = store.load(run)
    judged = {result.case.id: judge(result).outcome for result in record.of("trace")}
    assert judged.pop("c2") == "crash"
    assert set(judged.values()) == {"identical"}


def test_what_is_done_is_not_done_again(tmp_path):
    """A result of the earlier attempt stays as it was, word for word."""
    store = Store(tmp_path / "home")
    run = store.create(SHORT, {}, {}, "server:999999999:1.00")
    earlier = CaseResult(
        case=SHORT.cases[1],
        mode="trace",
        eager=Side(ended="returned"),
        exported=Side(ended="returned"),
        notes=("earlier",),
    )
    store.add_case(run, earlier, {})
    assert serve(store.folder).wait(120) == 0
    assert store.load(run).of("trace")[1] == earlier


def test_a_dead_check_is_interrupted_not_resumed(tmp_path):
    """Nobody waits for it any more."""
    store = Store(tmp_path / "home")
    run = store.create(SHORT, {}, {}, "check:999999999:1.00")
    with Engine(store, kind="server"):
        assert store.progress(run)[0] == "interrupted"


def test_an_engine_whose_thread_dies_starts_another_and_goes_on(tmp_path):
    """The run is taken up where it was."""
    store = Store(tmp_path / "home")
    with Engine(store, kind="server") as engine:
        run = store.create(LONG, {}, {}, engine.owner)
        engine.submit(run, LONG)
        wait_until(lambda: store.progress(run)[1] > 5)
        thread = engine._life._thread
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
        wait_until(lambda: not thread.is_alive())
        engine.lanes()
        wait_until(lambda: store.progress(run)[0] == "done")
    record = store.load(run)
    assert [result.case.id for result in record.of("trace")] == [case.id for case in LONG.cases]


def test_a_process_is_told_from_a_later_one_of_the_same_number():
    """By the time at which it started."""
    mine = owners.this_process("server")
    kind, pid, started = mine.split(":")
    assert owners.lives(mine)
    assert not owners.lives(f"{kind}:{pid}:{float(started) - 100:.2f}")
