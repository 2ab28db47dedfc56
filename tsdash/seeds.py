"""The random numbers that a model may draw, the same in every process that uses the same seed."""

from __future__ import annotations

import random
from collections.abc import Hashable
from typing import Any

import numpy as np
import torch


def seed_all(seed: int) -> None:
    """Seed torch on every device in use, Python's random and numpy's global generator.

    Not torch.manual_seed: on a machine without a GPU it keeps a growing list of calls for a CUDA that never starts.
    """
    torch.default_generator.manual_seed(seed)
    for accelerator in (torch.cuda, torch.xpu):
        if accelerator.is_initialized():
            accelerator.manual_seed_all(seed)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


def drawn_since(seed: int) -> tuple[str, ...]:
    """The modules whose random numbers were drawn, or seeded otherwise, since `seed_all(seed)`, on the CPU; seeds all again."""
    now = states()
    seed_all(seed)
    return tuple(name for name, state in states().items() if state != now[name])


def states() -> dict[str, Hashable]:
    """Where the generators on the CPU are: equal after two calls that drew as many random numbers, in the same way."""
    numpys: Any = np.random.get_state(legacy=False)
    return {
        "torch": torch.default_generator.get_state().numpy().tobytes(),
        "random": random.getstate(),
        "numpy.random": (numpys["state"]["key"].tobytes(), numpys["state"]["pos"], numpys["has_gauss"]),
    }
