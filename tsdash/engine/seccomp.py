"""Seccomp: system calls that this process and all that it starts may not make, for ever after.

What a model computes with is allowed; what reaches other processes, the network, the kernel's rarer subsystems, or files in ways
that Landlock does not see, fails with EPERM. New processes are asked for, one by one, at the other end of a descriptor. A filter
is a classic BPF program over the call's number and arguments, see userspace-api/seccomp_filter.rst. It is no list of all that is
harmless: that list would break with every new torch or libc.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import re
import select
import signal
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tsdash.engine.syscalls import FIRST_UNKNOWN, MACHINES, NUMBERS

DENIED = (
    # other processes
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "pidfd_getfd", "kcmp"),
    *("pidfd_send_signal", "tkill", "ioprio_set", "migrate_pages", "move_pages"),
    # another user, more rights, other namespaces and mounts
    *(
        "setuid",
        "setgid",
        "setreuid",
        "setregid",
        "setresuid",
        "setresgid",
        "setfsuid",
        "setfsgid",
        "setgroups",
        "capset",
    ),
    *(
        "unshare",
        "setns",
        "mount",
        "umount2",
        "pivot_root",
        "chroot",
        "open_tree",
        "open_tree_attr",
        "move_mount",
        "fsopen",
    ),
    *("fsconfig", "fsmount", "fspick", "mount_setattr", "name_to_handle_at", "open_by_handle_at"),
    # the kernel's rarer subsystems
    *("bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key", "io_uring_setup", "io_uring_enter"),
    *("io_uring_register", "syslog", "fanotify_init", "inotify_init", "inotify_init1"),
    # memory that no limit counts and that would outlive the process
    *("memfd_create", "memfd_secret", "shmget", "msgget", "semget", "mq_open"),
    # what Landlock does not see: mode, owner, times and attributes of any file
    *(
        "chmod",
        "fchmod",
        "fchmodat",
        "fchmodat2",
        "chown",
        "fchown",
        "lchown",
        "fchownat",
        "utime",
        "utimes",
        "futimesat",
    ),
    *("utimensat", "setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr"),
    *("removexattrat", "file_setattr", "mknod", "mknodat"),
    # the network; a pair of connected sockets is all there is
    "connect",
)
# Succeed and do nothing: all that a worker starts stays in its process group, where one signal ends it.
IGNORED = ("setsid", "setpgid")
# clone3's flags lie in memory, which a filter cannot read; libc falls back to clone.
MISSING = ("clone3",)


@dataclass(frozen=True)
class Test:
    """A call passes where argument number `argument`, masked, equals `value`."""

    argument: int
    value: int
    mask: int = 0xFFFFFFFF


_NAMESPACES = 0x7E020080  # CLONE_NEW*: mount, cgroup, UTS, IPC, user, pid, network, time
_THREAD = 0x00010000  # CLONE_THREAD
_UNIX, _STREAM_OR_SEQPACKET = (
    Test(0, 1),
    Test(1, 1, mask=0b1011),
)  # SOCK_STREAM is 1, SOCK_SEQPACKET 5; datagrams need no connection
PERMITTED_ONLY = {
    "socket": (_UNIX, _STREAM_OR_SEQPACKET),
    "socketpair": (_UNIX, _STREAM_OR_SEQPACKET),
    "prlimit64": (Test(0, 0),),  # of the process itself
    "setpriority": (Test(0, 0), Test(1, 0)),
    "sched_setscheduler": (Test(0, 0),),
    "sched_setparam": (Test(0, 0),),
    "sched_setattr": (Test(0, 0),),
    "sched_setaffinity": (Test(0, 0),),
}
FORBIDDEN_VALUES = {  # call -> argument, and the values with which it is denied
    "prctl": (0, (1, 4)),  # PR_SET_PDEATHSIG and PR_SET_DUMPABLE: how the zygote ends and sees its workers
    "fcntl": (1, (8, 10, 15)),  # F_SETOWN, F_SETSIG, F_SETOWN_EX: a signal to whomever
    "ioctl": (
        1,
        (0x5412, 0x8901, 0x8902, 0x40086602, 0x401C5820),
    ),  # TIOCSTI, FIOSETOWN, SIOCSPGRP, FS_IOC_SETFLAGS, _FSSETXATTR
}
SIGNALS = ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")

_AUDIT_ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_X32 = 0x40000000  # the second set of numbers on x86_64
_LOAD, _AND, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_ALLOW, _ASK, _ERRNO, _KILL = 0x7FFF0000, 0x7FC00000, 0x00050000, 0x80000000
_PR_SET_NO_NEW_PRIVS, _PR_GET_SECCOMP = 38, 21
_SET_MODE_FILTER, _NEW_LISTENER = 1, 8
_RECEIVE, _SEND = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_RECV and _SEND
_QUESTION, _ANSWER = struct.Struct("=QII64x"), struct.Struct("=QqiI")  # struct seccomp_notif and seccomp_notif_resp
_WAIT_S = 0.05
_CONTINUE, _CONTINUE_SINCE = 1, (5, 5)  # SECCOMP_USER_NOTIF_FLAG_CONTINUE

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A filter that is in force. New processes are asked for at `listener`; None: there are none."""

    listener: int | None


def supported() -> bool:
    """Whether this system has seccomp filters and this file knows its numbers."""
    if sys.platform != "linux" or sys.maxsize < 2**32 or platform.machine() not in _AUDIT_ARCHES:
        return False
    return int(ctypes.CDLL(None).prctl(_PR_GET_SECCOMP, 0, 0, 0, 0)) >= 0


def restrict(*, own_signals: bool, bind: bool) -> Filter | None:
    """Install the filter; None where this system has no such thing.

    With `own_signals` a process may signal no other but this one; leave it out where Landlock sees to signals, so that children
    can be ended. `bind` lets CUDA listen on the socket by which its own threads meet.
    """
    if not supported():
        return None
    pid = os.getpid() if own_signals else None
    version = tuple(int(part) for part in re.findall(r"\d+", platform.release())[:2])
    try:
        if version < _CONTINUE_SINCE:
            raise OSError(errno.ENOSYS, "questions, but no way to let a call go on")
        return Filter(
            listener=_install(compile_filter(platform.machine(), pid=pid, bind=bind, ask=True), _NEW_LISTENER)
        )
    except OSError:  # an older kernel, or a sandbox around this one that listens already
        _install(compile_filter(platform.machine(), pid=pid, bind=bind, ask=False), 0)
        return Filter(listener=None)


def next_question(listener: int) -> int | None:
    """The number of the request for a new process that waits at `listener`; None where the asker has been killed meanwhile.

    The kernel lets the reader wait then, so an alarm breaks the call off: call it in the main thread. Raises EOFError once no
    process is left that could ask.
    """
    asked = select.poll()
    asked.register(listener, select.POLLIN)
    if not any(event & select.POLLIN for _, event in asked.poll(0)):
        raise EOFError
    question = ctypes.create_string_buffer(_QUESTION.size)
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, _WAIT_S, _WAIT_S)
    result = ctypes.CDLL(None).ioctl(
        listener, ctypes.c_ulong(_RECEIVE), question
    )  # Python's own ioctl would begin again
    signal.setitimer(signal.ITIMER_REAL, 0)
    return int(_QUESTION.unpack(question)[0]) if result == 0 else None


def answer(listener: int, question: int, *, error: int = 0) -> None:
    """Let the process that asked go on, or have its call fail with `error`."""
    import fcntl  # Windows has none

    with contextlib.suppress(OSError):  # whoever asked has been killed
        fcntl.ioctl(listener, _SEND, _ANSWER.pack(question, 0, -error, 0 if error else _CONTINUE))


def _install(program: Sequence[Instruction], flags: int) -> int:
    packed = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    code = ctypes.create_string_buffer(packed)
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero)
    result = int(libc.syscall(_SECCOMP[platform.machine()], _SET_MODE_FILTER, flags, ctypes.byref(header)))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"seccomp: {os.strerror(ctypes.get_errno())}")
    return result


def compile_filter(machine: str, *, pid: int | None, bind: bool, ask: bool) -> list[Instruction]:
    """The filter's program for a machine.

    `pid` is the only process that may be signalled, None leaves signals alone; `ask` for new processes or deny them.
    """
    number = {name: numbers[MACHINES.index(machine)] for name, numbers in NUMBERS.items()}
    only = {**PERMITTED_ONLY, **({} if pid is None else {name: (Test(0, pid),) for name in SIGNALS})}
    program: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, _AUDIT_ARCHES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        program += [(_AT_LEAST, 0, 1, _X32), _error(errno.EPERM)]
    program += [(_AT_LEAST, 0, 1, FIRST_UNKNOWN), _error(errno.ENOSYS)]  # for which every libc has another way
    denied = DENIED if bind else (*DENIED, "bind")
    for names, number_of_error in ((denied, errno.EPERM), (IGNORED, 0), (MISSING, errno.ENOSYS)):
        for name in names:
            program += _block(number[name], [_error(number_of_error)])
    another = (_RETURN, 0, 0, _ASK) if ask else _error(errno.EPERM)
    for name in ("fork", "vfork"):
        program += _block(number[name], [another])
    program += _block(number["clone"], list(_only_threads(another)))
    for name, tests in only.items():
        program += _block(number[name], list(_all_of(tests)))
    for name, (argument, values) in FORBIDDEN_VALUES.items():
        program += _block(number[name], list(_none_of(argument, values)))
    return [*program, (_RETURN, 0, 0, _ALLOW)]


def _only_threads(otherwise: Instruction) -> Iterator[Instruction]:
    """clone: a thread passes, a namespace does not, and a process gets `otherwise`."""
    yield (_LOAD, 0, 0, _ARGUMENTS)
    yield (_ANY_BIT, 0, 1, _NAMESPACES)
    yield _error(errno.EPERM)
    yield (_ANY_BIT, 0, 1, _THREAD)
    yield (_RETURN, 0, 0, _ALLOW)
    yield otherwise


def _block(number: int | None, body: Sequence[Instruction]) -> list[Instruction]:
    """`body`, which always returns, for one call; the call's number stays loaded for all others."""
    return [] if number is None else [(_EQUAL, 0, len(body), number), *body]


def _all_of(tests: Sequence[Test]) -> Iterator[Instruction]:
    left = 3 * len(tests) + 1  # instructions from here to the error
    for test in tests:
        yield (_LOAD, 0, 0, _ARGUMENTS + 8 * test.argument)  # the low half: these arguments are ints
        yield (_AND, 0, 0, test.mask)
        left -= 3
        yield (_EQUAL, 0, left, test.value)
    yield (_RETURN, 0, 0, _ALLOW)
    yield _error(errno.EPERM)


def _none_of(argument: int, values: Sequence[int]) -> Iterator[Instruction]:
    yield (_LOAD, 0, 0, _ARGUMENTS + 8 * argument)
    for value in values:
        yield (_EQUAL, 0, 1, value)
        yield _error(errno.EPERM)
    yield (_RETURN, 0, 0, _ALLOW)


def _error(number: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | number)
