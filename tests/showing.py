"""The case that shows the failure of each teaching model that answers rightly at its base case."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tsdash import models
from tsdash.spec import Case, ModelSource

SHOWN: dict[str, dict[str, Any]] = {
    "decay_loop": {"dims": {"seq": 9}},
    "early_exit": {"values": "x100"},
    "finfo_mask": {"dtype": "float16"},
    "keep_half": {"dims": {"seq": 1}},
    "nan_guard": {"values": "nan"},
    "numpy_cumsum": {"dims": {"batch": 3}},
    "pad_to_patch": {"dims": {"width": 1}},
    "pair_check": {"dims": {"batch": 1}},
    "peak_scale": {"dims": {"batch": 3}},
    "row_loop": {"dims": {"batch": 4}},
    "strided_windows": {"dims": {"seq": 9}},
    "time_embedding": {"device": "meta"},
    "train_dropout": {"training": False},
    "upcast_softmax": {"dtype": "float64"},
    "upsample": {"dims": {"height": 9}},
}


def base_case(source: ModelSource) -> Case:
    """The base case, as a plan makes it."""
    return Case(id="c1", dims=models.default_dims(source))


def showing(name: str, source: ModelSource) -> Case:
    """The case in which the teaching model `name` fails, for its file or that of its twin; the base case where that does."""
    changed = dict(SHOWN.get(name, {}))
    first = base_case(source)
    return replace(first, dims=dict(first.dims) | changed.pop("dims", {}), **changed)
