"""What a worker may do: its own session, limits, a clean environment, folders of its own, no network, no secrets.

`confine` applies to a freshly forked process all that the system has, and says what that was. docs/isolation.md describes the
whole and what remains.
"""

from __future__ import annotations

import ctypes
import faulthandler
import functools
import os
import signal
import socket
import struct
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tsdash.engine import landlock, seccomp
from tsdash.errors import unknown

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

ENVIRONMENT = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "CUDA_VISIBLE_DEVICES",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "SYSTEMROOT",  # without it Python does not start on Windows
)
LEVELS = ("default", "strict")
NOT_ISOLATED = "not isolated"  # the first word on a system without Landlock and seccomp
STANDARD_INPUT, STANDARD_OUTPUT, STANDARD_ERROR, CHANNEL = range(4)  # a worker's descriptors; it has no other
_DESCRIPTORS = 256

_PR_SET_PDEATHSIG = 1
_CAPABILITIES_VERSION = 0x20080522
_READ_ANYWAY = 1 << 2  # CAP_DAC_READ_SEARCH: Landlock says what may be read, not the owner of a virtual environment

SYSTEM = (
    *("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/nix/store", "/gnu/store"),
    *(
        "/etc/ld.so.cache",
        "/etc/ld.so.conf",
        "/etc/ld.so.conf.d",
        "/etc/alternatives",
        "/etc/localtime",
        "/etc/timezone",
    ),
    *(
        "/etc/passwd",
        "/etc/group",
        "/etc/nsswitch.conf",
        "/etc/os-release",
        "/etc/fonts",
    ),  # readable by all, none of them secret
    *(
        "/proc/cpuinfo",
        "/proc/meminfo",
        "/proc/stat",
        "/proc/version",
        "/proc/filesystems",
        "/proc/sys",
        "/sys/devices/system",
    ),
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
ACCELERATORS = ("/dev/nvidia*", "/dev/nvidia-caps/*", "/dev/kfd", "/dev/dri/*", "/dev/dxg")
DRIVERS = (
    "/proc/driver/nvidia",
    "/proc/devices",
    "/proc/modules",
    "/sys/devices",
    "/sys/bus/pci",
    "/sys/class",
    "/sys/module",
    "/etc/OpenCL",
)


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What one worker gets. `folder` is its current folder, home and place for temporary files; it may write there and in
    `writes`, read what is in `reads`, and import from `searches`, whose hidden entries (.git, .env) stay hidden."""

    folder: str
    memory_mib: int
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    strict: bool = False  # end rather than work with less than Landlock and seccomp


def isolation() -> str:
    """The level that the operator asks for in TSDASH_ISOLATION. Raises OptionError for one that does not exist."""
    chosen = os.environ.get("TSDASH_ISOLATION") or LEVELS[0]
    if chosen not in LEVELS:
        raise unknown("TSDASH_ISOLATION", chosen, LEVELS)
    return chosen


@dataclass(frozen=True, kw_only=True)
class Operator:
    """What whoever started the server lets models read: TSDASH_READABLE, and the additions to Python's search path."""

    readable: tuple[str, ...]
    searches: tuple[str, ...]

    def environment(self) -> dict[str, str]:
        """What a process without secrets starts with: names on the list, and where tsdash and the operator's modules are."""
        kept = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        return {**kept, "PYTHONPATH": os.pathsep.join((str(Path(__file__).resolve().parents[2]), *self.searches))}

    def bounds(
        self,
        role: str,
        folder: Path,
        memory_mib: int,
        *,
        reads: Sequence[Path] = (),
        writes: Sequence[Path] = (),
        searches: Sequence[str] = (),
        strict: bool = False,
    ) -> Bounds:
        """The bounds of a worker in a role: only an author, who runs the user's code, gets what the operator lets models read."""
        author = role == "author"
        return Bounds(
            folder=str(folder),
            memory_mib=memory_mib,
            reads=(*map(str, reads), *(self.readable if author else ())),
            writes=tuple(map(str, writes)),
            searches=(*searches, *(self.searches if author else ())),
            strict=strict,
        )


def operator() -> Operator:
    """The operator's wishes, from the environment of the server."""
    return Operator(readable=_paths("TSDASH_READABLE"), searches=_paths("PYTHONPATH"))


def _paths(variable: str) -> tuple[str, ...]:
    return tuple(os.path.abspath(path) for path in os.environ.get(variable, "").split(os.pathsep) if path)


def die_with_parent(by: int = signal.SIGTERM) -> None:
    """Ask the kernel for a signal when the thread that started this process ends (Linux; elsewhere a closed pipe tells)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, by, 0, 0, 0)


def confine(bounds: Bounds, *, channel: int, output: int, asks: int) -> tuple[str, ...]:
    """Apply `bounds` to this freshly forked, single-threaded process; returns what was applied, in words.

    From then on `channel` is descriptor 3, `output` is 1 and 2, and no other is open. No call undoes any of it. The socket
    `asks` is sent the descriptor at which the process will ask for others (see seccomp), if it may have any.
    """
    os.setsid()
    die_with_parent(signal.SIGKILL)
    asks = _keep_descriptors(channel, output, asks)
    use_folder(bounds.folder)
    print_at_once()
    applied = [*limit(bounds.memory_mib), "a clean environment, and a folder of its own as home"]
    faulthandler.enable(file=STANDARD_ERROR)
    version = landlock.restrict(_grants(bounds))
    capabilities = _drop_capabilities(keep=_READ_ANYWAY if version else 0)
    filtered = seccomp.restrict(own_signals=version < landlock.SCOPES_ABI, bind=bool(accelerators()))
    if bounds.strict and not (version and filtered):
        raise RuntimeError("strict isolation needs Landlock and seccomp, and this system has not both")
    _hand_over(filtered, asks)
    return (*_walls(version, filtered), *(["no capabilities"] if capabilities else []), *applied)


def _hand_over(filtered: seccomp.Filter | None, asks: int) -> None:
    with socket.socket(fileno=asks) as supervisor:
        if filtered and filtered.listener is not None:
            socket.send_fds(supervisor, [b"listener"], [filtered.listener])
            os.close(filtered.listener)


def _walls(version: int, filtered: seccomp.Filter | None) -> Iterator[str]:
    if not version and not filtered:
        yield f"{NOT_ISOLATED}: this system has neither Landlock nor seccomp"
    if version:
        tcp = ", no TCP" if version >= landlock.TCP_ABI else ""
        signals = ", no signals to other processes" if version >= landlock.SCOPES_ABI else ""
        yield f"Landlock (ABI {version}): writes only in the run's own folders, reads only Python, system libraries and tsdash{tcp}{signals}"
    if filtered:
        processes = "" if filtered.listener is not None else ", no new processes"
        yield f"seccomp: no network, no access to other processes{processes}, no namespaces, no kernel subsystems beyond computing"


def _keep_descriptors(channel: int, output: int, asks: int) -> int:
    """Put the descriptors in their places and close all others; returns where `asks` is now."""
    null = os.open(os.devnull, os.O_RDONLY)
    kept = [
        os.dup(fd) for fd in (null, output, output, channel, asks)
    ]  # ascending: no place is taken that is still needed
    for place, fd in enumerate(kept):
        os.dup2(fd, place, inheritable=place < CHANNEL)
    os.closerange(len(kept), 65536)
    return CHANNEL + 1


def use_folder(folder: str) -> None:
    """Make `folder` the current one, home, and the place for temporary files; forget what else the environment said."""
    os.chdir(folder)
    kept = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    os.environ.clear()
    os.environ.update({**kept, "HOME": folder, "TMPDIR": folder, "TORCH_HOME": folder, "MPLCONFIGDIR": folder})
    tempfile.tempdir = None  # what the zygote found for itself
    sys.dont_write_bytecode = True


def print_at_once() -> None:
    """Write every printed line when it is printed: a worker leaves without emptying its buffers.

    New streams, for the old ones may have been opened on a file, and remember a place in it that a pipe does not have.
    """
    lines = functools.partial(open, mode="w", buffering=1, errors="backslashreplace", closefd=False)
    sys.stdout, sys.stderr = lines(STANDARD_OUTPUT), lines(STANDARD_ERROR)


def limit(memory_mib: int) -> tuple[str, ...]:
    """Let the kernel hold this process to its memory; files may be as large as memory, for they are made from it."""
    if resource is None:
        return ()
    memory = memory_mib * 2**20
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_FSIZE, memory),
        (resource.RLIMIT_NOFILE, _DESCRIPTORS),
    ):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(what, (most, most))
        except ValueError:
            if sys.platform == "linux":  # macOS refuses some
                raise
    return (f"at most {memory_mib:,} MiB of memory and of a file, {_DESCRIPTORS} descriptors, no core dumps",)


def _grants(bounds: Bounds) -> Iterator[tuple[str, int]]:
    """(path, rights) of everything that the worker may open."""
    yield from common_grants()
    yield f"/proc/{os.getpid()}", landlock.READ
    for path in (bounds.folder, *bounds.writes):
        yield path, landlock.WRITE
    for path in bounds.reads:
        yield path, landlock.READ
    for path in bounds.searches:
        yield path, landlock.LIST
        yield from ((str(child), landlock.READ) for child in Path(path).glob("[!.]*"))


@functools.cache
def common_grants() -> tuple[tuple[str, int], ...]:
    """What every worker may open; the zygote asks first, so that no worker has to look."""
    devices = accelerators()
    readable = (*SYSTEM, *installation(), *(DRIVERS if devices else ()))
    return (*((path, landlock.READ) for path in readable), *((path, landlock.DEVICE) for path in (*DEVICES, *devices)))


def installation() -> tuple[str, ...]:
    """The folders of Python, of all that is installed for it, and of tsdash."""
    installed = (path for path in sys.path if Path(path).name in ("site-packages", "dist-packages"))
    # torch may come from a PYTHONPATH of its own
    packages = (
        Path(sys.modules[name].__file__ or "").parent
        for name in ("tsdash", "torch", "numpy", "torchvision")
        if name in sys.modules
    )
    return tuple(dict.fromkeys((sys.prefix, sys.base_prefix, sys.exec_prefix, *installed, *map(str, packages))))


@functools.cache
def accelerators() -> tuple[str, ...]:
    return tuple(str(path) for pattern in ACCELERATORS for path in Path("/").glob(pattern[1:]))


def _drop_capabilities(*, keep: int) -> bool:
    """Give up every capability of the superuser but those in the mask `keep`; False where there is no such thing."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITIES_VERSION, 0))
    sets = ctypes.create_string_buffer(24)  # effective, permitted, inheritable; their low halves, then the high ones
    if libc.capget(header, sets) != 0:
        return False
    permitted = struct.unpack("=6I", sets.raw)[1] & keep
    sets = ctypes.create_string_buffer(struct.pack("=6I", permitted, permitted, 0, 0, 0, 0), 24)
    if libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), f"capset: {os.strerror(ctypes.get_errno())}")
    return True
