"""The zygote's look at its workers, a few times a second: what no resource limit of the kernel counts, and what to end for it.

RLIMIT_DATA counts private memory of one process, RLIMIT_FSIZE one file. Shared memory, many files and many processes add up
here; files count because job folders lie in memory (/dev/shm).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

INTERVAL_S = 0.25
MOST_THREADS = 512
MOST_PROCESSES = 32  # that a worker has started and that are alive
MOST_FILES = 20_000
KEPT_MIB = 2048  # of inputs and outputs that a run keeps beside what its model writes


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What a worker and all that it started may hold, its own folder and those for its results."""

    memory_mib: int
    folder: str
    results: tuple[str, ...]


def describe(allowance: Allowance) -> str:
    """The allowance in words."""
    return f"watched: at most {MOST_PROCESSES} processes and {MOST_THREADS} threads; {allowance.memory_mib:,} MiB in files of its own; {_mib(allowance):,} MiB in results or shared"


def excess(pid: int, orphans: Iterable[int], allowance: Allowance) -> str | None:
    """What a worker, all that it started and the `orphans` it left hold beyond the allowance; None where they are within."""
    processes = family(pid, orphans)
    if len(processes) > MOST_PROCESSES + 1:
        return f"it had more than {MOST_PROCESSES} processes"
    statuses = [_numbers(f"/proc/{process}/status", "Threads", "RssShmem") for process in processes]
    if sum(status.get("Threads", 0) for status in statuses) > MOST_THREADS:
        return f"it had more than {MOST_THREADS} threads"
    shared_mib = sum(status.get("RssShmem", 0) for status in statuses) // 1024
    if shared_mib > _mib(allowance):
        return f"it held {shared_mib:,} MiB of shared memory, and {_mib(allowance):,} MiB is the limit"
    if len(processes) > 1:  # of one alone RLIMIT_DATA is the limit; pages that several share count once
        private_mib = (
            sum(_numbers(f"/proc/{process}/smaps_rollup", "Pss_Anon").get("Pss_Anon", 0) for process in processes)
            // 1024
        )
        if private_mib > allowance.memory_mib:
            return f"its processes held {private_mib:,} MiB of memory, and {allowance.memory_mib:,} MiB is the limit"
    return _excess_of_files(processes, allowance)


def family(pid: int, orphans: Iterable[int]) -> list[int]:
    """A worker, the `orphans` it left and all that they have started; no more than tell that it is too many."""
    processes = [pid, *orphans]
    for parent in processes:  # grows while it is walked
        processes += children(parent)
        if len(processes) > MOST_PROCESSES + 1:
            break
    return processes


def children(pid: int) -> list[int]:
    """The processes that a process and its threads have started and that have not ended."""
    found: list[int] = []
    with contextlib.suppress(OSError, ValueError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += map(int, file.read().split())
    return found


def _numbers(path: str, *names: str) -> dict[str, int]:
    """The named numbers of a file of /proc with a line each, sizes in KiB; without those that it does not have."""
    with contextlib.suppress(OSError), open(path, errors="replace") as file:
        lines = (line.partition(":") for line in file)
        return {name: int(value.split()[0]) for name, _, value in lines if name in names}
    return {}


def _mib(allowance: Allowance) -> int:
    return allowance.memory_mib + KEPT_MIB


def _excess_of_files(processes: list[int], allowance: Allowance) -> str | None:
    own, results = itertools.chain(_below((allowance.folder,)), *map(_unlinked, processes)), _below(allowance.results)
    count = 0
    try:
        for found, most_mib in ((own, allowance.memory_mib), (results, _mib(allowance))):
            size = 0
            for entry in found:
                count += 1
                size += entry.st_blocks * 512
                if count > MOST_FILES:
                    return f"it had more than {MOST_FILES:,} files"
            if size > most_mib * 2**20:
                return f"it held {size // 2**20:,} MiB in files, and {most_mib:,} MiB is the limit"
    except (
        OSError
    ) as error:  # folders that it may not read, or nested deeper than a path can say: nothing else would hide them
        return f"its files could not be counted: {error.strerror}"
    return None


def _below(folders: tuple[str, ...]) -> Iterator[os.stat_result]:
    """Every file and folder below `folders`, without following links; what disappears meanwhile is passed over."""
    left = list(folders)
    while left:
        with contextlib.suppress(FileNotFoundError), os.scandir(left.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    found = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(found.st_mode):
                        left.append(entry.path)
                    yield found


def _unlinked(pid: int) -> Iterator[os.stat_result]:
    """Files without a name that a process keeps open."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                found = os.stat(f"/proc/{pid}/fd/{fd}")
                if found.st_nlink == 0 and stat.S_ISREG(found.st_mode):
                    yield found
