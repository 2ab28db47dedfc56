"""What lies beside a model file, where its model may not look, and the way to let it.

A worker has the model file alone, in a folder of its own. A module or weights beside the file are out of its reach until whoever
starts tsdash grants them: PYTHONPATH for what is imported, TSDASH_READABLE for what is read (docs/isolation.md).
"""

from __future__ import annotations

import os
import shlex

from tsdash.spec import ModelSource

_FIRST = "/path/to/folder"  # stands for a folder that is not known here


def folder_of(source: ModelSource) -> str:
    """Where the user's own model file lies, by an absolute path; "" for a model that is no file there."""
    path = os.path.abspath(source.name)
    return os.path.dirname(path) if source.kind == "file" and os.path.isfile(path) else ""


def way_to_import(module: str, folder: str) -> str:
    """What to do about a module that was not found; `folder` is where the model file lies, "" if that is not known."""
    lies = folder and (
        os.path.isfile(os.path.join(folder, f"{module}.py")) or os.path.isdir(os.path.join(folder, module))
    )
    if lies:
        return (
            f"needs {module!r}, which lies beside the model file, where a model may not look. "
            f"Start tsdash with PYTHONPATH={shlex.quote(folder)}."
        )
    return (
        f"needs the package {module!r}, which is not installed here. Install it beside tsdash, or do without it; a module of your "
        f"own is found if tsdash is started with PYTHONPATH={_FIRST}."
    )


def way_to_read(error: OSError, worker: str, folder: str) -> str:
    """What to do about a file that was not to be read, to follow the error; "" where granting it would not help. `worker` is the
    folder that the model runs in."""
    path = error.filename
    if type(path) is not str:
        return ""
    path = os.path.join(worker, path)
    if isinstance(error, PermissionError) and os.path.exists(path):  # what it may not read, it may still ask after
        return f". To let models read it, start tsdash with TSDASH_READABLE={shlex.quote(os.path.dirname(path))}"
    if isinstance(error, FileNotFoundError) and folder and path.startswith(worker + os.sep):
        meant = os.path.join(folder, path[len(worker) + 1 :])
        if os.path.exists(meant):
            return (
                ". It lies beside the model file, where a model may not look: start tsdash with "
                f"TSDASH_READABLE={shlex.quote(folder)}, and open it as {meant}"
            )
    return ""
