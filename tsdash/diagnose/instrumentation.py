"""Instrumented files: their sites, and for every function the code that reports them."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType

from tsdash.diagnose.instrument import Instrumenter
from tsdash.diagnose.sites import WRITE, Site

Key = tuple[str, str, int]  # path, name and first line of a function


@dataclass(kw_only=True)
class Instrumentation:
    """The sites of some files, and for the functions in them the code that reports."""

    sites: list[Site] = field(default_factory=list)
    codes: dict[Key, CodeType] = field(default_factory=dict)
    trees: dict[str, ast.Module] = field(default_factory=dict)

    def add(self, text: str, path: str, *, own: bool = True, lines: frozenset[int] | None = None) -> None:
        """Instrument the file at `path`; of a large one only the functions whose code begins at `lines`.

        Raises SyntaxError as `compile` does.
        """
        tree = ast.parse(text, path)
        if lines is not None:
            tree.body = list(_only(tree.body, lines))
        self.trees[path] = copy.deepcopy(tree) if own else ast.Module(body=[], type_ignores=[])
        Instrumenter(self.sites, path, own).visit(tree)
        module = compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)
        found: dict[Key, list[CodeType]] = {}
        for code in _nested(module):
            found.setdefault(key_of(code), []).append(code)
        # Two lambdas on one line are not told apart, and stay as they are.
        self.codes.update({key: codes[0] for key, codes in found.items() if len(codes) == 1})

    def written(self, path: str, name: str) -> Iterator[Site]:
        """The sites that change the attribute or global `name`, in source order: assignments, then calls such as append."""
        for site in self.sites:
            if site.kind == WRITE and site.path == path and name in _names_written(site.node):
                yield site


def key_of(code: CodeType) -> Key:
    return code.co_filename, code.co_name, code.co_firstlineno


def _nested(code: CodeType) -> Iterator[CodeType]:
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield const
            yield from _nested(const)


def _only(body: list[ast.stmt], lines: frozenset[int]) -> Iterator[ast.stmt]:
    """The functions, and the classes around them, whose code begins at one of `lines`."""
    for item in body:
        if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if first_line(item) in lines:
                yield item
        elif isinstance(item, ast.ClassDef):
            item.body = list(_only(item.body, lines))
            item.decorator_list, item.bases, item.keywords = [], [], []
            if item.body:
                yield item
        elif isinstance(item, (ast.If, ast.Try)):
            yield from _only([*item.body, *item.orelse], lines)
        elif isinstance(item, ast.ImportFrom) and item.module == "__future__":
            yield item


def first_line(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The line that Python gives the function's code: that of its first decorator."""
    return min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])


def _names_written(node: ast.AST) -> set[str]:
    """Names of the attributes and variables that a statement or a call changes, holders included: `self.a.b[0] = 1` → a, b."""
    if isinstance(node, ast.Call):
        named = {arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)}
        owner = node.func.value if isinstance(node.func, ast.Attribute) else node.args[0] if node.args else node
        return (named if name_called(node) in _NAMING else set()) | set(_names(owner))
    targets = (
        node.targets
        if isinstance(node, ast.Assign)
        else [node.target]
        if isinstance(node, (ast.AugAssign, ast.AnnAssign))
        else []
    )
    return {name for target in targets for name in _names(target)}


_NAMING = (
    "setattr",
    "__setattr__",
    "register_buffer",
    "register_parameter",
    "add_module",
)  # say what they write in a string


def name_called(node: ast.Call) -> str:
    """The name of the function or method that is called."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _names(target: ast.AST) -> Iterator[str]:
    """The names along a target, without those in its indices."""
    if isinstance(target, ast.Attribute):
        yield target.attr
        yield from _names(target.value)
    elif isinstance(target, (ast.Subscript, ast.Starred)):
        yield from _names(target.value)
    elif isinstance(target, (ast.Tuple, ast.List)):
        for item in target.elts:
            yield from _names(item)
    elif isinstance(target, ast.Name):
        yield target.id
