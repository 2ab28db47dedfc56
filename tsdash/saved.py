"""A saved artefact in place of an export: which mode it is judged as, and where it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tsdash.errors import OptionError
from tsdash.exporters import EXPORTERS
from tsdash.models import ARTEFACTS
from tsdash.spec import SavedArtefact
from tsdash.store import Store

_LIKE = {".pt2": "export"}  # the mode that an artefact is taken for by its suffix, where the user names none
_OTHERWISE = "trace"
_UNREADABLE = (".onnx",)


def is_artefact(name: str) -> bool:
    """Whether MODEL names a saved artefact rather than a model."""
    return name.endswith(ARTEFACTS)


def mode_of(name: str, modes: Sequence[str]) -> str:
    """The mode that the artefact is judged as: the one of `modes`, or what its suffix says where there is none. Raises
    OptionError."""
    suffix = Path(name).suffix
    if suffix in _UNREADABLE:
        raise OptionError(
            f"{name}: tsdash runs artefacts of torch alone, .pt and .pt2; for ONNX there is no runtime here."
        )
    if len(modes) > 1:
        raise OptionError(f"{name} was saved in one mode. Give that one, such as --modes {modes[0]}.")
    mode = modes[0] if modes else _LIKE.get(suffix, _OTHERWISE)
    fitting = [known for known in EXPORTERS if (EXPORTERS[known].suffix == ".pt2") == (suffix == ".pt2")]
    if mode not in fitting:
        raise OptionError(f"{name} is no artefact of {mode!r}. A {suffix} file is one of: {', '.join(fitting)}.")
    return mode


def keep(name: str, store: Store) -> SavedArtefact:
    """The file at `name`, copied into the store. Raises OptionError where it cannot be read."""
    try:
        return SavedArtefact(name=name, sha256=store.keep(Path(name)))
    except OSError as error:
        raise OptionError(f"{name} cannot be read: {error.strerror}.") from None
