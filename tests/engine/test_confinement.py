"""What a confined process may open, sees of the world, and says of its own confinement."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest

from tsdash import plan
from tsdash.engine import bubblewrap, confinement, landlock
from tsdash.engine.confinement import Bounds
from tsdash.engine.core import Engine
from tsdash.engine.forking import ForkingNursery
from tsdash.errors import OptionError
from tsdash.judge import judge
from tsdash.models import entry_points
from tsdash.spec import ModelSource, RunSpec, Sweep
from tsdash.store import Store

ROOT = Path(__file__).parents[2]
CONFINE = """
import json, os, sys
from tsdash.engine import confinement, landlock, seccomp
bounds = confinement.Bounds(**json.loads(sys.argv[1]))
{before}
applied = confinement.confine(bounds, channel=os.open(os.devnull, os.O_RDWR), output=1, asks=int(sys.argv[2]))
{code}
"""
needs_landlock = pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock, or has it switched off")


@pytest.fixture
def confined(tmp_path):
    """Run a few lines in a process of their own that is confined to the folder `tmp_path / "own"`; returns what they print."""
    own = tmp_path / "own"
    own.mkdir()

    def run(code, *, before="", **bounds):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            argument = json.dumps(asdict(Bounds(**{"folder": str(own), "memory_mib": 512, **bounds})))
            program = CONFINE.format(before=before, code=code)
            done = subprocess.run(
                [sys.executable, "-c", program, argument, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": str(ROOT), "TSDASH_SECRET": "secret"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        return done.stdout.strip()

    return run


def can(path, mode="r"):
    return f"""
try:
    open({str(path)!r}, {mode!r}).close()
    print("yes")
except OSError as error:
    print(type(error).__name__)
"""


@needs_landlock
def test_files_are_written_in_the_folders_given_and_nowhere_else(confined, tmp_path):
    """A folder to read is not one to write; one that was not named is neither."""
    for name in ("written", "read", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("there")
    code = "".join(can(tmp_path / name / "file", mode) for name in ("own", "written", "read", "other") for mode in "wr")
    told = confined(code, reads=(str(tmp_path / "read"),), writes=(str(tmp_path / "written"),))
    no = "PermissionError"
    assert told.split() == ["yes", "yes", "yes", "yes", no, "yes", no, no]


@needs_landlock
def test_a_search_path_shows_its_modules_and_hides_what_is_hidden(confined, tmp_path):
    """.env, .git and .streamlit/secrets.toml lie in many a project's folder."""
    project = tmp_path / "project"
    (project / "package").mkdir(parents=True)
    (project / ".streamlit").mkdir()
    for name in ("module.py", "package/__init__.py", ".env", ".streamlit/secrets.toml"):
        (project / name).write_text("VALUE = 1")
    names = ("module.py", "package/__init__.py", ".env", ".streamlit/secrets.toml")
    told = confined("".join(can(project / name) for name in names), searches=(str(project),))
    assert told.split() == ["yes", "yes", "PermissionError", "PermissionError"]


@needs_landlock
def test_other_processes_are_not_looked_into(confined):
    code = can(f"/proc/{os.getpid()}/environ") + can(f"/proc/{os.getpid()}/cmdline") + can("/proc/self/status")
    assert confined(code).split() == ["PermissionError", "PermissionError", "yes"]


def test_the_environment_is_clean_and_temporary_files_lie_in_the_folder(confined, tmp_path):
    """Also for code that asked for the folder of temporary files before."""
    code = "import tempfile; print(os.environ.get('TSDASH_SECRET'), os.environ['HOME'], tempfile.gettempdir(), os.getcwd())"
    own = str(tmp_path / "own")
    assert confined(code, before="import tempfile; tempfile.gettempdir()").split() == ["None", own, own, own]


def test_four_descriptors_are_open(confined):
    assert (
        confined("print(sorted(map(int, os.listdir('/proc/self/fd')))[:5])") == "[0, 1, 2, 3, 4]"
    )  # 4 reads the listing


def test_memory_files_and_core_dumps_are_limited(confined):
    code = """
import resource
names = ("DATA", "FSIZE", "CORE")
print([resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in names])
try:
    bytearray(600 * 2**20)
except MemoryError:
    print("no memory")
"""
    assert confined(code).splitlines() == [str([(2**29, 2**29), (2**29, 2**29), (0, 0)]), "no memory"]


def test_capabilities_are_given_up(confined):
    """Of the superuser's powers one is left where Landlock says what may be read: not to ask whose file it is."""
    capabilities = confined("print(open('/proc/self/status').read().partition('CapEff:')[2].split()[0])")
    assert int(capabilities, 16) & ~(1 << 2) == 0


@needs_landlock
def test_what_was_applied_is_told(confined):
    told = confined("print(*applied, sep='\\n')").splitlines()
    assert f"Landlock (ABI {landlock.abi()})" in told[0]
    assert any(line.startswith("seccomp") for line in told)
    assert not any(confinement.NOT_ISOLATED in line for line in told)


def test_without_walls_it_says_so_first(confined):
    """As on a system that has neither Landlock nor seccomp: limits and a clean environment remain."""
    before = "landlock.abi = lambda: 0; seccomp.supported = lambda: False"
    told = confined("print(*applied, sep='\\n')", before=before).splitlines()
    assert told[0].startswith(confinement.NOT_ISOLATED)
    assert any("MiB of memory" in line for line in told)


def test_without_landlock_signals_go_to_the_process_itself_alone(confined):
    """The filter sees to it then."""
    code = """
import signal
signal.signal(signal.SIGUSR1, lambda *_: print("heard"))
os.kill(os.getpid(), signal.SIGUSR1)
try:
    os.kill(os.getppid(), 0)
except PermissionError:
    print("denied")
"""
    assert confined(code, before="landlock.abi = lambda: 0").split() == ["heard", "denied"]


def test_where_nobody_can_be_asked_there_are_no_new_processes(confined):
    """As inside a sandbox that has taken the question for itself; the list says so."""
    code = """
print([item for item in applied if "no new processes" in item] != [])
try:
    os.fork()
except PermissionError:
    print("denied")
"""
    assert confined(code, before="seccomp._NEW_LISTENER = 2**20").split() == ["True", "denied"]


def test_strict_ends_where_a_wall_is_missing(confined):
    """It does not run a model with less."""
    told = confined("print('went on')", before="seccomp.supported = lambda: False", strict=True)
    assert "strict isolation needs Landlock and seccomp" in told
    assert "went on" not in told


def test_a_level_that_does_not_exist_is_refused(monkeypatch):
    monkeypatch.setenv("TSDASH_ISOLATION", "srtict")
    with pytest.raises(OptionError, match="Did you mean strict"):
        confinement.isolation()


def test_a_clean_worker_gets_the_outputs_and_the_artefact_and_nothing_of_the_author(check, monkeypatch):
    """It is granted two folders to read, and no author's folder is one of them or lies in one."""
    forked = []
    fork = ForkingNursery.fork

    async def recorded(self, role, folder, memory_mib, output_kib, *, reads=(), writes=(), searches=()):
        forked.append((role, folder, (*reads, *writes)))
        return await fork(self, role, folder, memory_mib, output_kib, reads=reads, writes=writes, searches=searches)

    monkeypatch.setattr(ForkingNursery, "fork", recorded)
    check(_MODEL, modes=("trace", "script"))
    authors = [folder for role, folder, _ in forked if role == "author"]
    clean = [granted for role, _, granted in forked if role == "clean"]
    assert authors
    assert len(clean) == 2
    for granted in clean:
        assert {path.name for path in granted} in ({"tensors", "artefact-trace"}, {"tensors", "artefact-script"})
        assert not [author for author in authors for path in granted if author.is_relative_to(path)]


def test_torch_computes_under_confinement(check):
    """Convolutions, a recurrent net, the fuser, two threads, temporary files, a child process; in three modes."""
    record = check(_WORKING, modes=("trace", "script", "export"), sweep=Sweep(dims={"n": (2, 3)}))
    outcomes = {mode: [judge(result).outcome for result in record.of(mode)] for mode in record.spec.modes}
    assert {outcome for mode in outcomes.values() for outcome in mode} <= {"identical", "within_noise"}, outcomes


def test_an_entry_point_imports_what_lies_beside_it(engine, tmp_path, monkeypatch):
    """Its own project is the one more folder that its author worker may read."""
    (tmp_path / "beside.py").write_text("SIZE = 4")
    (tmp_path / "net.py").write_text(
        "import torch, beside\n"
        "def build():\n    return torch.nn.Linear(beside.SIZE, 2).eval()\n"
        "def make_inputs(n=2):\n    return (torch.ones(n, beside.SIZE),)\n"
    )
    monkeypatch.chdir(tmp_path)
    record = _run(engine, entry_points.read("net:build"))
    assert [judge(result).outcome for result in record.of("trace")] == ["identical"]


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
    record = _run(engine, _source(_MODEL))
    assert record.environment["confinement"][0] == bubblewrap.APPLIED
    assert [judge(result).outcome for result in record.of("trace")] == ["identical"]


def test_strict_shows_no_process_and_no_file_of_the_system(strict, tmp_path):
    """Processes are numbered anew, and folders that were not bound are not there at all; the libraries are."""
    engine, _ = strict
    record = _run(engine, _source(_LOOKS.replace("ELSEWHERE", str(tmp_path)).replace("SERVER", str(os.getpid()))))
    seen = {"elsewhere": False, "log": False, "server": False, "libraries": True}
    assert record.failure.message.endswith(f"SEEN {seen}")


def test_what_the_operator_made_readable_is_read_and_not_written(strict):
    """Weights that lie elsewhere."""
    engine, readable = strict
    (readable / "weights").write_text("1.5")
    record = _run(engine, _source(_READS.replace("WEIGHTS", str(readable / "weights"))))
    assert [judge(result).outcome for result in record.of("trace")] == ["identical"]
    assert (readable / "weights").read_text() == "1.5"


def test_strict_leaves_no_folder(strict, monkeypatch):
    """The one that all runs share goes when the engine is closed."""
    monkeypatch.setenv("TSDASH_ISOLATION", "strict")
    nursery = ForkingNursery()
    assert nursery.root.is_dir()
    asyncio.run(nursery.close())
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


def _source(text):
    return ModelSource(name="model.py", kind="file", filename="model.py", text=text)


def _run(engine, source):
    spec = RunSpec(model=source, modes=("trace",), cases=plan.cases(Sweep(), {"n": 2}))
    run = engine.store.create(spec, {}, {}, engine.owner)
    engine.submit(run, spec).result(120)
    return engine.store.load(run)


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
_MODEL = """
import torch
def make_model():
    return torch.nn.Linear(4, 2).eval()
def make_inputs(n=2):
    return (torch.ones(n, 4),)
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
_WORKING = """
import subprocess, tempfile
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(8)
        self.lstm = torch.nn.LSTM(8, 4, batch_first=True)

    def forward(self, x):
        x = torch.nn.functional.gelu(self.norm(self.conv(x)))
        y = self.lstm(x.mean(3).transpose(1, 2))[0]
        return (y * 2).sigmoid() + torch.linalg.vector_norm(y)

def make_model():
    torch.set_num_threads(2)
    with tempfile.TemporaryFile() as file:
        torch.save(torch.ones(2), file)
    with tempfile.TemporaryDirectory() as folder:
        torch.save(torch.ones(2), folder + "/saved")
        torch.load(folder + "/saved")
    assert subprocess.run(["echo", "hello"], capture_output=True, text=True, check=True).stdout == "hello\\n"
    return Net().eval()

def make_inputs(n=2):
    return (torch.randn(n, 3, 16, 16),)
"""
