"""A saved artefact in place of an export: which mode it is judged as, and where it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tsdash import onnxfile
from tsdash.errors import OptionError
from tsdash.exporters import EXPORTERS
from tsdash.models import ARTEFACTS
from tsdash.spec import SavedArtefact
from tsdash.store import Store

_LIKE = {".pt2": "export", ".onnx": "onnx"}  # the mode that a suffix stands for, where the user names none
_OTHERWISE = "trace"


def is_artefact(name: str) -> bool:
    """Whether MODEL names a saved artefact rather than a model."""
    return name.endswith(ARTEFACTS)


def mode_of(name: str, modes: Sequence[str]) -> str:
    """The mode that the artefact is judged as: the one of `modes`, or what its suffix says where there is none. Raises
    OptionError."""
    suffix = Path(name).suffix
    if len(modes) > 1:
        raise OptionError(f"{name} was saved in one mode. Give that one, such as --modes {modes[0]}.")
    mode = modes[0] if modes else _LIKE.get(suffix, _OTHERWISE)
    kind = suffix if suffix in _LIKE else ".pt"
    fitting = [known for known in EXPORTERS if EXPORTERS[known].suffix == kind]
    if mode not in fitting:
        raise OptionError(f"{name} is no artefact of {mode!r}. A {suffix} file is one of: {', '.join(fitting)}.")
    return mode


def keep(name: str, store: Store) -> SavedArtefact:
    """The file at `name`, copied into the store. Raises OptionError where it cannot be read."""
    path = Path(name)
    if path.suffix == ".onnx" and (lacking := onnxfile.missing()):
        raise OptionError(f"{name} cannot be run here. {lacking}")
    try:
        whole = _whole(path) if path.suffix == ".onnx" else None
        return SavedArtefact(name=name, sha256=store.keep(path) if whole is None else store.keep_bytes(whole))
    except OSError as error:
        raise OptionError(f"{name} cannot be read: {error.strerror}.") from None


def _whole(path: Path) -> bytes | None:
    """An ONNX file with the weights that lie in files beside it, as torch.onnx.export leaves them; None where none do."""
    import onnx
    from onnx import external_data_helper

    raw = path.read_bytes()
    try:
        model = onnx.load_from_string(raw)
        known = bool(model.opset_import and model.graph.output)
    except Exception:  # onnx and protobuf have errors of their own
        known = False
    if not known:
        raise OptionError(f"{path.name} is no ONNX file: no graph with outputs can be read from it.")
    if b"location" not in raw:  # of weights that lie elsewhere
        return None
    try:
        external_data_helper.load_external_data_for_model(model, str(path.resolve().parent))
        whole = bytes(model.SerializeToString())
    except Exception as error:  # onnx and protobuf have errors of their own
        raise OptionError(f"The weights beside {path.name} cannot be put into it: {error}") from None
    return None if len(whole) <= len(raw) else whole
