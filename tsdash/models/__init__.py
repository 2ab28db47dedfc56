"""What can be exported: teaching models of the gallery, torchvision's, a model file, an entry point.

Whatever a model is named by, it becomes the text of a model file (CONTRACT: `make_model`, `make_inputs`), so that one path
loads, hashes, stores and runs them all. Nothing here imports torch or runs a model's code.
"""

from __future__ import annotations

import ast
import functools
import os
from dataclasses import dataclass
from pathlib import Path

from tsdash import errors
from tsdash.models import entry_points, files, torchvision
from tsdash.models.files import default_dims as default_dims
from tsdash.spec import ModelSource

GALLERY = Path(__file__).parent / "gallery"
TORCHVISION = "torchvision:"
ARTEFACTS = (".pt", ".pt2", ".pth", ".ts", ".onnx")


@dataclass(frozen=True, kw_only=True)
class ModelListing:
    """A model that can be named: what to write, and one line on what it is."""

    name: str
    kind: str  # "gallery" or "torchvision"
    description: str


@functools.cache
def names() -> tuple[ModelListing, ...]:
    """Every model with a name of its own: the gallery, then torchvision's."""
    gallery = tuple(
        ModelListing(
            name=path.stem, kind="gallery", description=description(gallery_source(path.stem)).partition("\n")[0]
        )
        for path in sorted(GALLERY.glob("*.py"))
        if path.stem != "__init__"
    )
    return gallery + tuple(
        ModelListing(name=TORCHVISION + name, kind="torchvision", description=f"torchvision, {family}")
        for name, family in sorted(torchvision.families().items())
    )


def find(name: str, *, allow_code: bool = True) -> ModelSource:
    """The model called `name`: a gallery name, `torchvision:NAME`, the path to a model file, or `package.module:factory`.

    With `allow_code` False only the gallery and torchvision. Raises OptionError for a name that does not exist, with the nearest
    one that does, and ModelError for a file or module that cannot be found or read.
    """
    if name in _gallery_names():
        return gallery_source(name)
    if name.startswith(TORCHVISION):
        return torchvision.read(name.removeprefix(TORCHVISION))
    if name.endswith(ARTEFACTS):
        raise errors.OptionError(
            f"{name} is a saved artefact: nothing in it says what eager answers. Give the model file it was made from; or hold "
            f"the two against each other: python -m tsdash check {name} --reference MODEL."
        )
    is_path = name.endswith(".py") or os.sep in name or "/" in name
    if not is_path and ":" not in name:
        raise _unknown(name)
    if not allow_code:
        raise errors.OptionError(
            f"{name!r} is code of your own, which is switched off on this server. Choose a model of the gallery or torchvision."
        )
    return files.read(Path(name), name) if is_path else entry_points.read(name)


def gallery_source(name: str) -> ModelSource:
    """The model file of a gallery model."""
    path = GALLERY / f"{name}.py"
    return ModelSource(name=name, kind="gallery", filename=path.name, text=path.read_text(encoding="utf-8"))


def description(source: ModelSource) -> str:
    """The docstring of the model file; "" where it has none."""
    return ast.get_docstring(files.parse(source)) or ""


@functools.cache
def _gallery_names() -> frozenset[str]:
    return frozenset(path.stem for path in GALLERY.glob("*.py") if path.stem != "__init__")


def _unknown(name: str) -> errors.OptionError:
    if name in torchvision.families():
        return errors.OptionError(f"Unknown model {name!r}. Did you mean {TORCHVISION}{name}?")
    if Path(f"{name}.py").is_file():
        return errors.OptionError(f"Unknown model {name!r}. Did you mean the file {name}.py?")
    return errors.unknown("model", name, [listing.name for listing in names()])
