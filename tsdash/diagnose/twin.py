"""A twin of the user's source that says what it does while it runs, in eager and scripted alike.

Scripted code cannot call back into Python, but it can print, and it can call a registered operator. So a line is put after
every assignment, at the start of every branch and round, and before every return. Lines are added as text, never rewritten:
what the compiler sees of the user's own lines is what the user wrote.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

SAYS = "_tsdash_says"  # what printed lines begin with
RESULT = "_tsdash_result"
TELL, TORCH = "_tsdash_tell", "_tsdash_torch"  # what the twin finds in its globals: a function of Python's, and torch
# How a probe tells: the operator for tensors, print for plain values, TELL in eager, or its position only.
WATCH, PRINT, EAGER, MARK = "watch", "print", "eager", "mark"


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A line put into the twin. `line` is the user's, `name` the variable that it tells, empty for a branch or a round."""

    number: int
    line: int
    name: str
    block: bool = False  # at the start of a branch or round; `line` is that of its header


@dataclass(frozen=True, kw_only=True)
class _Insertion:
    after: int  # the line of the source after which it goes
    indent: str
    probe: Probe


@dataclass(frozen=True, kw_only=True)
class Twin:
    """The source with probes that can be told apart by number."""

    lines: tuple[str, ...]
    insertions: tuple[_Insertion, ...]
    returns: tuple[tuple[Probe, ast.Return], ...]

    @property
    def probes(self) -> tuple[Probe, ...]:
        return (*(insertion.probe for insertion in self.insertions), *(probe for probe, _ in self.returns))

    def text(self, styles: Mapping[int, str]) -> tuple[str, dict[int, int]]:
        """The source with its probes, each in its style, and which probe stands on which line of it."""
        after: dict[int, list[tuple[str, int]]] = {}
        lines: list[str | None] = list(self.lines)
        for insertion in self.insertions:
            after.setdefault(insertion.after, []).append(
                (insertion.indent + _call(insertion.probe, styles), insertion.probe.number)
            )
        replaced: dict[int, list[tuple[str, int | None]]] = {}
        for probe, node in self.returns:
            replaced[node.lineno] = list(_return(self.lines, node, probe, styles))
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                lines[line - 1] = None
        return _joined(lines, after, replaced)


def _joined(
    lines: list[str | None],
    after: Mapping[int, list[tuple[str, int]]],
    replaced: Mapping[int, list[tuple[str, int | None]]],
) -> tuple[str, dict[int, int]]:
    found: list[str] = []
    where: dict[int, int] = {}
    for number, line in enumerate(lines, 1):
        added: list[tuple[str, int | None]] = list(replaced.get(number, []))
        if line is not None:
            added.append((line, None))
        added += after.get(number, [])
        for text, probe in added:
            for piece in text.split("\n"):
                found.append(piece)
                if probe is not None:
                    where[len(found)] = probe
    return "\n".join(found) + "\n", where


def make(text: str) -> Twin:
    """The twin of a model file."""
    lines = text.splitlines()
    insertions: list[_Insertion] = []
    returns: list[tuple[Probe, ast.Return]] = []
    for function in _functions(ast.parse(text)):
        _Planner(lines, insertions, returns).block(function.body, function.lineno, header=None)
    return Twin(lines=tuple(lines), insertions=tuple(insertions), returns=tuple(returns))


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Functions that scripting may compile: those of the module and of its classes, without what makes model and inputs."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and not node.name.startswith(("make_", "__")):
            yield node


class _Planner:
    """Plans the probes of one function."""

    def __init__(self, lines: list[str], insertions: list[_Insertion], returns: list[tuple[Probe, ast.Return]]) -> None:
        self._lines = lines
        self._insertions = insertions
        self._returns = returns

    def block(self, body: list[ast.stmt], line: int, *, header: int | None) -> None:
        """The statements of a body. `header`: the line of the `if`, `while` or `for` that it belongs to."""
        if not self._stands_alone(body, line):
            return
        if header is not None:
            self._insert(body[0].lineno - 1, body[0], header, "", block=True)
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            if getattr(node, "value", None) is not None:
                for name in _named(node):
                    self._insert(node.end_lineno or node.lineno, node, node.lineno, name)
        elif isinstance(node, ast.Return) and node.value is not None:
            self._returns.append((self._probe(node.lineno, RESULT), node))
        elif isinstance(node, (ast.If, ast.While, ast.For)):
            self.block(node.body, node.lineno, header=node.lineno)
            if node.orelse and not (isinstance(node, ast.If) and _is_elif(node, self._lines)):
                self.block(node.orelse, node.lineno, header=node.lineno)
            elif node.orelse:
                self._statement(node.orelse[0])
        elif isinstance(node, ast.With):
            self.block(node.body, node.lineno, header=None)
        elif (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Attribute)
            and isinstance(node.value.func.value, ast.Name)
        ):
            self._insert(node.end_lineno or node.lineno, node, node.lineno, node.value.func.value.id)

    def _insert(self, after: int, node: ast.stmt, line: int, name: str, *, block: bool = False) -> None:
        indent = self._lines[node.lineno - 1][: node.col_offset]
        self._insertions.append(_Insertion(after=after, indent=indent, probe=self._probe(line, name, block=block)))

    def _probe(self, line: int, name: str, *, block: bool = False) -> Probe:
        return Probe(number=len(self._insertions) + 100_000 * len(self._returns), line=line, name=name, block=block)

    def _stands_alone(self, body: list[ast.stmt], line: int) -> bool:
        """Whether every statement has its lines to itself: nothing can be put between `if x: return y` or around `;`."""
        taken = line
        for statement in body:
            if statement.lineno <= taken and statement is body[0]:
                return False
            if statement is not body[0] and statement.lineno <= taken:
                return False
            taken = statement.end_lineno or statement.lineno
        return all(not self._lines[statement.lineno - 1][: statement.col_offset].strip() for statement in body)


def _is_elif(node: ast.If, lines: list[str]) -> bool:
    first = node.orelse[0]
    return len(node.orelse) == 1 and isinstance(first, ast.If) and lines[first.lineno - 1].lstrip().startswith("elif")


def _named(node: ast.Assign | ast.AugAssign | ast.AnnAssign) -> Iterator[str]:
    """The variables that an assignment leaves with a new value: `a` of `a = …`, of `a[0] += …`; `self.x`."""
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        for part in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
            while isinstance(part, ast.Subscript):
                part = part.value
            if isinstance(part, (ast.Name, ast.Attribute)):
                yield ast.unparse(part)


def _call(probe: Probe, styles: Mapping[int, str]) -> str:
    style = styles.get(probe.number, MARK)
    if style == EAGER:
        return f"{TELL}({probe.number}, {probe.name or 'None'})"
    if style == WATCH and probe.name:
        return f"{TORCH}.ops.tsdash.watch({probe.name}, {probe.number})"
    if style == PRINT and probe.name:
        return f'print("{SAYS}", {probe.number}, {probe.name})'
    return f'print("{SAYS}", {probe.number})'


def _return(
    lines: tuple[str, ...], node: ast.Return, probe: Probe, styles: Mapping[int, str]
) -> Iterator[tuple[str, int | None]]:
    """`return value` as three steps: compute it, tell it, return it. The value's text stays as it was written."""
    assert node.value is not None
    indent = lines[node.lineno - 1][: node.col_offset]
    written = list(lines[node.lineno - 1 : node.end_lineno])
    end = node.end_col_offset
    written[-1] = written[-1].encode()[:end].decode()
    written[0] = written[0][node.col_offset + len("return") :].lstrip()
    value = "\n".join(written)
    yield f"{indent}{RESULT} = ({value})" if len(written) > 1 else f"{indent}{RESULT} = {value}", probe.number
    yield indent + _call(probe, styles), probe.number
    yield f"{indent}return {RESULT}", probe.number
