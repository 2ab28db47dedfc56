"""The generators of random numbers: seeded together, and told when one of them was used."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch

from tsdash.seeds import drawn_since, seed_all


@pytest.mark.parametrize(
    ("draw", "told"),
    [
        (lambda: torch.rand(1), ("torch",)),
        (lambda: random.random(), ("random",)),
        (lambda: np.random.rand(), ("numpy.random",)),
        (lambda: np.random.randn(), ("numpy.random",)),
        (lambda: torch.ones(3).sum(), ()),
    ],
)
def test_a_generator_that_was_used_is_named(draw: Callable[[], object], told: tuple[str, ...]) -> None:
    """And asked again, none: all are seeded anew."""
    seed_all(3)
    draw()
    assert drawn_since(3) == told
    assert drawn_since(3) == ()
