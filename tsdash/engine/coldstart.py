"""A worker that is started by itself: `python -m tsdash.engine.coldstart ROLE BOUNDS`, requests on stdin, answers on stdout.

Whatever the model prints goes to stderr, so that stdout holds nothing but answers.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
from typing import BinaryIO, Literal

from tsdash import worker
from tsdash.engine import confinement


class Pipes:
    """A pair of pipes in place of a socket."""

    def __init__(self, requests: BinaryIO, answers: BinaryIO) -> None:
        self._requests = requests
        self._answers = answers

    def makefile(self, mode: Literal["rb"]) -> BinaryIO:
        return self._requests

    def sendall(self, data: bytes) -> None:
        self._answers.write(data)
        self._answers.flush()


def main() -> None:
    role, bounds = sys.argv[1], confinement.Bounds(**json.loads(sys.argv[2]))
    confinement.die_with_parent(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    parent = Pipes(
        os.fdopen(os.dup(confinement.STANDARD_INPUT), "rb"), os.fdopen(os.dup(confinement.STANDARD_OUTPUT), "wb")
    )
    os.dup2(os.open(os.devnull, os.O_RDONLY), confinement.STANDARD_INPUT)
    os.dup2(confinement.STANDARD_ERROR, confinement.STANDARD_OUTPUT)
    confinement.use_folder(bounds.folder)
    confinement.print_at_once()
    confinement.limit(bounds.memory_mib)
    faulthandler.enable(file=confinement.STANDARD_ERROR)
    applied = (
        f"{confinement.NOT_ISOLATED}: a model can read and write all that tsdash can, and use the network",
        f"watched: at most {bounds.memory_mib:,} MiB of memory",
        "a clean environment, and a folder of its own as home",
    )
    parent.sendall(json.dumps({"confined": applied}).encode() + b"\n")
    worker.serve(parent, role, bounds.folder)


if __name__ == "__main__":
    main()
