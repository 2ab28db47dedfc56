"""What a confined process may open, sees of the world, and says of its own confinement."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.engine.conftest import MODEL, run_trace
from tsdash.engine import confinement, landlock
from tsdash.engine.confinement import Bounds
from tsdash.engine.forking import ForkingNursery
from tsdash.errors import OptionError
from tsdash.judge import judge
from tsdash.models import entry_points
from tsdash.spec import Sweep

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
    check(MODEL, modes=("trace", "script"))
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
    record = run_trace(engine, entry_points.read("net:build"))
    assert [judge(result).outcome for result in record.of("trace")] == ["identical"]


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
