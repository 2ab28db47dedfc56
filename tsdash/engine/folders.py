"""The folders of a run: made empty for a worker, and taken away whatever a model has left in them.

A run's own folder lies in memory where there is such a place. Its server holds a lock on it, so that the next one knows what a
server that was killed has left.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import tempfile
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where an open folder cannot be locked
    fcntl = None  # type: ignore[assignment]

_SHARED_MEMORY = Path("/dev/shm")
_PREFIX = "tsdash-"


def root() -> Path:
    """Where runs have their folders: shared memory, or else the folder for temporary files."""
    return _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else Path(tempfile.gettempdir())


def create(parent: Path) -> tuple[Path, int]:
    """A new folder of this process in `parent`, and the descriptor whose closing tells that it is done with."""
    made = Path(tempfile.mkdtemp(prefix=".tsdash-", dir=parent))  # found by remove_abandoned only once it is locked
    lock = -1
    if fcntl is not None:
        lock = os.open(made, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return made.rename(parent / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"), lock


def release(folder: Path, lock: int) -> None:
    """Remove what `create` made."""
    remove(folder)
    if lock >= 0:
        os.close(lock)


def remove_abandoned(parent: Path) -> None:
    """Remove the folders of processes that have died. Two signs are needed: no such process, and no lock."""
    for folder in parent.glob(f"{_PREFIX}[0-9]*-*") if fcntl is not None else ():
        owner = folder.name.split("-")[1]
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == os.getuid() and owner.isdigit() and not _lives(int(owner)):
                lock = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    remove(folder)
                finally:
                    os.close(lock)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def fresh(folder: Path) -> Path:
    """`folder`, empty: what an earlier worker left there is gone."""
    remove(folder)
    folder.mkdir()
    return folder


def remove(folder: Path) -> None:
    """Delete a folder and all below it; links are not followed. Nothing happens where there is none.

    Folders may be nested deeper than Python recurses or a path can say, and be closed to their owner: every one is moved up
    to the top before it is emptied. What the system refuses to delete stays.
    """
    names = (folder / f"{secrets.token_hex(8)}-{number}" for number in itertools.count())
    left = [folder]
    while left:
        current = left.pop()
        with contextlib.suppress(OSError), os.scandir(current) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        os.chmod(entry.path, 0o700)  # to move a folder takes the right to write in it
                        above = next(names)
                        os.rename(entry.path, above)
                        left.append(above)
                    else:
                        os.unlink(entry.path)
        if current != folder:
            with contextlib.suppress(OSError):
                current.rmdir()
    with contextlib.suppress(OSError):
        folder.rmdir()
