"""The text of a graph says for every operator which module and which line of the user's source it comes from."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tsdash import graph, graphtext
from tsdash.tracebacks import SourceMap

SOURCES = SourceMap(files={__file__: "net.py"})


class Block(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(size, size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            x = x + 1
        return torch.relu(self.linear(x))


class Net(nn.Module):
    """Two lists whose members have the same names and classes."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.ModuleList([Block(4), Block(4)])
        self.right = nn.ModuleList([Block(4)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.right:
            x = block(x)
        for block in self.left:
            x = block(x)
        return x * 2


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def text_of(mode: str) -> str:
    x, net = torch.ones(2, 4), Net().eval()
    if mode == "export":
        return graphtext.program(torch.export.export(net, (x,)), SOURCES)
    exported: Any = torch.jit.trace(net, x) if mode == "trace" else torch.jit.script(net)  # type: ignore[no-untyped-call]
    return graphtext.torchscript(exported, SOURCES)


@pytest.mark.parametrize("mode", ["trace", "script", "export"])
def test_every_operator_names_its_module(mode: str) -> None:
    """With the lists that modules are kept in, whichever mode it is."""
    read = graph.parse(text_of(mode))
    linear = [node.module for node in read.operators if node.operator == "aten::linear"]
    relu = [node.module for node in read.operators if node.operator == "aten::relu"]
    assert linear == ["right.0.linear", "left.0.linear", "left.1.linear"]
    assert relu == ["right.0", "left.0", "left.1"]


@pytest.mark.parametrize("mode", ["trace", "export"])
def test_an_operator_of_a_library_names_the_users_line(mode: str) -> None:
    """The innermost line of the user's own source that led to it."""
    lines = Path(__file__).read_text("utf-8").splitlines()
    call = next(i for i, line in enumerate(lines, 1) if "torch.relu(self.linear(x))" in line)
    text = text_of(mode)
    linear = next(node for node in graph.parse(text).operators if node.operator == "aten::linear")
    assert linear.user_line == f"net.py:{call}"
    assert linear.where.startswith("torch/nn/modules/linear.py:")
    assert __file__ not in text
    assert "site-packages" not in text
