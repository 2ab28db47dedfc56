"""An ONNX file as text: the graph in the form that `graph` reads, and the code as Python would say it, with the user's lines.

torch.onnx.export notes at each operator the module and the stack that it comes from; a file of another maker has neither.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tsdash.tracebacks import SourceMap

MOST_VALUES = 8  # of a constant that is written out
_UNFIT = re.compile(r"[\s,:()%\[\]]")  # in a name
_FRAME = re.compile(r'File "([^"]+)", line (\d+), in (.+)')
_STACK, _SCOPES = "pkg.torch.onnx.stack_trace", "pkg.torch.onnx.name_scopes"
_PREFIX = "    "


def read(source: bytes | Path) -> Any:
    """The ModelProto of a file, weights that lie beside it left out."""
    import onnx

    if isinstance(source, bytes):
        return onnx.load_from_string(source)
    return onnx.load(source, load_external_data=False)


def graph(model: Any, sources: SourceMap) -> str:
    """Every operator with its types, module and lines, in the form of a TorchScript graph."""
    known = _types(model.graph)
    given = ", ".join(f"%{_name(one.name)} : {known.get(one.name, 'Tensor')}" for one in _inputs(model.graph))
    lines = [f"graph({given}):", f"{_PREFIX}%omitted : NoneType = prim::Constant()"]
    lines += [*_graph(model.graph, known, sources, _PREFIX)]
    lines.append(f"{_PREFIX}return ({_named(one.name for one in model.graph.output)})\n")
    return "\n".join(lines)


def _graph(block: Any, known: dict[str, str], sources: SourceMap, indent: str) -> Iterator[str]:
    for one in block.initializer:
        yield f"{indent}%{_name(one.name)} : {_sized(one.data_type, one.dims)} = onnx::Constant[value={_constant(one)}]()"
    for node in block.node:
        outputs = ", ".join(f"%{_name(one)} : {known.get(one, 'Tensor')}" for one in node.output if one)
        attributes = ", ".join(
            f"{'value' if node.op_type == 'Constant' else one.name}={_value(one)}" for one in _plain(node)
        )
        space = re.sub(r"\W", "_", node.domain) or "onnx"
        line = f"{indent}{outputs} = {space}::{node.op_type}"
        line += f"[{attributes}]" if attributes else ""
        line += f"({_named(node.input)})"
        notes = _notes(node)
        path = _module(notes)
        line += f", scope: __module.{path}" if path else ""
        places = [(sources.name(file), sources.rename(file), number) for file, number, _ in _frames(notes)]
        if places:
            own = [f"{name}:{number}" for name, _, number in places if name is not None]
            last = f"{places[-1][1]}:{places[-1][2]}"
            line += f" # {last}:0" + (f" via {own[-1]}" if own and own[-1] != last else "")
        yield line
        for i, inner in enumerate(one.g for one in _blocks(node)):
            types = known | _types(inner)
            # A loop's second value is its condition, which TorchScript does not hand in.
            taken = [one.name for at, one in enumerate(inner.input) if node.op_type != "Loop" or at != 1]
            heads = ", ".join(f"%{_name(one)} : {types.get(one, 'Tensor')}" for one in taken)
            yield f"{indent}  block{i}({heads}):"
            yield from _graph(inner, types, sources, f"{indent}    ")
            yield f"{indent}    -> ({_named(one.name for one in inner.output)})"


def code(model: Any, sources: SourceMap) -> str:
    """The file as assignments, below the line of the user's source that each comes from."""
    known = _types(model.graph)
    opsets = ", ".join(f"{one.domain or 'opset'} {one.version}" for one in model.opset_import)
    maker = f"{model.producer_name} {model.producer_version}".strip() or "an unknown maker"
    lines = [f"# ONNX, {opsets}, written by {maker}"]
    lines += [f"# takes {one.name}: {known.get(one.name, 'Tensor')}" for one in _inputs(model.graph)]
    lines += _code(model.graph, sources, "")
    lines.append(f"\nreturn {', '.join(one.name for one in model.graph.output)}\n")
    return "\n".join(lines)


def _code(block: Any, sources: SourceMap, indent: str) -> Iterator[str]:
    before = None
    for node in block.node:
        own = [(name, number, within) for f, number, within in _frames(_notes(node)) if (name := sources.name(f))]
        place = own[-1] if own else None
        if place != before:
            yield f"\n{indent}# File: {place[0]}:{place[1]} in {place[2]}" if place else ""
            before = place
        arguments = [*(name or "None" for name in node.input), *(f"{one.name}={_value(one)}" for one in _plain(node))]
        yield f"{indent}{', '.join(node.output)} = {node.op_type}({', '.join(arguments)})"
        for one in _blocks(node):
            yield f"{indent}{_PREFIX}# {one.name.replace('_', ' ')}"
            yield from _code(one.g, sources, f"{indent}{_PREFIX}")
            yield f"{indent}{_PREFIX}return {', '.join(output.name for output in one.g.output)}"


def _name(name: str) -> str:
    return _UNFIT.sub("_", name) or "omitted"


def _named(names: Any) -> str:
    return ", ".join(f"%{_name(name)}" for name in names)


def _inputs(block: Any) -> list[Any]:
    """What a caller gives: older files list their weights among the inputs."""
    weights = {one.name for one in block.initializer}
    return [one for one in block.input if one.name not in weights]


def _blocks(node: Any) -> list[Any]:
    """The attributes that are graphs: then_branch before else_branch."""
    return sorted((one for one in node.attribute if one.HasField("g")), key=lambda one: str(one.name), reverse=True)


def _plain(node: Any) -> list[Any]:
    return [one for one in node.attribute if not one.HasField("g")]


def _types(block: Any) -> dict[str, str]:
    """The type of every value that the graph tells of, by its name."""
    found = {}
    for one in (*block.input, *block.output, *block.value_info):
        if one.type.HasField("tensor_type"):
            held = one.type.tensor_type
            sizes = [size.dim_value if size.HasField("dim_value") else size.dim_param or "*" for size in held.shape.dim]
            found[one.name] = _sized(held.elem_type, sizes)
    return found


def _sized(element: int, sizes: Any) -> str:
    import onnx

    return f"{onnx.TensorProto.DataType.Name(element).capitalize()}({', '.join(map(str, sizes))})"


def _constant(weight: Any) -> str:
    """The values of a small constant, the name of a large one."""
    import numpy as np
    from onnx import numpy_helper

    if np.prod(weight.dims, dtype=float) > MOST_VALUES or weight.external_data:
        return _name(weight.name)
    return str(numpy_helper.to_array(weight).tolist())


def _value(attribute: Any) -> str:
    import onnx

    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return _constant(value)
    if isinstance(value, bytes):
        return repr(value.decode(errors="replace"))
    return str(list(value) if isinstance(value, (list, tuple)) or hasattr(value, "extend") else value)


def _notes(node: Any) -> dict[str, str]:
    return {one.key: one.value for one in node.metadata_props}


def _module(notes: dict[str, str]) -> str:
    """The path of the module that the operator lies in; the last of the scopes is the operator itself."""
    try:
        scopes = ast.literal_eval(notes.get(_SCOPES, "[]"))
    except (SyntaxError, ValueError):
        return ""
    return str(scopes[-2]) if isinstance(scopes, list) and len(scopes) > 1 else ""


def _frames(notes: dict[str, str]) -> list[tuple[str, str, str]]:
    """File, line and function of the stack, innermost last, without what torch compiled on the way."""
    return [frame for frame in _FRAME.findall(notes.get(_STACK, "")) if not frame[0].startswith("<")]
