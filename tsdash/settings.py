"""torch's settings of the whole process: a model may change them when it runs, and the next case must not notice."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch

_MKLDNN: Any = torch.backends.mkldnn

# name, how it is read, how it is put back
_SETTINGS: tuple[tuple[str, Callable[[], Any], Callable[[Any], object]], ...] = (
    ("default dtype", torch.get_default_dtype, torch.set_default_dtype),
    ("default device", torch.get_default_device, torch.set_default_device),
    ("number of threads", torch.get_num_threads, torch.set_num_threads),
    (
        "deterministic algorithms",
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
    ("matmul precision", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    ("oneDNN", lambda: _MKLDNN.enabled, lambda enabled: setattr(_MKLDNN, "enabled", enabled)),
)


@contextlib.contextmanager
def kept() -> Iterator[list[str]]:
    """Put back at the end what was changed within the block; the list then holds the names of those settings."""
    changed: list[str] = []
    before = [read() for _, read, _ in _SETTINGS]
    try:
        yield changed
    finally:
        for (name, read, put), value in zip(_SETTINGS, before, strict=True):
            if read() != value:
                put(value)
                changed.append(name)
