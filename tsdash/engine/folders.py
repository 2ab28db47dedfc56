"""The folders of a run: made empty for a worker, and taken away whatever a model has left in them."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
from pathlib import Path


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
