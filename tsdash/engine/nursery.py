"""Where workers come from: forked from a zygote on Linux, started one by one elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tsdash.engine import confinement
from tsdash.engine.workers import Worker
from tsdash.errors import OptionError


class Nursery(Protocol):
    """All methods run in the engine's event loop. `root` is the folder of all runs' folders, `confinement` what was applied to
    the latest worker, in words."""

    root: Path
    confinement: tuple[str, ...]

    async def start(self) -> None:
        """Get ready, so that the first worker comes soon."""

    async def preload(self, modules: tuple[str, ...], *, spare: bool = False) -> None:
        """Import what the coming workers need, once for all of them; `spare`: only while there is nothing else to do."""

    async def fork(
        self,
        role: str,
        folder: Path,
        memory_mib: int,
        output_kib: int,
        *,
        reads: Sequence[Path] = (),
        writes: Sequence[Path] = (),
        searches: Sequence[str] = (),
    ) -> Worker:
        """A new worker in `folder`, which is emptied; what it may read, write and import beside it see `confinement.Bounds`.
        Raises WorkerLost."""

    async def close(self) -> None:
        """End every worker."""


def open_nursery() -> Nursery:
    """The nursery of this system. Raises OptionError where the isolation that the operator asks for cannot hold."""
    if sys.platform == "linux":
        from tsdash.engine.forking import ForkingNursery

        return ForkingNursery()
    if confinement.isolation() == "strict":
        raise OptionError(
            "TSDASH_ISOLATION=strict needs Linux, with Landlock, seccomp and bubblewrap. Read docs/isolation.md."
        )
    from tsdash.engine.cold import ColdNursery

    return ColdNursery()
