"""The graph of an export as text: every operator with the module and the source line that it comes from.

The text is PyTorch's own. A trace prints scopes and lines by itself; the operators of a script know their module and those of
torch.export their module and line without printing them: they are added here in the form that a trace has. `graph` reads it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tsdash import onnxfile, onnxtext
from tsdash.tracebacks import SourceMap

if TYPE_CHECKING:
    import torch

TEXT_BYTES = 200_000  # of code that is kept
GRAPH_BYTES = 4_000_000  # likewise of the graph: a scripted encoder of twelve layers has 2.5 MB
MOST_NODES = 60_000  # of a larger script the modules are not asked for, one by one
_LIBRARY = re.compile(r"/[^\s\"']*?/(?:site|dist)-packages/")
_NODE = re.compile(r"\s*(?:%.+ )?= \w+::\w+")
_WHERE = re.compile(r" # (\S+:\d+:\d+)$")
_CALLED = re.compile(r"(\w+)\((\w+)\)")  # one module of a node's hierarchy: its name and the name of its class
_FRAME = re.compile(r'^\s*File "(.+)", line (\d+)', re.M)
_TRACED_FRAME = re.compile(r"^(.+)\((\d+)\): ", re.M)
_NO_MODULE = ("SELF", "UNKNOWN_INSTANCE")  # another method of the same module; a free function


def texts(exported: Any, sources: SourceMap) -> tuple[str, str]:
    """Code and graph of what was exported, to be read by people; cut where they are very long."""
    import torch

    if isinstance(exported, onnxfile.Session):
        model = onnxtext.read(exported.source)
        code, graph = onnxtext.code(model, sources), onnxtext.graph(model, sources)
    elif isinstance(exported, torch.export.ExportedProgram):
        code, graph = exported.graph_module.print_readable(print_output=False), program(exported, sources)
    else:
        code, graph = "\n".join(_code(exported)), torchscript(exported, sources)
    return _cut(sources.rename(code), TEXT_BYTES), _cut(graph, GRAPH_BYTES)


def torchscript(exported: Any, sources: SourceMap) -> str:
    """The inlined graph of a ScriptModule's forward; empty where it has none."""
    if not exported._c._has_method("forward"):
        return ""
    graph = exported.inlined_graph
    text = sources.rename(str(graph))
    nodes = list(_walk(graph))
    lines = text.splitlines()
    places = [i for i, line in enumerate(lines) if _NODE.match(line)]
    if len(places) == len(nodes) <= MOST_NODES:  # else a text inside the graph looks like a node
        if ", scope: " in text:
            lines_of_user = [_user_line(node.sourceRange(), _TRACED_FRAME, sources) for node in nodes]
            scopes = [""] * len(nodes)
        else:
            lines_of_user = [""] * len(nodes)
            known = {name: module.original_name for name, module in exported.named_modules()}
            scopes = _scopes(nodes, known)
            _fill(graph, iter(range(len(nodes))), scopes)
        for place, scope, line in zip(places, scopes, lines_of_user, strict=True):
            lines[place] = _noted(lines[place], scope, line)
    return _LIBRARY.sub("", "\n".join(lines) + "\n")


def program(exported: torch.export.ExportedProgram, sources: SourceMap) -> str:
    """The graph of an ExportedProgram with its signature and ranges."""
    head, *lines = str(exported.graph).splitlines()
    nodes = list(exported.graph.nodes)
    if len(nodes) == len(lines):
        for i, node in enumerate(nodes):
            stack, trace = node.meta.get("nn_module_stack") or {}, node.meta.get("stack_trace") or ""
            path = [str(entry[0]) for entry in stack.values()][-1] if stack else ""
            frames = _FRAME.findall(trace)
            where = f" # {sources.rename(frames[-1][0])}:{frames[-1][1]}:0" if frames else ""
            lines[i] = _noted(f"{lines[i]}{where}", path, _user_line(trace, _FRAME, sources, last=True))
    tail = [str(exported.graph_signature), f"Range constraints: {exported.range_constraints}\n"]
    return _LIBRARY.sub("", "\n".join([head, *lines, *tail]))


def _walk(block: Any) -> Iterator[Any]:
    """Every node below a block in the order in which the text has them."""
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _walk(inner)


def _scopes(nodes: list[Any], known: dict[str, str]) -> list[str]:
    """The path of the module in which each node of a script was called; empty for the model itself.

    A node's hierarchy leaves out the lists that modules are kept in. Where two modules of one name and class fit, the one
    whose parameters are read there is meant.
    """
    paths: dict[str, str] = {}  # of the values that are modules
    told: list[tuple[tuple[str, str], ...]] = []
    read: list[str | None] = []
    for node in nodes:
        told.append(tuple(pair for pair in _CALLED.findall(node.getModuleHierarchy()) if pair[0] not in _NO_MODULE))
        source = None
        if node.kind() == "prim::GetAttr":
            source = paths.get(node.input().debugName(), "")
            paths[node.output().debugName()] = f"{source}.{node.s('name')}".lstrip(".")
        read.append(source)
    scopes, start = [], 0
    for end in range(1, len(nodes) + 1):
        if end == len(nodes) or told[end][:1] != told[start][:1]:
            seen = {path for path in read[start:end] if path}
            found = {calls: _resolved(calls, known, seen) for calls in set(told[start:end])}
            scopes += [found[calls] for calls in told[start:end]]
            start = end
    return scopes


def _fill(block: Any, places: Iterator[int], scopes: list[str]) -> None:
    """Nodes that do not know their module, ifs for the most part, lie in the one around the nodes before and after them."""
    own = []
    for node in block.nodes():
        own.append(next(places))
        for inner in node.blocks():
            _fill(inner, places, scopes)
    before = ""
    for at, place in enumerate(own):
        if scopes[place]:
            before = scopes[place]
            continue
        after = next((scopes[later] for later in own[at + 1 :] if scopes[later]), "")
        common = itertools.takewhile(
            lambda pair: pair[0] == pair[1], zip(before.split("."), after.split("."), strict=False)
        )
        scopes[place] = ".".join(name for name, _ in common)


def _resolved(calls: tuple[tuple[str, str], ...], known: dict[str, str], seen: set[str]) -> str:
    """The full path of the module at the end of a chain of calls."""
    path = ""
    for name, kind in calls:
        below = f"{path}." if path else ""
        fitting = [
            full
            for full, of in known.items()
            if of == kind and full.startswith(below) and full.rpartition(".")[2] == name and full != path
        ]
        shortest = min((full.count(".") for full in fitting), default=0)
        fitting = [full for full in fitting if full.count(".") == shortest]
        evident = [full for full in fitting if any(use == full or use.startswith(f"{full}.") for use in seen)]
        path = next(iter(evident or fitting), f"{below}{name}")
    return path


def _user_line(text: str, frame: re.Pattern[str], sources: SourceMap, *, last: bool = False) -> str:
    """The innermost line of the user's own source in a stack, as `file:line`; empty where there is none."""
    lines = [f"{name}:{line}" for path, line in frame.findall(text) if (name := sources.name(path)) is not None]
    return (lines[-1] if last else lines[0]) if lines else ""


def _noted(line: str, scope: str, user_line: str) -> str:
    """A node's line with its module and the user's own line, where the text does not say them yet."""
    found = _WHERE.search(line)
    node, where = (line[: found.start()], found[1]) if found else (line, "")
    if scope:
        node += f", scope: __module.{scope}"
    if user_line and not where.startswith(f"{user_line}:"):
        where = f"{where} via {user_line}".strip()
    return f"{node} # {where}" if where else node


def _cut(text: str, limit: int) -> str:
    raw = text.encode(errors="backslashreplace")
    if len(raw) <= limit:
        return text
    return raw[:limit].decode(errors="ignore") + f"\n… cut here: {len(raw):,} bytes in all\n"


def _code(exported: Any) -> Iterator[str]:
    """The code of every method of every submodule, the same code once, with the modules that share it."""
    users: dict[str, list[str]] = {}
    for name, module in exported.named_modules():
        for method in module._c._method_names():
            code = module._c._get_method(method).code
            users.setdefault(code, []).append(f"{name or 'the model'}, {module.original_name}")
    for code, names in users.items():
        more = f" and {len(names) - 1} more like it" if len(names) > 1 else ""
        yield f"# {names[0]}{more}\n{code}"
