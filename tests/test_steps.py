"""Inside a module the first call of torch that differs is found, with the user's line."""

from __future__ import annotations

import torch
from torch import nn

from tsdash.steps import parting

POSITIVE, NEGATIVE = (torch.ones(2, 3),), (-torch.ones(2, 3),)
HERE = "test_steps.py"


def own_name(path: str) -> str | None:
    return HERE if path == __file__ else None


class Peak(nn.Module):
    def forward(self, x):
        y = torch.tanh(x)
        return y / float(x.sum())


class Branch(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return torch.relu(x)
        return torch.sigmoid(x)


def line(code: str) -> int:
    with open(__file__) as file:
        return 1 + [text.strip() for text in file].index(code)


def test_the_operator_that_takes_a_baked_number_is_found() -> None:
    """The tanh before it agrees: −tanh 1 / 6 instead of −tanh 1 / −6."""
    found = parting("trace", Peak(), POSITIVE, NEGATIVE, 0, own_name)
    assert found is not None
    assert "div" in found.name
    assert found.place == (HERE, line("return y / float(x.sum())"))
    assert found.off is not None
    assert abs(found.off - 2 * float(torch.tanh(torch.tensor(1.0))) / 6) < 1e-6


def test_another_way_is_told_by_the_operator_that_comes_instead() -> None:
    """Eager goes on with a sigmoid where the trace has kept the relu."""
    found = parting("trace", Branch(), POSITIVE, NEGATIVE, 0, own_name)
    assert found is not None
    assert (found.name, found.instead, found.off) == ("sigmoid", "relu", None)
    assert str(found).startswith("eager calls sigmoid at line")


def test_a_module_that_agrees_has_none() -> None:
    """Nor has one that no trace takes."""
    assert parting("trace", nn.ReLU(), POSITIVE, NEGATIVE, 0, own_name) is None
    assert parting("trace", nn.ReLU(), ("x",), ("y",), 0, own_name) is None


class Halves(nn.Module):
    def forward(self, x):
        y = torch.tanh(x)
        return y / (2 if torch.compiler.is_exporting() else 4)


def test_a_program_of_torch_export_is_followed_like_a_trace() -> None:
    """The tanh agrees, the division does not."""
    found = parting("export", Halves(), POSITIVE, POSITIVE, 0, own_name)
    assert found is not None
    assert "div" in found.name
    assert found.place == (HERE, line("return y / (2 if torch.compiler.is_exporting() else 4)"))
