"""Does an artefact change its own state when it is called? Read off its graph, not tried out.

A write counts when what is written to outlives the call: an attribute, a buffer, a constant, or a view of one. When in doubt
the answer is yes: the price is a fresh copy for every case, and the price of a wrong no is a wrong verdict.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from tsdash import onnxfile

# Operators that write running statistics without saying so in their schema, and the argument that makes them do it.
_STATISTICS = {
    "batch_norm": "training",
    "_batch_norm_impl_index": "training",
    "native_batch_norm": "training",
    "cudnn_batch_norm": "training",
    "instance_norm": "use_input_stats",
}
# Operators that may return their input itself without saying so.
_TRANSPARENT = ("aten::dropout", "aten::feature_dropout", "aten::alpha_dropout", "prim::BroadcastMKLDNNTensors")
_CALLS = ("prim::CallMethod", "prim::CallFunction", "prim::PythonOp", "prim::fork", "prim::awaitable")
_CONTAINERS = ("prim::ListConstruct", "prim::TupleConstruct", "prim::DictConstruct")
_FRESH = (*_CONTAINERS, "prim::CreateObject", "prim::Uninitialized", "prim::NumToTensor")
_UNKNOWN = object()


def mutable(loaded: Any) -> bool:
    """Whether calling `loaded` (a ScriptModule, an exported program's module or an ONNX session) may change what its next call returns.

    An ONNX file has no state but that of random numbers: is there an operator that may draw some?
    For a ScriptModule the answer holds as long as its scalar attributes, `training` among them, are left alone.
    """
    if isinstance(loaded, torch.jit.ScriptModule):
        return not loaded._c._has_method("forward") or _Script(loaded).writes()
    if isinstance(loaded, torch.fx.GraphModule):
        graphs = [module.graph for module in loaded.modules() if isinstance(module, torch.fx.GraphModule)]
        return any(_program_writes(graph, outermost=graph is loaded.graph) for graph in graphs)
    return not isinstance(loaded, onnxfile.Session) or loaded.may_draw()


class _Script:
    """The inlined graph of a ScriptModule: which of its code can run, and where the values come from that it writes to."""

    def __init__(self, module: torch.jit.ScriptModule) -> None:
        self._module = module
        self._graph: Any = module.inlined_graph
        everything = list(_nodes(self._graph))
        self._set = {node.s("name") for node in everything if node.kind() == "prim::SetAttr"}
        self._fills = any(_writes_to(node) and node.inputsAt(0).type().kind() != "TensorType" for node in everything)
        self._sources = dict(pair for node in everything for pair in _carried(node))
        self._self, *self._inputs = (value.unique() for value in self._graph.inputs())

    def writes(self) -> bool:
        return any(self._writes(node) for node in self._live(self._graph))

    def _writes(self, node: Any) -> bool:
        kind = node.kind()
        if kind in _CALLS:
            return True
        if kind == "prim::SetAttr":
            return self._outlives(node.inputsAt(0))
        if kind.startswith("aten::") and kind[6:] in _STATISTICS:
            running, switch = node.namedInput("running_mean"), node.namedInput(_STATISTICS[kind[6:]])
            return self._value(running) is not None and self._value(switch) is not False
        return any(self._outlives(node.inputsAt(index)) for index in _writes_to(node))

    def _live(self, block: Any) -> Iterator[Any]:
        """The nodes that can run with the scalar attributes as they are: not the training branch of a module in eval mode."""
        for node in block.nodes():
            yield node
            blocks = list(node.blocks())
            if node.kind() == "prim::If":
                condition = self._value(node.input())
                blocks = blocks if condition is _UNKNOWN else [blocks[0 if condition else 1]]
            for inner in blocks:
                yield from self._live(inner)

    def _value(self, value: Any) -> Any:
        """What a constant, an attribute or a plain condition on them is in every call; _UNKNOWN for anything else."""
        node, kind = value.node(), value.node().kind()
        if kind == "prim::Constant":
            return None if node.mustBeNone() else value.toIValue()
        if kind == "prim::GetAttr":
            return self._attribute(node)
        if kind in ("aten::__is__", "aten::__isnot__"):
            one, other = (self._is_none(side) for side in node.inputs())
            if _UNKNOWN in (one, other) or not (one or other):
                return _UNKNOWN
            return (one is other) is (kind == "aten::__is__")
        if kind == "aten::__not__":
            inner = self._value(node.input())
            return inner if inner is _UNKNOWN else not inner
        if kind == "prim::If":
            condition = self._value(node.input())
            if condition is not _UNKNOWN:
                block = list(node.blocks())[0 if condition else 1]
                return self._value(list(block.outputs())[value.offset()])
        return _UNKNOWN

    def _is_none(self, value: Any) -> Any:
        known = self._value(value)
        if known is not _UNKNOWN:
            return known is None
        return _UNKNOWN if value.type().kind() in ("OptionalType", "AnyType", "UnionType") else False

    def _attribute(self, node: Any) -> Any:
        owner = self._owner(node.input())
        return _UNKNOWN if owner is None or node.s("name") in self._set else getattr(owner, node.s("name"), _UNKNOWN)

    def _owner(self, value: Any) -> Any:
        """The module that a value is; None where the graph does not say."""
        if value.unique() == self._self:
            return self._module
        node = value.node()
        return getattr(self._owner(node.input()), node.s("name"), None) if node.kind() == "prim::GetAttr" else None

    def _outlives(self, value: Any, seen: frozenset[int] = frozenset()) -> bool:
        """Whether a value is, or is a view of, something that is still there at the next call."""
        key = value.unique()
        if key in seen or key in self._inputs:
            return False
        seen |= {key}
        if key in self._sources:
            return any(self._outlives(source, seen) for source in self._sources[key])
        node = value.node()
        kind = node.kind()
        if kind in _FRESH:
            return False
        if kind in ("aten::__getitem__", "prim::ListUnpack", "prim::TupleUnpack", "prim::TupleIndex", "aten::values"):
            return self._holds(node.inputsAt(0), seen)
        sources = list(node.inputs())
        signature = _signature(node)
        if kind not in (*_TRANSPARENT, "prim::unchecked_cast"):
            if signature is None:
                return True  # an attribute, a constant, the module itself, or something unheard of
            sources = [sources[index] for index in signature.shared]
        return any(self._outlives(source, seen) for source in sources if _is_written_in_place(source))

    def _holds(self, container: Any, seen: frozenset[int]) -> bool:
        """Whether an element taken out of a container may outlive the call."""
        if self._fills or container.node().kind() not in _CONTAINERS:
            return self._fills or self._outlives(container, seen)
        return any(self._outlives(item, seen) for item in container.node().inputs() if _is_written_in_place(item))


def _nodes(block: Any) -> Iterator[Any]:
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)


def _carried(node: Any) -> Iterator[tuple[int, list[Any]]]:
    """Values that a prim::If or prim::Loop hands on, each with those it may be."""
    if node.kind() == "prim::If":
        for output, sources in zip(
            node.outputs(), zip(*(block.outputs() for block in node.blocks()), strict=True), strict=True
        ):
            yield output.unique(), list(sources)
    elif node.kind() == "prim::Loop":
        (body,) = node.blocks()
        initial, after = list(node.inputs())[2:], list(body.outputs())[1:]
        counter, *inside = body.inputs()
        yield counter.unique(), []
        for output, within, sources in zip(node.outputs(), inside, zip(initial, after, strict=True), strict=True):
            yield output.unique(), list(sources)
            yield within.unique(), list(sources)


class _Signature:
    """What an operator's schema says of aliases: the arguments that it writes to, and those that a result may share memory
    with, by position."""

    def __init__(self, schema: Any) -> None:
        aliases = [argument.alias_info for argument in schema.arguments]
        self.names = [argument.name for argument in schema.arguments]
        self.written = [i for i, alias in enumerate(aliases) if alias and alias.is_write]
        self.shared: list[int] = []
        for result in (result.alias_info for result in schema.returns if result.alias_info is not None):
            named = result.before_set | result.after_set
            anything = not named or "*" in named  # a list of views, or an element of a list
            self.shared += [
                i
                for i, alias in enumerate(aliases)
                if anything or (alias and named & (alias.before_set | alias.after_set))
            ]


@functools.lru_cache(maxsize=4096)
def _parsed(schema: str) -> _Signature | None:
    return None if schema == "(no schema)" or "..." in schema else _Signature(torch._C.parse_schema(schema))


def _signature(node: Any) -> _Signature | None:
    return _parsed(node.schema())


def _writes_to(node: Any) -> list[int]:
    signature = _signature(node)
    return signature.written if signature else []


def _is_written_in_place(value: Any) -> bool:
    """Whether values of this type can be written in place at all: numbers and strings cannot."""
    return value.type().kind() not in (
        "IntType",
        "FloatType",
        "BoolType",
        "NumberType",
        "StringType",
        "NoneType",
        "DeviceObjType",
    )


def _program_writes(graph: torch.fx.Graph, *, outermost: bool) -> bool:
    """Whether a graph of torch.export writes to anything but its own intermediate results and the caller's inputs."""
    for node in graph.nodes:
        schema = getattr(node.target, "_schema", None)
        if node.op != "call_function" or schema is None:
            continue
        given = _arguments(node, schema)
        signature = _Signature(schema)
        if _any_outlives((given.get(signature.names[index]) for index in signature.written), outermost=outermost):
            return True
        switch = _STATISTICS.get(schema.name.removeprefix("aten::"))
        if switch and given.get("running_mean") is not None and given.get(switch) is not False:
            return True
    return False


def _arguments(node: torch.fx.Node, schema: Any) -> dict[str, Any]:
    return {argument.name: value for argument, value in zip(schema.arguments, node.args, strict=False)} | node.kwargs


def _any_outlives(values: Iterable[Any], *, outermost: bool) -> bool:
    """Whether one of these is, or is a view of, something that is still there at the next call."""
    for value in values:
        if isinstance(value, (list, tuple)):
            if _any_outlives(value, outermost=outermost):
                return True
        elif isinstance(value, torch.fx.Node) and _node_outlives(value, outermost=outermost):
            return True
    return False


def _node_outlives(node: torch.fx.Node, *, outermost: bool) -> bool:
    if node.op == "placeholder":
        return not outermost  # of an inner graph it may be a buffer
    if node.op != "call_function":
        return True
    schema = getattr(node.target, "_schema", None)
    sources: Iterable[Any] = node.all_input_nodes
    if schema is not None and schema.name not in _TRANSPARENT:
        given, signature = _arguments(node, schema), _Signature(schema)
        sources = [given.get(signature.names[index]) for index in signature.shared]
    return _any_outlives(sources, outermost=outermost)
