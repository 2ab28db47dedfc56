"""The child process: answers requests on its channel, one JSON line each, in one of two roles.

author  imports the user's code, builds the model, runs eager, exports, times.
clean   never sees the user's code: loads the saved artefact, runs it and compares with eager's outputs.

Tensors pass through files (`tensorfile`), everything else as JSON. An answer is {"id": …, "ok": …} or, when the user's
model is at fault, {"id": …, "fault": ErrorFacts}. An error that no one foresaw is {"id": …, "bug": traceback}: ours, or the
doing of a model that changed what this process relies on.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import traceback
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

from tsdash.errors import ModelError
from tsdash.spec import ErrorFacts, to_json


class Role(Protocol):
    def answer(self, request: dict[str, Any]) -> Any: ...


class Channel(Protocol):
    """The way to the parent: a connected socket, or what stands in for one."""

    def makefile(self, mode: Literal["rb"]) -> BinaryIO: ...
    def sendall(self, data: bytes) -> None: ...


def serve(channel: Channel, role: str, folder: str) -> None:
    """Answer requests until the parent closes the channel, then leave without exit handlers."""
    import torch

    torch.set_num_threads(1)
    player: Role
    if role == "author":
        from tsdash.author import Author

        player = Author(Path(folder))
    else:
        from tsdash.clean import Clean

        player = Clean()
    own, kept = os.getpid(), set[int]()
    with channel.makefile("rb") as requests:
        for line in requests:
            request = json.loads(line)
            try:
                answer = {"ok": to_json(player.answer(request))}
            except ModelError as error:
                answer = {
                    "fault": to_json(
                        ErrorFacts(type="ModelError", message=str(error), file=error.file, line=error.line)
                    )
                }
            except Exception:
                answer = {"bug": traceback.format_exc()[-8192:]}
            if os.getpid() != own:
                os._exit(0)  # a copy of this process that the model has made: only the original answers
            kept = _end_children(kept, load=request["do"] == "load")
            channel.sendall(_line({"id": request["id"], **answer}))
    os._exit(0)


def _end_children(kept: set[int], *, load: bool) -> set[int]:
    """End the processes that this request has left; a model may keep those that it started when it was loaded."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except (ChildProcessError, AttributeError):  # none, as nearly always; Windows has no such call
        return kept
    tasks = Path("/proc/self/task")
    started = {int(pid) for task in tasks.glob("*/children") for pid in task.read_text().split()}
    if load:
        return started
    for pid in started - kept:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return kept


def _line(answer: dict[str, Any]) -> bytes:
    """One line of JSON in ASCII: lone surrogates and control characters are escaped."""
    return json.dumps(answer, ensure_ascii=True).encode() + b"\n"
