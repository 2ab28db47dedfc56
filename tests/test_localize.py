"""The first module that leaves eager is found, with what it does alone and what it inherits."""

from __future__ import annotations

import torch
from torch import nn

from tsdash.localize import first, locate
from tsdash.spec import Case

CASE = Case(id="c2", dims={})
POSITIVE, NEGATIVE = (torch.ones(2, 3),), (-torch.ones(2, 3),)


class Branch(nn.Module):
    def forward(self, x):
        return x * 2 if x.sum() > 0 else x - 1


class Doubles(nn.Module):
    """Adds a half in TorchScript only."""

    def forward(self, x):
        if torch.jit.is_scripting():
            return x + 0.5
        return x


class Model(nn.Module):
    def __init__(self, middle: nn.Module) -> None:
        super().__init__()
        self.before = nn.Linear(3, 3, bias=False)
        self.middle = middle
        self.after = nn.Linear(3, 3, bias=False)
        with torch.no_grad():
            self.before.weight.copy_(torch.eye(3))
            self.after.weight.copy_(10 * torch.eye(3))

    def forward(self, x):
        y = self.middle(self.before(x))
        z = self.after(y)
        y.add_(100)
        return z


def test_a_module_that_is_wrong_alone_is_the_first() -> None:
    """x · 2 instead of x − 1 at −2 is −4 instead of −3, carried on as −40 instead of −30."""
    found = locate("trace", lambda: Model(Branch()), POSITIVE, (-2 * torch.ones(2, 3),), CASE)
    modules = {module.path: (module.accumulated, module.local) for module in found}
    assert modules == {"before": (0.0, 0.0), "middle": (1.0, 1.0), "after": (10.0, 0.0), "the model": (10.0, 10.0)}
    leading = first(found)
    assert leading is not None
    assert (leading.path, leading.type) == ("middle", "Branch")


def test_a_script_is_taken_module_by_module() -> None:
    """Only what each does with eager's inputs is known."""
    found = locate("script", lambda: Model(Doubles()), POSITIVE, NEGATIVE, CASE)
    modules = {module.path: (module.accumulated, module.local) for module in found}
    assert modules == {"before": (None, 0.0), "middle": (None, 0.5), "after": (None, 0.0), "the model": (None, 5.0)}


def test_a_model_that_agrees_has_no_first() -> None:
    """Every distance is zero."""
    found = locate("trace", lambda: Model(nn.ReLU()), POSITIVE, NEGATIVE, CASE)
    assert all((module.accumulated, module.local) == (0.0, 0.0) for module in found)
    assert first(found) is None


def test_another_dtype_is_not_told() -> None:
    """Nothing is said where the export itself is changed after loading."""
    other = Case(id="c2", dims={}, dtype="float64")
    assert locate("trace", lambda: Model(Branch()), POSITIVE, NEGATIVE, other) == ()


def test_a_module_takes_as_long_as_what_it_calls_and_more() -> None:
    """Eager's time, of every call."""
    found = locate("trace", lambda: Model(Branch()), POSITIVE, NEGATIVE, CASE)
    seconds = {module.path: module.eager_s or 0.0 for module in found}
    assert all(value > 0 for value in seconds.values())
    assert seconds["the model"] >= max(seconds["before"], seconds["middle"], seconds["after"])


class Rows(nn.Module):
    """Divides by 2 while exporting and by 4 in eager."""

    def forward(self, x):
        return x.sum(0) / (2 if torch.compiler.is_exporting() else 4)


def test_a_program_of_torch_export_is_told_as_a_trace_is() -> None:
    """2 / 2 instead of 2 / 4."""
    found = locate("export", lambda: nn.Sequential(nn.ReLU(), Rows()), POSITIVE, POSITIVE, CASE)
    assert {module.path: module.accumulated for module in found} == {"0": 0.0, "1": 0.5, "the model": 0.5}
    leading = first(found)
    assert leading is not None
    assert leading.path == "1"
