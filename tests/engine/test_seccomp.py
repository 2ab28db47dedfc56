"""The filter's decisions, by running its program on the numbers and arguments of calls, for both machines on any machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tsdash.engine import seccomp
from tsdash.engine.syscalls import MACHINES, NUMBERS

ALLOW, ASK, KILL = 0x7FFF0000, 0x7FC00000, 0x80000000
EPERM, ENOSYS, IGNORED = 0x00050001, 0x00050026, 0x00050000
ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def decide(machine, call, *arguments, arch=None, **options):
    """What the kernel would do with a call, by name or number: classic BPF as far as the filter uses it."""
    program = seccomp.compile_filter(machine, **{"pid": None, "bind": False, "ask": True, **options})
    number = NUMBERS[call][MACHINES.index(machine)] if isinstance(call, str) else call
    words = {0: number, 4: arch or ARCHES[machine]}
    for index, argument in enumerate(arguments):
        words[16 + 8 * index] = argument & 0xFFFFFFFF
    accumulator, counter = 0, 0
    while True:
        code, if_true, if_false, constant = program[counter]
        counter += 1
        if code == 0x06:
            return constant
        if code == 0x20:
            accumulator = words.get(constant, 0)
        elif code == 0x54:
            accumulator &= constant
        else:
            holds = {0x15: accumulator == constant, 0x35: accumulator >= constant, 0x45: accumulator & constant != 0}
            counter += if_true if holds[code] else if_false


@pytest.mark.parametrize("machine", MACHINES)
def test_what_a_model_computes_with_is_allowed(machine):
    """read and write, memory, threads, files, its own limits, a pair of sockets."""
    for number in (0, 1, 9, 10, 11, 202) if machine == "x86_64" else (63, 64, 222, 226, 215, 98):
        assert decide(machine, number) == ALLOW
    assert decide(machine, "clone", 0x003D0F00) == ALLOW  # what pthread_create asks for
    assert decide(machine, "prlimit64", 0, 7) == ALLOW
    assert decide(machine, "socketpair", 1, 1) == decide(machine, "socketpair", 1, 5 | 0o2000000) == ALLOW
    assert (
        decide(machine, "fcntl", 3, 4) == decide(machine, "ioctl", 3, 0x5401) == decide(machine, "prctl", 15) == ALLOW
    )


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        *((name, ()) for name in ("ptrace", "mount", "unshare", "setns", "bpf", "keyctl", "io_uring_setup", "connect", "bind")),
        *(("socket", (family, 1)) for family in (2, 10, 16, 17, 38, 40)),  # internet, netlink, packets, crypto, virtual machines
        ("socket", (1, 2)),
        ("socketpair", (1, 2)),
        ("socketpair", (1, 3)),
        ("clone", (0x10000000 | 17,)),
        ("prctl", (1,)),
        ("prctl", (4,)),
        ("fcntl", (3, 8)),
        ("ioctl", (0, 0x5412)),
        ("prlimit64", (1,)),
        ("setpriority", (2, 0)),
        ("sched_setaffinity", (1,)),
        ("fchmodat", ()),
        ("utimensat", ()),
        ("fsetxattr", ()),
    ],
)  # fmt: skip
def test_what_reaches_beyond_the_process_is_denied(machine, call, arguments):
    assert decide(machine, call, *arguments) == EPERM


@pytest.mark.parametrize("machine", MACHINES)
def test_a_new_process_is_asked_for_or_denied(machine):
    """fork is clone with a signal; there is no clone3, and a new session changes nothing."""
    assert decide(machine, "clone", 17) == decide(machine, "clone", 0x01200011) == ASK
    assert decide(machine, "clone", 17, ask=False) == EPERM
    assert decide(machine, "clone3") == ENOSYS
    assert decide(machine, "setsid") == decide(machine, "setpgid") == IGNORED


def test_the_old_calls_of_x86_are_covered_too():
    assert decide("x86_64", "fork") == decide("x86_64", "vfork") == ASK
    assert decide("x86_64", "chmod") == decide("x86_64", "utime") == EPERM


@pytest.mark.parametrize("machine", MACHINES)
def test_signals_go_to_the_process_itself_where_nothing_else_holds_them(machine):
    """With Landlock's scope they are left alone, so that children can be ended."""
    assert decide(machine, "kill", 77, 9, pid=77) == decide(machine, "tgkill", 77, 78, 9, pid=77) == ALLOW
    assert decide(machine, "kill", 1, 9, pid=77) == decide(machine, "kill", -1, 9, pid=77) == EPERM
    assert decide(machine, "kill", 1, 9) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_other_tables_and_newer_calls_are_no_way_around(machine):
    """32-bit code is killed, the second set of x86 numbers denied; what came later does not exist."""
    assert decide(machine, 0, arch=0x40000003) == KILL
    assert decide(machine, 470) == decide(machine, 600) == ENOSYS
    assert machine != "x86_64" or decide(machine, 0x40000000 | 101) == EPERM


def test_cuda_may_listen_and_no_one_connect():
    assert decide("x86_64", "bind", bind=True) == decide("x86_64", "socket", 1, 5) == ALLOW
    assert decide("x86_64", "connect", bind=True) == EPERM


@pytest.mark.parametrize(
    ("column", "header"),
    [(0, "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), (1, "/usr/include/asm-generic/unistd.h")],
    ids=MACHINES,
)
def test_the_numbers_are_the_kernels(column, header):
    """As far as the installed headers know the calls."""
    if not Path(header).is_file():
        pytest.skip(f"no {header} here (Debian: apt-get install linux-libc-dev)")
    defined = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", Path(header).read_text())
    known = {name: int(number) for name, number in defined}
    ours = {name: numbers[column] for name, numbers in NUMBERS.items() if name in known}
    assert len(ours) > 60
    assert ours == {name: known[name] for name in ours}
