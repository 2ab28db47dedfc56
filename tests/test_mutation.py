"""Whether an artefact changes its state when called, read off its graph and held against what it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tsdash import exporters, inputs
from tsdash.exporters import EXPORTERS
from tsdash.mutation import mutable
from tsdash.tracebacks import SourceMap


class InPlaceBuffer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return x * self.calls


class ReboundBuffer(InPlaceBuffer):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls = self.calls + 1
        return x * self.calls


class ViewOfBuffer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.zeros(3, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        row = self.table[1].view(2, 2)
        row.add_(1)
        return x + self.table.sum()


class Constant(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.step = torch.ones(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.step.mul_(2)
        return x + self.step


class PythonCounter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.step = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.step += 1
        return x * float(self.step)


class History(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.seen = [torch.zeros(1)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(x.sum())
        return x * len(self.seen)


class OwnResults(nn.Module):
    """Writes in place to what it made itself, through views, lists, loops and branches."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.zeros_like(x)
        y[:, 0] = x[:, 0]
        for i in range(2):
            y = y.add_(float(i))
        left, right = torch.split(self.fc(y), 2, dim=1)
        left.mul_(2)
        return torch.relu_(torch.cat([left, right], dim=1))


class WritesInput(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.add_(1)


def norms(training: bool) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(inplace=True), nn.Dropout(0.0)).train(training)


MODELS = {
    "in-place buffer": (InPlaceBuffer(), True),
    "rebound buffer": (ReboundBuffer(), True),
    "view of a buffer": (ViewOfBuffer(), True),
    "constant": (Constant(), True),
    "batch norm in training": (norms(True), True),
    "batch norm in evaluation": (norms(False), False),
    "own results": (OwnResults(), False),
    "its input": (WritesInput(), False),
}
SCRIPT_ONLY = {"python counter": (PythonCounter(), True), "history": (History(), True)}


def load(mode: str, model: nn.Module, folder: Path) -> Any:
    path = folder / f"artefact{EXPORTERS[mode].suffix}"
    export = exporters.run(mode, model, (torch.ones(3, 4),), {}, dynamic={}, path=path, sources=SourceMap())
    assert export.error is None, export.error
    return EXPORTERS[mode].load(path, "cpu")


def state(artefact: Any) -> Any:
    """Everything that a call could change and a state_dict holds."""
    return inputs.nest(torch.clone, dict(artefact.state_dict()))


@pytest.mark.parametrize("mode", ["trace", "script", "export"])
@pytest.mark.parametrize("what", list(MODELS))
def test_the_answer_is_what_calls_show(what: str, mode: str, tmp_path: Path) -> None:
    """Two calls with the same input, and the state around them, agree with what was read off the graph."""
    model, expected = MODELS[what]
    if (mode, what) == ("trace", "rebound buffer"):
        expected = False  # a trace loses it
    artefact = load(mode, model, tmp_path)
    assert mutable(artefact) is expected
    before = state(artefact)
    with torch.no_grad():
        first, second = artefact(torch.ones(3, 4)).clone(), artefact(torch.ones(3, 4))
    changed = not (inputs.same(before, state(artefact)) and torch.equal(first, second))
    assert changed is expected


@pytest.mark.parametrize("what", list(SCRIPT_ONLY))
def test_attributes_that_a_script_writes_count(what: str, tmp_path: Path) -> None:
    """Numbers and lists on the module."""
    model, expected = SCRIPT_ONLY[what]
    assert mutable(load("script", model, tmp_path)) is expected


@pytest.mark.parametrize("mode", ["trace+freeze", "script+freeze", "script+optimize"])
def test_frozen_modes_are_read_too(mode: str, tmp_path: Path) -> None:
    """Freezing keeps a buffer that changes, and folds what does not."""
    assert mutable(load(mode, InPlaceBuffer().eval(), tmp_path))
    assert not mutable(load(mode, norms(False), tmp_path))


def test_a_module_without_forward_is_not_vouched_for() -> None:
    """nn.LSTM compiles to one; so does anything that is no export."""
    assert mutable(torch.jit.script(nn.LSTM(2, 3)))
    assert mutable(nn.Linear(2, 2))
