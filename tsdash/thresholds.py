"""The whole numbers that the user's code compares with: beyond such a size forward goes another way, and a trace does not."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsdash.models.files import MAKERS

if TYPE_CHECKING:
    from tsdash.models.loading import Loaded

LARGEST = 4096  # larger sizes are not tried for the sake of a comparison
MOST = 6


def named(loaded: Loaded, model: Any) -> tuple[int, ...]:
    """Every whole number from 1 to LARGEST that a comparison in the user's own functions names, as a literal, a global or an
    attribute of a module of `model`; the smallest MOST of them."""
    found: set[int] = set()
    for path in loaded.sources.files:
        tree = ast.parse(Path(path).read_text("utf-8", errors="replace"))
        for owner, comparison in _comparisons(tree):
            for operand in (comparison.left, *comparison.comparators):
                found |= set(_numbers(operand, owner, model, vars(loaded.module)))
    return tuple(sorted(number for number in found if 1 <= number <= LARGEST)[:MOST])


def _comparisons(tree: ast.Module) -> Iterator[tuple[str, ast.Compare]]:
    """Every comparison, with the name of the class around it."""
    for outer in tree.body:
        owner = outer.name if isinstance(outer, ast.ClassDef) else ""
        for function in outer.body if isinstance(outer, ast.ClassDef) else [outer]:
            if isinstance(function, ast.FunctionDef) and function.name not in (*MAKERS, "__init__"):
                for node in ast.walk(function):
                    if isinstance(node, ast.Compare):
                        yield owner, node


def _numbers(operand: ast.expr, owner: str, model: Any, scope: Mapping[str, Any]) -> Iterator[int]:
    """What an operand is: of an attribute of self, what it is in each module of that class."""
    holders: list[Any] = [operand]
    names = ["value"]
    if not isinstance(operand, ast.Constant):
        names = ast.unparse(operand).split(".")
        first = names.pop(0)
        own = [module for module in model.modules() if any(kind.__name__ == owner for kind in type(module).__mro__)]
        holders = own if first == "self" else [scope[first]] if first in scope else []
    for value in holders:
        for name in names:
            value = getattr(value, name, None)
        if type(value) is int:
            yield value
