"""Landlock: this process and all that it starts may open only the files that it was granted, for ever after.

The kernel's own documentation of the calls and of what each version (ABI) of them can do is userspace-api/landlock.rst. Rights
are granted along a hierarchy of folders: what is granted on a folder holds for everything below it. Not covered by it, and so
left to seccomp: asking for a file's existence and size, changing its mode, owner or times, and datagrams.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
_VERSION = 1  # LANDLOCK_CREATE_RULESET_VERSION
_PATH_BENEATH = 1  # LANDLOCK_RULE_PATH_BENEATH
_PR_SET_NO_NEW_PRIVS = 38

# LANDLOCK_ACCESS_FS_*, bit by bit, with the ABI that brought it
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = (1 << bit for bit in range(6))
_MAKE_CHAR, _MAKE_DIR, _MAKE_REG, _MAKE_SOCK, _MAKE_FIFO, _MAKE_BLOCK, _MAKE_SYM = (1 << bit for bit in range(6, 13))
_REFER = 1 << 13  # ABI 2
_TRUNCATE = 1 << 14  # ABI 3
_IOCTL_DEV = 1 << 15  # ABI 5
_NEWER = ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV))
_TCP = 0b11  # ABI 4: LANDLOCK_ACCESS_NET_BIND_TCP and _CONNECT_TCP
_SCOPES = 0b11  # ABI 6: LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET and _SIGNAL
TCP_ABI, SCOPES_ABI = 4, 6

LIST = _READ_DIR
READ = _READ_FILE | _READ_DIR | _EXECUTE
# No symbolic links, pipes, sockets and devices in a job folder: the server reads what a worker leaves there.
WRITE = READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER | _TRUNCATE
DEVICE = _READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV  # the rights that a rule on a file may grant


class _RulesetAttributes(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def abi() -> int:
    """The version of Landlock that this kernel enforces; 0 where there is none or it is switched off."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)))


def restrict(grants: Iterable[tuple[str, int]]) -> int:
    """Take every right from this process but `grants`, paths with LIST, READ, WRITE or DEVICE; those that do not exist are
    passed over. Network and signals to others are taken as far as the kernel can. Returns the ABI; 0: nothing was done.

    No call undoes it. Only the calling thread is restricted, so call it while there is no other.
    """
    version = abi()
    if version == 0:
        return 0
    handled = (1 << 13) - 1 | sum(right for since, right in _NEWER if version >= since)
    attributes = _RulesetAttributes(handled, _TCP if version >= TCP_ABI else 0, _SCOPES if version >= SCOPES_ABI else 0)
    size = 24 if version >= SCOPES_ABI else 16 if version >= TCP_ABI else 8
    libc = _libc()
    ruleset = _checked(
        libc.syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0), "landlock_create_ruleset"
    )
    try:
        for path, rights in grants:
            _grant(libc, ruleset, path, rights & handled)
        _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
        _checked(libc.syscall(_RESTRICT_SELF, ruleset, 0), "landlock_restrict_self")
    finally:
        os.close(ruleset)
    return version


def _grant(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _OF_FILES
        if rights:
            rule = _PathBeneath(rights, fd)
            _checked(libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0), "landlock_add_rule")
    finally:
        os.close(fd)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, call: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result
