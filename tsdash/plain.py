"""Functions and classes of tsdash as plain code for a file that needs no tsdash: all that they call, no annotations.

What is written out is the code that tsdash itself runs, so the two cannot drift apart. Only what can be imported
without torch is taken; the file imports torch itself.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
import textwrap
import types
from collections.abc import Callable
from typing import Any

OURS = "tsdash"


class Code:
    """The definitions of a file as they are added. A function that is added twice is written once."""

    def __init__(self, *imports: str) -> None:
        self._names: dict[Any, str] = {}
        self._imports = dict.fromkeys(imports)
        self._constants: dict[str, str] = {}
        self._definitions: list[str] = []

    def add(self, function: Callable[..., Any], name: str = "") -> str:
        """Write `function` out, with what it needs; returns the name it has there, `name` where that is still free."""
        if function in self._names:
            return self._names[function]
        assert isinstance(function, (type, types.FunctionType))
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
        assert isinstance(tree, (ast.ClassDef, ast.FunctionDef))
        wanted = name or tree.name
        free = wanted
        while free in self._names.values():
            free += "_"
        self._names[function] = tree.name = free  # before its body: it may call itself
        bare = _Bare().visit(tree)
        resolved = _Resolved(self, function, _locals(tree)).visit(bare)
        self._definitions.append(ast.unparse(ast.fix_missing_locations(resolved)))
        return free

    def refer(self, name: str, value: Any) -> ast.expr:
        """The expression by which the file speaks of a global `name` of tsdash, whose definition is added."""
        if isinstance(value, (type, types.FunctionType)) and value.__module__.startswith(OURS):
            return ast.Name(id=self.add(value), ctx=ast.Load())
        if isinstance(value, types.ModuleType):
            self._imports[f"import {value.__name__}" + ("" if value.__name__ == name else f" as {name}")] = None
        elif isinstance(value, (type, types.FunctionType)):
            self._imports[f"from {value.__module__} import {name}"] = None
        else:
            self._constants[name] = f"{name} = {value!r}"
        return ast.Name(id=name, ctx=ast.Load())

    @property
    def text(self) -> str:
        """Imports, constants and functions, each after what it calls."""
        head = "\n".join(
            (*sorted(self._imports, key=lambda line: (not line.startswith("import"), line)), *self._constants.values())
        )
        return "\n\n".join(filter(None, (head, *self._definitions)))


class _Bare(ast.NodeTransformer):
    """Without annotations, decorators and the imports of torch."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.decorator_list, node.returns = [], None
        self.generic_visit(node)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        assert node.value is not None
        return self.generic_visit(ast.Assign(targets=[node.target], value=node.value))

    def visit_Import(self, node: ast.Import) -> ast.AST | None:
        return None if [alias.name for alias in node.names] == ["torch"] else node


class _Resolved(ast.NodeTransformer):
    """With every name of tsdash replaced by what it stands for in the file."""

    def __init__(self, code: Code, defined: type | types.FunctionType, local: set[str]) -> None:
        self._code = code
        self._local = local
        self._globals = vars(sys.modules[defined.__module__])
        self._enclosed: dict[str, Any] = {}
        if isinstance(defined, types.FunctionType):
            cells = zip(defined.__code__.co_freevars, defined.__closure__ or (), strict=True)
            self._enclosed = {name: cell.cell_contents for name, cell in cells}

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        owner = node.value.id if isinstance(node.value, ast.Name) and node.value.id not in self._local else ""
        module = self._globals.get(owner)
        if isinstance(module, types.ModuleType) and module.__name__.startswith(OURS):
            return self._code.refer(node.attr, getattr(module, node.attr))
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self._enclosed:
            value = self._enclosed[node.id]
            if isinstance(value, types.FunctionType):
                return ast.Name(id=self._code.add(value), ctx=ast.Load())
            return ast.parse(repr(value), mode="eval").body
        if node.id in self._local or node.id not in self._globals or hasattr(builtins, node.id):
            return node
        return self._code.refer(node.id, self._globals[node.id])


def _locals(tree: ast.ClassDef | ast.FunctionDef) -> set[str]:
    """The names that a function or class binds itself: its own, its arguments', its variables', and torch."""
    found = {"torch"}
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef) and node is not tree:
            found.add(node.name)
    return found
