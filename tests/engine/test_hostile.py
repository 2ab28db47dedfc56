"""Every class of misbehaviour costs the case in which it happens, and nothing else: no other case, no process, no file."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from tsdash import plan
from tsdash.engine import causes
from tsdash.engine.forking import ForkingNursery
from tsdash.judge import judge
from tsdash.spec import Limits, ModelSource, RunSpec, Sweep

SHORT = Limits(load_s=60, export_s=3, case_s=3, memory_mib=1024)
LONG = Limits(load_s=60, export_s=60, case_s=60, memory_mib=1024)
CANARY = "a secret that no run may keep"
NOT_AT_ALL = ["identical", "identical", "identical"]
CASE_RAISES = ["identical", "mismatch", "identical"]
CASE_DIES = ["identical", "crash", "identical"]
CASE_HANGS = ["identical", "timeout", "identical"]


def outcomes(record):
    return [judge(result).outcome for result in record.of("trace")]


def details(record):
    """What the judge says of the case that misbehaves."""
    return judge(record.of("trace")[1]).detail


@pytest.mark.parametrize("name", ["loop_holding_the_gil", "signals_ignored", "patched_clock", "endless_inputs"])
def test_a_case_that_never_ends_is_ended_by_the_clock_of_the_parent(hostile, name):
    """Whatever it does to signals, to the interpreter's lock and to its own clocks."""
    record = hostile(name, limits=SHORT)
    assert (record.state, outcomes(record)) == ("done", CASE_HANGS)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("exit_with_success", "ended by itself with status 0"),
        ("abort", "died of SIGABRT"),
        ("recursion", "died of SIG"),
        ("closed_descriptors", "In eager"),
        ("forged_answer", "something else than tsdash wrote to the worker's channel"),
        ("nested_answer", "something else than tsdash wrote to the worker's channel"),
        ("thread_bomb", "more than 512 threads"),
        ("fork_bomb", "more than 32 processes"),
        ("shell_bomb", "more than 32 processes"),
        ("file_bomb", "more than 20,000 files"),
        ("files_hog", "MiB in files"),
        ("shared_memory_hog", "MiB of shared memory"),
        ("deep_folders", "files could not be counted"),
        ("answers_tampered", "not as it wrote them"),
        ("answers_replaced", "left no file"),
    ],
)
def test_a_case_that_ends_its_process_says_why(hostile, name, reason):
    """The signal, the status, or the limit that it went beyond."""
    record = hostile(name, limits=LONG)
    assert (record.state, outcomes(record)) == ("done", CASE_DIES)
    assert reason in details(record)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("interrupt", "KeyboardInterrupt"),
        ("recursion_error", "RecursionError"),
        ("disk_hog", "File too large"),
        ("hostile_exception", "its __str__ raised"),
        ("nested_output", "not a tree of tensors"),
        ("hostile_output", "another type"),
        ("endless_output", "output"),
        ("patched_torch", "max |Δ| is 1.0"),
        ("state_mutated", "max |Δ|"),
        ("kill_others", "HIT []"),
        ("network", "OPEN []"),
        ("system_calls", "GOT []"),
    ],
)
def test_a_case_that_differs_is_a_mismatch_in_that_case_alone(hostile, name, reason):
    """An exception of any kind, an output of any kind, a false statement of equality; and what it could reach: nothing."""
    record = hostile(name, limits=LONG)
    assert (record.state, outcomes(record)) == ("done", CASE_RAISES)
    assert reason in details(record)


@pytest.mark.parametrize(
    "name",
    ["leaked_threads", "orphans", "forked_answer", "runaway", "exit_handler_hangs", "inputs_mutated"],
)
def test_what_a_case_leaves_behind_is_no_matter(hostile, name):
    """Threads, processes, exit handlers, warnings, inputs that it wrote to."""
    record = hostile(name, limits=LONG)
    assert (record.state, outcomes(record)) == ("done", NOT_AT_ALL)


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("export_hangs", "timeout"),
        ("export_crashes", "crash"),
        ("export_lies", "mismatch"),
        ("export_without_artefact", "export_error"),
        ("artefact_is_a_link", "export_error"),
    ],
)
def test_an_export_that_misbehaves_is_judged_by_what_it_leaves(hostile, name, outcome):
    record = hostile(name, limits=SHORT if name == "export_hangs" else LONG)
    assert (record.state, outcomes(record)) == ("done", [outcome] * 3)


def test_an_artefact_that_never_finishes_loading_is_waited_for_once(hostile, monkeypatch):
    """And not once more with every case."""
    forked = []
    fork = ForkingNursery.fork

    async def recorded(self, role, *arguments, **options):
        forked.append(role)
        return await fork(self, role, *arguments, **options)

    monkeypatch.setattr(ForkingNursery, "fork", recorded)
    monkeypatch.setattr(causes, "LIMIT_S", 1.0)  # it will load the artefact too
    record = hostile("load_hangs", modes=("script",), limits=Limits(load_s=4, memory_mib=1024))
    assert [judge(result).outcome for result in record.of("script")] == ["timeout"] * 3
    assert forked.count("clean") == 1


@pytest.mark.parametrize("name", ["torch_lost", "default_device", "answers_late", "wrong_answer_types"])
def test_what_a_case_changes_does_not_reach_the_next(hostile, name):
    """Modules forgotten, inputs on another device, nonsense answered: the last case is as if it ran alone."""
    record = hostile(name, limits=LONG)
    assert (record.state, outcomes(record)[::2]) == ("done", ["identical", "identical"])


def test_a_change_of_torchs_settings_is_told(hostile):
    """Although all three cases agree."""
    (note,) = hostile("global_state", limits=LONG).description.notes
    assert "default dtype" in note


def test_a_flood_of_warnings_is_kept_up_to_a_bound(hostile):
    record = hostile("warning_flood", limits=LONG)
    assert (record.state, outcomes(record)) == ("done", NOT_AT_ALL)
    assert len(record.exports["trace"].warnings) <= 201


def test_a_slow_leak_never_reaches_the_limit(hostile):
    """Thirty cases that each keep 64 MiB more, within 2 GiB: workers are replaced before it is full."""
    record = hostile("slow_leak", limits=Limits(case_s=60, memory_mib=2048), sweep=Sweep(seeds=tuple(range(1, 30))))
    assert (record.state, set(outcomes(record))) == ("done", {"identical"})


def test_no_secret_is_read(check, tmp_path):
    """Neither the parent's memory and environment, nor homes, nor other runs, nor a file whose path the model knows."""
    canary = tmp_path / "canary"
    canary.write_text(CANARY)
    record = check(_text("theft").replace("CANARY", str(canary)), limits=LONG)
    assert outcomes(record) == CASE_RAISES
    assert "READ []" in details(record)


def test_nothing_that_is_not_its_own_is_changed(check, tmp_path):
    """Content, names, links, mode, owner, times, attributes; the artefact and the folder of the clean worker included."""
    canary = tmp_path / "canary"
    canary.write_text(CANARY)
    before = canary.stat()
    record = check(_text("vandal").replace("CANARY", str(canary)), limits=LONG)
    assert "DONE []" in details(record)
    assert canary.read_text() == CANARY
    assert canary.stat().st_ctime_ns == before.st_ctime_ns, "not even its mode, owner, times or links"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("canary")] == ["canary"]


def test_a_syntax_error_names_its_line(engine):
    """Also when nothing has looked at the text before the engine does."""
    source = ModelSource(name="syntax_error.py", kind="file", filename="syntax_error.py", text=_text("syntax_error"))
    spec = RunSpec(model=source, modes=("trace",), cases=plan.cases(Sweep(), {"n": 2}), limits=LONG)
    run = engine.store.create(spec, {}, {}, engine.owner)
    engine.submit(run, spec).result(120)
    record = engine.store.load(run)
    assert (record.state, record.failure.file, record.failure.line) == ("failed", "syntax_error.py", 5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("while True: pass\n", "did not finish loading within"),
        ("import os\nos.kill(os.getpid(), 9)\n", "died of SIGKILL"),
        ("raise SystemExit(0)\n", "ended the program"),
        ("import os\nwhile True: os.write(3, b'x' * 2**20)\n", "wrote to the worker's channel"),
    ],
    ids=["endless", "killed", "exit", "flood"],
)
def test_a_model_that_cannot_be_loaded_fails_once_with_the_reason(check, text, reason):
    record = check(text + "def make_model(): ...\ndef make_inputs(n=2): ...\n", limits=Limits(load_s=5))
    assert record.state == "failed"
    assert reason in record.failure.message


def test_a_run_knows_what_confined_it(check):
    """The list that the page and the report show, from the worker that was confined."""
    applied = check(_text("good")).environment["confinement"]
    assert any("Landlock" in item for item in applied) or "not isolated" in applied[0]
    assert any("MiB of memory" in item for item in applied)


def test_nothing_is_left_of_all_these(engine):
    """No process below the zygote, no folder in shared memory, no word of a canary in what is stored."""
    zygotes = [child for child in psutil.Process().children() if "tsdash.engine.zygote" in " ".join(child.cmdline())]
    end = time.monotonic() + 10  # for the kernel to take down what was killed
    while any(zygote.children() for zygote in zygotes) and time.monotonic() < end:
        time.sleep(0.05)
    assert [child for zygote in zygotes for child in zygote.children(recursive=True)] == []
    shared = Path("/dev/shm")
    assert not list(shared.glob(f"*tsdash-{os.getpid()}-*"))
    assert not (shared / "tsdash-planted").exists()
    assert not Path("/tmp/tsdash-planted").exists()
    assert not [
        path for path in engine.store.folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()
    ]


def _text(name: str) -> str:
    return (Path(__file__).parent / "hostile" / f"{name}.py").read_text()
