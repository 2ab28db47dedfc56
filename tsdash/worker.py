"""The child process: answers requests on its channel, one JSON line each, in one of two roles.

author  imports the user's code, builds the model, runs eager, exports, times.
clean   never sees the user's code: loads the saved artefact, runs it and compares with eager's outputs.

Tensors pass through files (`tensorfile`), everything else as JSON. An answer is {"id": …, "ok": …} or, when the user's
model is at fault, {"id": …, "fault": ErrorFacts}. An error that no one foresaw is {"id": …, "bug": traceback}: ours, or the
doing of a model that changed what this process relies on.
"""

from __future__ import annotations

import json
import os
import socket
import traceback
from pathlib import Path
from typing import Any, Protocol

from tsdash.errors import ModelError
from tsdash.spec import ErrorFacts, to_json


class Role(Protocol):
    def answer(self, request: dict[str, Any]) -> Any: ...


def serve(channel: socket.socket, role: str, folder: str) -> None:
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
    with channel.makefile("rb") as requests:
        for line in requests:
            request = json.loads(line)
            try:
                answer = {"ok": to_json(player.answer(request))}
            except ModelError as error:
                answer = {"fault": to_json(ErrorFacts(type="ModelError", message=str(error), file=error.file, line=error.line))}
            except Exception:
                answer = {"bug": traceback.format_exc()[-8192:]}
            channel.sendall(_line({"id": request["id"], **answer}))
    os._exit(0)


def _line(answer: dict[str, Any]) -> bytes:
    """One line of JSON in ASCII: lone surrogates and control characters are escaped."""
    return json.dumps(answer, ensure_ascii=True).encode() + b"\n"
