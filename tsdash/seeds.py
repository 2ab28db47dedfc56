"""The random numbers that a model may draw, the same in every process that uses the same seed."""

from __future__ import annotations

import random

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
