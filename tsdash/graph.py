"""The graph of an export, read from its text: operators and what they take, in the modules and blocks that they belong to.

Reads what `graphtext` writes, for TorchScript, torch.export and ONNX alike, without torch. Constants, parameters and lists are part
of the operators that take them. The same module called again is another group, so that a graph of groups has no cycle.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tsdash import formats

MOST_LETTERS = 34  # of a name on a node
MODEL = 0  # the id of the group around everything
INPUT, OUTPUT, OPERATOR, CONTROL, BLOCK, MODULE = "input", "output", "operator", "control", "block", "module"
_CUT = re.compile(r"^… cut here: ([\d,]+) bytes in all$|^… \(([\d,]+) characters in all\) …$", re.M)


@dataclass(frozen=True, kw_only=True)
class Node:
    """An operator, an input, the output, or a group of nodes: a called module, an if or loop, one of its blocks."""

    id: int
    kind: str
    operator: str  # "aten::conv2d"; of a group what stands on it
    key: str  # names the node across graphs of one model
    parent: int
    module: str = ""  # path of the module that it lies in; of a module its own
    type: str = ""  # of its first output, or the class of a module
    arguments: str = ""  # with constants, parameters and the names of values
    constants: tuple[str, ...] = ()
    inputs: tuple[int, ...] = ()  # the nodes that it takes values of
    where: str = ""  # file:line that made it
    user_line: str = ""  # the line of the user's own source that called it, where it is another

    @property
    def is_group(self) -> bool:
        return self.kind in (CONTROL, BLOCK, MODULE)

    @property
    def shape(self) -> str:
        """Of the first output, as far as the graph tells."""
        sizes = re.match(r"\w+\(((?:\d+, )*\d+), strides", self.type)
        return sizes[1].replace(", ", "×") if sizes else ""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """All nodes, the model itself first, each before what takes its values; the children of each group in order."""

    nodes: tuple[Node, ...]
    children: dict[int, tuple[int, ...]]
    cut: bool = False  # the text is longer than what was kept

    @property
    def operators(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.kind in (OPERATOR, CONTROL))

    def below(self, group: int) -> Iterator[Node]:
        """Every node in a group and in the groups in it."""
        waiting = list(reversed(self.children.get(group, ())))
        while waiting:
            node = self.nodes[waiting.pop()]
            yield node
            waiting += reversed(self.children.get(node.id, ()))


@dataclass
class _Value:
    """What a name stands for: a node's output, or text that is put where the name is used."""

    text: str
    nodes: tuple[int, ...] = ()
    constant: bool = False


@dataclass
class _Scope:
    """The block that is being read: its group and the modules that are open in it."""

    group: int
    module: str
    open: list[tuple[str, int]] = field(default_factory=list)  # path, group


@dataclass
class _Reading:
    """A graph while its text is read."""

    nodes: list[Node] = field(default_factory=list)
    children: dict[int, list[int]] = field(default_factory=dict)
    values: dict[str, _Value] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)  # of modules, by path
    keys: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, operator: str, parent: int, module: str, key: str, **more: object) -> int:
        self.keys[key] += 1
        number = self.keys[key]
        node = Node(
            id=len(self.nodes),
            kind=kind,
            operator=operator,
            parent=parent,
            module=module,
            key=key if number == 1 else f"{key}@{number}",
            **more,  # type: ignore[arg-type]
        )
        self.nodes.append(node)
        if node.id != MODEL:
            self.children.setdefault(parent, []).append(node.id)
        return node.id

    def group_for(self, scope: _Scope, module: str) -> int:
        """The group of the module, opened where it is not: a module that was left and is called again opens anew."""
        if not module.startswith(f"{scope.module}." if scope.module else ""):
            module = scope.module
        names = module[len(scope.module) :].strip(".").split(".") if module != scope.module else []
        path, depth, group = scope.module, 0, scope.group
        for depth, name in enumerate(names):
            path = f"{path}.{name}".lstrip(".")
            if depth < len(scope.open) and scope.open[depth][0] == path:
                group = scope.open[depth][1]
                continue
            del scope.open[depth:]
            group = self.add(MODULE, name, group, path, f"{self.nodes[group].key}/{name}")
            scope.open.append((path, group))
        del scope.open[len(names) :]
        return group

    def graph(self, text: str) -> Graph:
        nodes = [
            replace(node, type=self.classes.get(node.module, "")) if node.kind == MODULE else node
            for node in self.nodes
        ]
        children = {group: tuple(listed) for group, listed in self.children.items()}
        return Graph(nodes=tuple(nodes), children=children, cut=bool(_CUT.search(text)))


def parse(text: str) -> Graph:
    """The graph that a text of `graphtext` describes; lines that it cannot read are passed over."""
    reading = _Reading()
    reading.add(MODULE, "the model", MODEL, "", "")
    if text.startswith("graph():"):
        _read_program(text, reading)
    else:
        _read_torchscript(text, reading)
    return reading.graph(text)


_PLACE = re.compile(r" # (?:(\S+?:\d+)(?::\d+)?)?(?: ?via (\S+:\d+))?$")
_SCOPE = re.compile(r", scope: (\S+)$")
_NODE = re.compile(r"^\s*(?:(?P<outputs>%.*?) )?= (?P<operator>\^?[\w:]+)(?:\[(?P<attributes>.*)\])?\((?P<inputs>(?:%[^\s,()]+(?:, )?)*)\)$")  # fmt: skip
_PYTHON = re.compile(r"^\s*(?:(?P<outputs>%.*?) )?= (?P<operator>\^\w+)\(.*\)\((?P<inputs>(?:%[^\s,()]+(?:, )?)*)\)$")
_OUTPUT = re.compile(r"%([^\s,:()]+) : (.*?)(?=, %[^\s,:()]+ : |$)")
_BLOCK = re.compile(r"^\s*block(\d+)\((.*)\):$")
_RESULTS = re.compile(r"^\s*(->|return) \((.*)\)$")
_HEAD = re.compile(r"^graph\((.*?)\):\n", re.S)
_BLOCKS = {
    "prim::If": ("then", "else"),
    "prim::Loop": ("body",),
    "onnx::If": ("then", "else"),
    "onnx::Loop": ("body",),
    "onnx::Scan": ("body",),
}
_BUILDS = {"prim::ListConstruct": "[]", "prim::TupleConstruct": "()"}


def _names(text: str) -> list[str]:
    return re.findall(r"%([^\s,:()]+)", text)


def _read_torchscript(text: str, reading: _Reading) -> None:
    head = _HEAD.match(text)
    if not head:
        return
    for i, (name, kind) in enumerate(_OUTPUT.findall(re.sub(r",\n\s*", ", ", head[1]))):
        if i == 0 and kind.startswith("__torch__"):
            reading.values[name] = _Value("", constant=True)
            reading.classes[""] = kind.rpartition(".")[2]
        else:
            node = reading.add(INPUT, name, MODEL, "", f"input {name.partition('.')[0]}", type=kind)
            reading.values[name] = _Value(f"%{name}", (node,))
    scopes = [_Scope(MODEL, "")]
    control: list[tuple[int, int, list[str]]] = []  # ifs and loops: how far indented, node, the names that they take
    last: tuple[int, list[str]] | None = None
    for line in text[head.end() :].splitlines():
        indent = len(line) - len(line.lstrip())
        block, results = _BLOCK.match(line), _RESULTS.match(line)
        if block:
            if last:
                control.append((indent, *last))
            while control and control[-1][0] > indent:
                control.pop()
            if control:
                _open_block(reading, scopes, control[-1], int(block[1]), block[2])
        elif results and results[1] == "->":
            del scopes[max(1, len(scopes) - 1) :]
        elif results:
            _output(reading, _names(results[2]))
        last = None if block or results else _node(line, reading, scopes[-1])


def _open_block(
    reading: _Reading, scopes: list[_Scope], control: tuple[int, int, list[str]], number: int, parameters: str
) -> None:
    _, owner, taken = control
    node = reading.nodes[owner]
    names = _BLOCKS.get(node.operator, ())
    label = names[number] if number < len(names) else f"block {number}"
    group = reading.add(BLOCK, label, owner, node.module, f"{node.key}/{label}")
    carried = taken[2:]  # of a loop: after the number of trips and the first condition
    for i, (name, _) in enumerate(_OUTPUT.findall(parameters)):
        source = reading.values.get(carried[i - 1]) if 0 < i <= len(carried) else None
        reading.values[name] = _Value(f"%{name}", source.nodes if source else ())
    scopes.append(_Scope(group, node.module))


def _output(reading: _Reading, names: list[str]) -> None:
    values = [reading.values.get(name, _Value(f"%{name}")) for name in names]
    inputs = tuple(dict.fromkeys(node for value in values for node in value.nodes))
    arguments = ", ".join(value.text for value in values)
    reading.add(OUTPUT, "output", MODEL, "", "output", arguments=arguments, inputs=inputs)


def _node(line: str, reading: _Reading, scope: _Scope) -> tuple[int, list[str]] | None:
    """Read one node. Returns its id and the names that it takes if blocks may follow."""
    place, module = _PLACE.search(line), ""
    if place:
        line = line[: place.start()]
    scoped = _SCOPE.search(line)
    if scoped:
        line = line[: scoped.start()]
        module = scoped[1].rpartition("/")[2].removeprefix("__module").lstrip(".")
    found = _NODE.match(line) or _PYTHON.match(line)
    if not found:
        return None
    outputs, operator = _OUTPUT.findall(found["outputs"] or ""), found["operator"]
    taken = _names(found["inputs"])
    values = [reading.values.get(name, _Value(f"%{name}")) for name in taken]
    inline = _inline(operator, found.groupdict().get("attributes") or "", values, outputs)
    if inline is not None:
        for name, kind in outputs:
            reading.values[name] = inline
            if kind.startswith("__torch__"):
                reading.classes[inline.text] = kind.rpartition(".")[2]
        return None
    group = reading.group_for(scope, module or scope.module)
    node = reading.add(
        CONTROL if operator in _BLOCKS else OPERATOR,
        operator,
        group,
        module or scope.module,
        f"{reading.nodes[group].key}/{operator}",
        type=outputs[0][1] if outputs else "",
        arguments=", ".join(value.text for value in values),
        constants=tuple(value.text for value in values if value.constant),
        inputs=tuple(dict.fromkeys(node for value in values for node in value.nodes)),
        where=(place[1] or "") if place else "",
        user_line=(place[2] or "") if place else "",
    )
    for name, _ in outputs:
        reading.values[name] = _Value(f"%{name}", (node,))
    return node, taken


def _inline(operator: str, attributes: str, values: list[_Value], outputs: list[tuple[str, str]]) -> _Value | None:
    """The value of a node that is shown where it is used; None for an operator."""
    if operator in ("prim::Constant", "onnx::Constant"):
        text = attributes.removeprefix("value=") or "None"
        if outputs and outputs[0][1] == "bool":
            text = {"0": "False", "1": "True"}.get(text, text)
        return _Value(text, constant=True)
    if operator == "prim::GetAttr":
        name = attributes.removeprefix("name=").strip('"')
        return _Value(f"{values[0].text}.{name}".lstrip("."), values[0].nodes, constant=True)
    if operator in _BUILDS:
        brackets = _BUILDS[operator]
        return _Value(
            f"{brackets[0]}{', '.join(value.text for value in values)}{brackets[1]}",
            tuple(dict.fromkeys(node for value in values for node in value.nodes)),
            constant=all(value.constant for value in values),
        )
    return None


_FX = re.compile(
    r"^\s+%(?P<name>\w+) : (?P<type>.*?)\[num_users=\d+\] = (?P<op>\w+)\[target=(?P<target>.*?)\](?:\(args = (?P<arguments>.*), kwargs = (?P<options>.*)\))?$"
)
_HELD = re.compile(r"^(\w+): (?:PARAMETER|BUFFER|CONSTANT_TENSOR|CUSTOM_OBJ)\b.*?target='([^']*)'", re.M)


def _read_program(text: str, reading: _Reading) -> None:
    held = dict(_HELD.findall(text))
    scope = _Scope(MODEL, "")
    for line in text.splitlines():
        place = _PLACE.search(line)
        line = line[: place.start()] if place else line
        scoped = _SCOPE.search(line)
        line = line[: scoped.start()] if scoped else line
        module = scoped[1].removeprefix("__module.") if scoped else ""
        found = _FX.match(line)
        if found is None:
            if line.startswith("    return "):
                _output(reading, re.findall(r"\b[A-Za-z_]\w*\b", line.removeprefix("    return ")))
            continue
        name, target = found["name"], found["target"]
        if found["op"] == "placeholder" and name not in held:
            reading.values[name] = _Value(f"%{name}", (reading.add(INPUT, name, MODEL, "", f"input {name}"),))
        elif found["op"] in ("placeholder", "get_attr"):
            reading.values[name] = _Value(held.get(name) or target, constant=True)
        else:
            _call(found, reading, scope, module, place)


def _call(found: re.Match[str], reading: _Reading, scope: _Scope, module: str, place: re.Match[str] | None) -> None:
    options = (found["options"] or "{}")[1:-1]
    written = (found["arguments"] or "()")[1:-1].rstrip(",") + (f", {options}" if options else "")
    values = {name: reading.values.get(name, _Value(f"%{name}")) for name in re.findall(r"%(\w+)", written)}
    operator = found["target"].removeprefix("torch.ops.")
    space, _, rest = operator.partition(".")
    operator = f"{space}::{rest.partition('.')[0]}" if operator != found["target"] else operator
    group = reading.group_for(scope, module)
    named = re.sub(r"%(\w+)", lambda match: values[match[1]].text, written)
    taken = [node for value in values.values() for node in value.nodes]
    node = reading.add(
        OPERATOR,
        operator,
        group,
        module,
        f"{reading.nodes[group].key}/{operator}",
        arguments=named,
        constants=tuple(part for part in named.split(", ") if "%" not in part),
        inputs=tuple(dict.fromkeys(taken)),
        where=(place[1] or "") if place else "",
        user_line=(place[2] or "") if place else "",
    )
    reading.values[found["name"]] = _Value(f"%{found['name']}", (node,))


def caption(node: Node, operators: int) -> tuple[str, str]:
    """What stands on a node that is or holds so many operators: its name, and below it what is known of it."""
    name = node.operator.partition("::")[2] or node.operator
    name = name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…"
    if node.kind == MODULE:
        return f"{name} · {node.type}" if node.type else name, formats.counted(operators, "operator")
    if node.kind == CONTROL:
        return f"{name} {node.arguments}"[:MOST_LETTERS], formats.counted(operators - 1, "operator")
    if node.kind == BLOCK:
        return name, formats.counted(operators, "operator")
    return name, node.shape


def counts(graph: Graph) -> Counter[str]:
    """How often each operator occurs."""
    return Counter(node.operator for node in graph.operators)


def matching(graph: Graph, words: str) -> tuple[Node, ...]:
    """The operators whose name, arguments or module hold every one of the words."""
    wanted = words.lower().split()
    return tuple(
        node
        for node in graph.operators
        if wanted and all(word in f"{node.operator} {node.arguments} {node.module}".lower() for word in wanted)
    )
