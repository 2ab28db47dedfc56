"""Are two loaded artefacts the same program on the same weights? Then they need to be timed once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from tsdash.tensorfile import raw_bytes

Part = bytes | memoryview  # of what is hashed


def fingerprint(loaded: Any) -> str:
    """Equal for two artefacts that run the same operators on the same values; empty where that cannot be told."""
    try:
        digest = hashlib.blake2b(digest_size=16)
        for part in _program(loaded) if isinstance(loaded, torch.fx.GraphModule) else _script(loaded):
            digest.update(part)
        return digest.hexdigest()
    except (
        AttributeError,
        KeyError,
        RuntimeError,
        TypeError,
        ValueError,
    ):  # an artefact of another kind, or with sealed weights
        return ""


def _script(loaded: torch.jit.ScriptModule) -> Iterator[Part]:
    """The graph without the names of values, shapes and places in source, then the weights that it reads and the switches."""
    graph = loaded.inlined_graph
    numbers: dict[int, int] = {}
    _number(graph.inputs(), numbers)
    yield from _block(graph, numbers)
    yield from _state(loaded)


def _block(block: Any, numbers: dict[int, int]) -> Iterator[Part]:
    """Every node as its operator with what goes in; a constant stands where it is used, wherever the graph makes it."""
    for node in block.nodes():
        if node.kind() == "prim::Constant":
            continue
        name = node.s("name") if node.hasAttribute("name") else ""
        yield f"\n{node.kind()} {name} {node.outputsSize()}".encode()
        for value in node.inputs():
            yield from _value(value, numbers)
        for inner in node.blocks():
            _number(inner.inputs(), numbers)
            yield from _block(inner, numbers)
        _number(node.outputs(), numbers)
    for value in block.outputs():
        yield from _value(value, numbers)


def _number(values: Iterable[Any], numbers: dict[int, int]) -> None:
    """Number values in the order in which they are made."""
    for value in values:
        numbers[value.unique()] = len(numbers)


def _value(value: Any, numbers: dict[int, int]) -> Iterator[Part]:
    node = value.node()
    if node.kind() != "prim::Constant":
        yield f" %{numbers[value.unique()]}".encode()
        return
    constant = None if node.mustBeNone() else value.toIValue()
    if isinstance(constant, torch.Tensor):
        yield from _tensor(constant)
    else:
        yield f" {constant!r}".encode()


def _program(loaded: torch.fx.GraphModule) -> Iterator[Part]:
    yield loaded.code.encode()
    yield from _state(loaded)


def _state(loaded: torch.nn.Module) -> Iterator[Part]:
    for name, module in loaded.named_modules():
        yield f"{name} {getattr(module, 'training', None)}".encode()
    for name, tensor in (*loaded.named_parameters(), *loaded.named_buffers()):
        yield name.encode()
        yield from _tensor(tensor)


def _tensor(tensor: torch.Tensor) -> Iterator[Part]:
    yield f"{tensor.dtype} {tuple(tensor.shape)} {tensor.stride()} {tensor.device}".encode()
    yield raw_bytes(tensor).numpy().data
