"""Constants that scripted code writes to: TorchScript makes one tensor of several equal ones, or keeps it between calls."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import torch

from tsdash.diagnose.answers import Result, same_answer
from tsdash.diagnose.evidence import evidence, values_groups
from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.subject import Finding, Strength

_FACTORIES = frozenset(
    [
        "zeros",
        "ones",
        "full",
        "empty",
        "tensor",
        "arange",
        "eye",
        "linspace",
        "zeros_like",
        "ones_like",
        "full_like",
        "empty_like",
        "rand",
        "randn",
    ]
)


@evidence("constants that are written to", order=43)
def written_constants(lab: Laboratory) -> Iterator[Finding]:
    """Run the export without TorchScript's optimiser: if it then agrees with eager, the optimiser shared what is written to."""
    if not lab.scripting:
        return
    for axis, failures in values_groups(lab):
        case = failures[0].case
        actual, expected = lab.exported(case), lab.eager(case)
        if actual is None or same_answer(actual, expected):
            continue
        sites = _written_factories(lab)
        if not sites:
            return
        with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
            plain: Result = lab.run(lab.load(case), case)
        if same_answer(plain, expected):
            file, line, name = sites[0]
            yield Finding(
                cause="constant_aliasing",
                strength=Strength.PROVED,
                axis=axis,
                file=file,
                line=line,
                message=f"`{name}` is made from constants and written to; TorchScript keeps one tensor for several that begin equal.",
                evidence=(
                    "Proved: the same export run without TorchScript's optimiser returns what eager returns.",
                    *(f"Line {at}: `{what}` is such a tensor." for _, at, what in sites[1:4]),
                ),
            )
        return


def _written_factories(lab: Laboratory) -> list[tuple[str | None, int, str]]:
    """Variables that are assigned a new constant tensor, in functions that write into a tensor, in source order."""
    found = []
    for path in lab.own_paths:
        for function in ast.walk(lab.instrumentation.trees[path]):
            if (
                isinstance(function, ast.FunctionDef)
                and not function.name.startswith("make_")
                and any(map(_writes, ast.walk(function)))
            ):
                found += [
                    (lab.name(path), node.lineno, ast.unparse(node.targets[0]))
                    for node in ast.walk(function)
                    if isinstance(node, ast.Assign) and any(map(_makes, ast.walk(node.value)))
                ]
    return sorted(found, key=lambda item: item[1])


def _writes(node: ast.AST) -> bool:
    if isinstance(node, (ast.Assign, ast.AugAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return isinstance(node, ast.AugAssign) or any(isinstance(target, ast.Subscript) for target in targets)
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr.endswith("_")
        and not node.func.attr.endswith("__")
    )


def _makes(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _FACTORIES
