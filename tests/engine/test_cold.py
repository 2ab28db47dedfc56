"""Workers as macOS and Windows have them, tried here: no zygote, no walls, but the clock, memory and a clean environment."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from tests.engine.conftest import played
from tsdash import plan
from tsdash.engine import confinement, nursery
from tsdash.engine.cold import ColdNursery
from tsdash.engine.core import Engine
from tsdash.engine.workers import WorkerLost
from tsdash.errors import OptionError
from tsdash.judge import judge
from tsdash.spec import Limits, ModelSource, RunSpec, Sweep, to_json
from tsdash.store import Store

LOADS_AND = """
import os, subprocess, torch
class M(torch.nn.Module):
    def forward(self, x):
        return x + 1
{body}
def make_model():
    return M()
def make_inputs(n=2):
    return (torch.ones(n),)
"""


def source(body):
    return ModelSource(name="m.py", kind="file", filename="m.py", text=LOADS_AND.format(body=body))


@pytest.fixture
def load(tmp_path):
    """Load a model in a cold worker and, with `call_limit_s`, call it; returns the last answer, or the WorkerLost, what the
    worker printed, and what confined it."""

    def run(body, *, call_limit_s=None, memory_mib=4096):
        async def once():
            cold = ColdNursery()
            worker = await cold.fork("author", tmp_path / "own", memory_mib, 64)
            try:
                answer = await worker.call(
                    {"do": "load", "source": to_json(source(body)), "seed": 0, "kept_in": ""}, 60
                )
                if call_limit_s is not None:
                    files = {name: str(tmp_path / "own" / name) for name in ("inputs", "expected")}
                    case = to_json(plan.cases(Sweep(), {"n": 2})[0])
                    answer = await worker.call({"do": "eager", "case": case, **files}, call_limit_s)
            except WorkerLost as lost:
                answer = lost
            await cold.close()
            return answer, worker.output, cold.confinement

        return played(once())

    return run


def test_a_cold_worker_answers_and_says_that_it_is_not_isolated(load, monkeypatch, tmp_path):
    """Prints go to the output, not between the answers; the environment is clean and the folder its own."""
    monkeypatch.setenv("TSDASH_SECRET", "secret")
    answer, printed, confined = load("print(os.environ.get('TSDASH_SECRET'), os.getcwd(), os.environ['HOME'])")
    assert answer["ok"]["description"]["dims"] == {"n": 2}
    assert printed.split() == ["None", str(tmp_path / "own"), str(tmp_path / "own")]
    assert confined[0].startswith(confinement.NOT_ISOLATED)


def test_a_cold_worker_that_hangs_is_ended_with_what_it_started(load):
    """By the parent's clock."""
    hangs = """
def hang(self, x):
    print(subprocess.Popen(["sleep", "600"]).pid)
    while True:
        pass
M.forward = hang
"""
    lost, printed, _ = load(hangs, call_limit_s=2)
    assert lost.ended == "timeout"
    child = int(printed)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_a_cold_worker_that_dies_says_of_what(load):
    lost, _, _ = load("os.abort()")
    assert (lost.ended, str(lost)) == ("crash", "the process died of SIGABRT")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # asyncio's, of pipes that nobody closes
def test_a_cold_worker_that_has_left_a_child_with_its_pipes_has_ended_all_the_same(load):
    lost, printed, _ = load("print(subprocess.Popen(['sleep', '600'], start_new_session=True).pid)\nos._exit(3)")
    psutil.Process(int(printed)).kill()
    assert str(lost) == "the process ended by itself with status 3"


def test_the_memory_of_a_cold_worker_is_watched(load):
    """Shared memory is none that the system itself would limit."""
    hog = (
        "import mmap, time\nheld = mmap.mmap(-1, 2**30)\nfor at in range(0, 2**30, 4096): held[at] = 1\ntime.sleep(60)"
    )
    lost, _, _ = load(hog, memory_mib=1024)
    assert lost.ended == "crash"
    assert "and 1,024 MiB is the limit" in str(lost)


def test_a_run_goes_its_way_on_cold_workers(tmp_path, monkeypatch):
    """From the model's text to its verdict, as with a zygote."""
    monkeypatch.setattr("tsdash.engine.core.open_nursery", ColdNursery)
    with Engine(Store(tmp_path)) as engine:
        cases = plan.cases(Sweep(dims={"n": (2, 3)}), {"n": 2})
        spec = RunSpec(model=source(""), modes=("trace",), cases=cases, limits=Limits())
        run = engine.store.create(spec, {}, {}, engine.owner)
        engine.submit(run, spec).result(240)
        record = engine.store.load(run)
    assert [judge(result).outcome for result in record.of("trace")] == ["identical", "identical"]
    assert record.environment["confinement"][0].startswith(confinement.NOT_ISOLATED)
    assert not list(Path("/dev/shm").glob(f"tsdash-{os.getpid()}-*"))


def test_strict_is_refused_where_it_cannot_be(monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setenv("TSDASH_ISOLATION", "strict")
    with pytest.raises(OptionError, match="strict needs Linux"):
        nursery.open_nursery()
