"""Inputs that came as a file: arrays of .npz, tensors of .pt, the columns of a .csv table; labels among them by their name.

Read in a worker only. Nothing in such a file is run: no pickled objects in .npz, nothing but tensors in .pt.
"""

from __future__ import annotations

import csv
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsdash.errors import ModelError
from tsdash.spec import MOST_CLASSES

if TYPE_CHECKING:
    import torch

SUFFIXES = (".npz", ".pt", ".csv")
LABELS = ("label", "labels", "target", "targets", "y")
MOST_BYTES = 256 * 2**20
MOST_LABEL = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Uploaded:
    """Tensors by name, in the order of the file, and the class of each row where the file has labels."""

    tensors: Mapping[str, torch.Tensor]
    labels: tuple[int, ...] = ()


def read(path: Path) -> Uploaded:
    """What the file at `path` holds. Raises ModelError for what is no such file."""
    readers = {".npz": _npz, ".pt": _pt, ".csv": _csv}
    try:
        found = readers[path.suffix](path)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        first = _WRONG.get(type(error)) or str(error).strip().partition("\n")[0][:200].rstrip(".")
        raise ModelError(f"{path.name} cannot be read: {first or type(error).__name__}. {_HOW[path.suffix]}") from None
    labels = next((name for name in found if name.lower() in LABELS), None)
    inputs = {name: tensor for name, tensor in found.items() if name != labels}
    if not inputs:
        raise ModelError(f"{path.name} holds no inputs. {_HOW[path.suffix]}")
    return Uploaded(tensors=inputs, labels=_classes(path, found[labels]) if labels else ())


_WRONG: dict[type[Exception], str] = {  # in our words: the libraries' own tell how to run what is in such a file
    pickle.UnpicklingError: "it holds more than tensors, or was not written by torch.save",
    zipfile.BadZipFile: "it is damaged",
}
_HOW = {
    ".npz": "Write it with numpy.savez(file, x=inputs, labels=classes): numbers only, no objects.",
    ".pt": "Write it with torch.save({'x': inputs, 'labels': classes}, file): tensors in a dict, a list or alone.",
    ".csv": "Its lines are numbers, and the first may name the columns; a column called label has the class of the row.",
}


def _npz(path: Path) -> dict[str, torch.Tensor]:
    import numpy as np
    import torch

    if not zipfile.is_zipfile(path):
        raise ValueError("it is no .npz file")
    with np.load(path, allow_pickle=False) as arrays:
        return {name: torch.from_numpy(arrays[name].copy()) for name in arrays.files}


def _pt(path: Path) -> dict[str, torch.Tensor]:
    import torch

    held: Any = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(held, torch.Tensor):
        held = (held,)
    items = held.items() if isinstance(held, Mapping) else enumerate(held) if isinstance(held, Sequence) else ()
    found = {str(name): value for name, value in items}
    wrong = next((name for name, value in found.items() if not isinstance(value, torch.Tensor)), None)
    if wrong is not None:
        raise ValueError(f"{wrong} is a {type(found[wrong]).__name__}, not a tensor")
    return found


def _csv(path: Path) -> dict[str, torch.Tensor]:
    import torch

    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = [row for row in csv.reader(file) if row] or [[]]
    first = lines[0]
    named = not all(map(_is_number, first))  # a line of numbers is an example, not names
    rows = lines[named:]
    if not rows or not first:
        raise ValueError("it has no row of numbers")
    wide = next((number for number, row in enumerate(lines, 1) if len(row) != len(first)), None)
    if wide is not None:
        raise ValueError(
            f"line {wide} has {len(lines[wide - 1])} fields, and the first line {'names' if named else 'has'} {len(first)}"
        )
    table = torch.tensor([[float(field) for field in row] for row in rows], dtype=torch.float64)  # (rows, columns)
    labelled = [named and name.strip().lower() in LABELS for name in first]
    features = [i for i, label in enumerate(labelled) if not label]
    found = {"x": table[:, features]} if features else {}
    return found | ({"label": table[:, labelled.index(True)]} if any(labelled) else {})


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _classes(path: Path, labels: torch.Tensor) -> tuple[int, ...]:
    flat = labels.reshape(-1)[:MOST_CLASSES]
    if flat.is_complex() or bool((flat != flat.round()).any()) or bool((flat.abs() > MOST_LABEL).any()):
        raise ModelError(
            f"The labels of {path.name} are no numbers of classes: whole numbers from 0 up to {MOST_LABEL:,}."
        )
    return tuple(int(label) for label in flat.tolist())
