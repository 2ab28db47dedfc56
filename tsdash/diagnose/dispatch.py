"""Calls that Python dispatches and the export does not: a patched `forward`, an overridden `__call__`, a decorator, hooks."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import torch

from tsdash.diagnose.answers import same_answer
from tsdash.diagnose.evidence import evidence, values_groups
from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.subject import Finding, Strength

_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
_REGISTERS = (
    "register_forward_hook",
    "register_forward_pre_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
)
Detour = tuple[str, str, Callable[[torch.nn.Module], Any], tuple[str | None, int | None]]


@evidence("patched and overridden calls", order=42)
def detours(lab: Laboratory) -> Iterator[Finding]:
    """Take each detour out of eager: if the export's result appears, the export does not take it."""
    model = lab.model()
    found = list(_detours(lab, model))
    for axis, failures in values_groups(lab) if found else ():
        case = failures[0].case
        actual, expected = lab.exported(case), lab.eager(case)
        if actual is None or same_answer(actual, expected):
            continue
        for what, path, undone, (file, line) in found:
            changed = lab.model(case)
            with undone(changed):
                result = lab.run(changed, case)
            if same_answer(result, actual):
                yield Finding(
                    cause="python_dispatch",
                    strength=Strength.PROVED,
                    axis=axis,
                    file=file,
                    line=line,
                    message=f"{what} of {path or 'the model'} ({type(model.get_submodule(path)).__name__}) runs in eager and is ignored by the export.",
                    evidence=(f"Proved: without it eager returns exactly what {lab.subject.mode} returns.",),
                )
                return
        return


def _detours(lab: Laboratory, model: torch.nn.Module) -> Iterator[Detour]:
    for path, module in model.named_modules():
        if "forward" in vars(module):
            yield "The patched forward", path, _without_patch(path), patched_at(lab, path)
    classes = {
        type(module): path
        for path, module in model.named_modules()
        if type(module).__call__ is not torch.nn.Module.__call__
    }
    for kind, path in classes.items():
        owner = next(base for base in kind.__mro__ if "__call__" in vars(base))
        yield "The overridden __call__", path, _without_call(owner), _defined_at(lab, owner.__call__)
    if lab.scripting:
        yield from _decorated(lab, model)
    hooked = [path for path, module in model.named_modules() if any(getattr(module, name) for name in _HOOKS)]
    if hooked:
        yield "A hook", hooked[0], _without_hooks, _registered_at(lab)


def _decorated(lab: Laboratory, model: torch.nn.Module) -> Iterator[Detour]:
    """Functions of the user's that a decorator wraps: the compiler reads what is inside."""
    owners: dict[Any, str] = {kind: path for path, module in model.named_modules() for kind in type(module).__mro__}
    owners |= {module: "" for module in list(sys.modules.values()) if lab.name(getattr(module, "__file__", "") or "")}
    for owner, path in owners.items():
        for name, function in list(vars(owner).items()):
            inner = inspect.unwrap(function) if isinstance(function, FunctionType) else function
            if inner is not function and lab.name(inner.__code__.co_filename) is not None:
                what = f"The decorator of {name} in front"
                yield what, path, _without_decorator(owner, name, inner), _decorator_at(lab, inner)


def _without_decorator(owner: Any, name: str, inner: Any) -> Callable[[torch.nn.Module], Any]:
    @contextmanager
    def undone(model: torch.nn.Module) -> Iterator[None]:
        own = vars(owner)[name]
        setattr(owner, name, inner)
        try:
            yield
        finally:
            setattr(owner, name, own)

    return undone


def _decorator_at(lab: Laboratory, function: FunctionType) -> tuple[str | None, int | None]:
    """The line of a function's first decorator, which is where Python says that its code begins."""
    return lab.name(function.__code__.co_filename), function.__code__.co_firstlineno


def _without_patch(path: str) -> Callable[[torch.nn.Module], Any]:
    @contextmanager
    def undone(model: torch.nn.Module) -> Iterator[None]:
        for module in model.modules() if not path else [model.get_submodule(path)]:
            vars(module).pop("forward", None)
        yield

    return undone


def _without_call(owner: type) -> Callable[[torch.nn.Module], Any]:
    @contextmanager
    def undone(model: torch.nn.Module) -> Iterator[None]:
        own = vars(owner)["__call__"]
        del owner.__call__
        try:
            yield
        finally:
            owner.__call__ = own  # type: ignore[method-assign]

    return undone


@contextmanager
def _without_hooks(model: torch.nn.Module) -> Iterator[None]:
    for module in model.modules():
        for name in _HOOKS:
            getattr(module, name).clear()
    yield


def patched_at(lab: Laboratory, path: str) -> tuple[str | None, int | None]:
    """The line that puts a forward on an instance; of several the one that names the module's last attribute."""
    name = path.rpartition(".")[2]
    found: list[tuple[bool, str | None, int]] = []
    for file in lab.own_paths:
        for node in ast.walk(lab.instrumentation.trees[file]):
            target = _forward_target(node)
            if target is not None:
                found.append(
                    (
                        name in {getattr(part, "attr", getattr(part, "id", None)) for part in ast.walk(target)},
                        lab.name(file),
                        getattr(node, "lineno", 0),
                    )
                )
    if not found:
        return None, None
    _, file_name, line = max(found, key=lambda item: item[0])
    return file_name, line


def _forward_target(node: ast.AST) -> ast.AST | None:
    """What `node` patches, where it assigns a forward."""
    if isinstance(node, ast.Assign):
        return next(
            (target.value for target in node.targets if isinstance(target, ast.Attribute) and target.attr == "forward"),
            None,
        )
    if (
        isinstance(node, ast.Call)
        and len(node.args) >= 3
        and isinstance(node.args[1], ast.Constant)
        and node.args[1].value == "forward"
    ):
        return node.args[0]
    return None


def _defined_at(lab: Laboratory, function: Any) -> tuple[str | None, int | None]:
    code = getattr(function, "__code__", None)
    if code is None:
        return None, None
    return lab.name(code.co_filename), code.co_firstlineno


def _registered_at(lab: Laboratory) -> tuple[str | None, int | None]:
    for file in lab.own_paths:
        for node in ast.walk(lab.instrumentation.trees[file]):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _REGISTERS:
                return lab.name(file), node.lineno
    return None, None
