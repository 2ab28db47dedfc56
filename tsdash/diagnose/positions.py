"""Positions in the user's source that no message names: what the compiler was looking at, where forward and the model are made."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from types import FrameType, FunctionType, TracebackType
from typing import Any

import torch

from tsdash.diagnose.answers import quiet
from tsdash.diagnose.instrumentation import first_line, name_called
from tsdash.diagnose.laboratory import Laboratory

Position = tuple[str | None, int | None]
_LOOKED_AT = ("fn", "obj", "cls", "value", "item", "ann", "func")  # what torch.jit calls the thing that it converts


def of_compilation(lab: Laboratory) -> Position:
    """Compile once more and look at the stack of the failure: the user's function that was being compiled, and in it the
    expression that stands for the object which could not be converted."""
    try:
        with quiet():
            torch.jit.script(lab.model())
    except Exception as error:  # the compiler passes on whatever fails below it
        frames = list(_frames(error.__traceback__))
        functions = [function for frame in frames for function in _functions(frame, lab)]
        things = [frame.f_locals[name] for frame in reversed(frames) for name in _LOOKED_AT if name in frame.f_locals]
        for function in reversed(functions):
            for thing in things:
                line = _line_of(function, thing, lab)
                if line is not None:
                    return lab.name(function.__code__.co_filename), line
        for function in reversed(functions):
            line = _line_of_submodule(function, frames, lab)
            if line is not None:
                return lab.name(function.__code__.co_filename), line
        if functions:
            last = functions[-1]
            return lab.name(last.__code__.co_filename), last.__code__.co_firstlineno
    return None, None


def forward_definition(lab: Laboratory) -> Position:
    """Where the model's forward is defined, if in the user's source."""
    code = getattr(type(lab.model()).forward, "__code__", None)
    name = lab.name(code.co_filename) if code is not None else None
    if code is None or name is None:
        return None, None
    tree = lab.instrumentation.trees.get(code.co_filename)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.FunctionDef) and first_line(node) == code.co_firstlineno:
            return name, node.lineno
    return name, code.co_firstlineno


def construction(lab: Laboratory) -> Position:
    """Where make_model makes the model: the call of its class, else the return."""
    kind = type(lab.model()).__name__
    for path in lab.own_paths:
        for function in ast.walk(lab.instrumentation.trees[path]):
            if isinstance(function, ast.FunctionDef) and function.name == "make_model":
                inside = list(ast.walk(function))
                calls = [node.lineno for node in inside if isinstance(node, ast.Call) and name_called(node) == kind]
                returns = [node.lineno for node in inside if isinstance(node, ast.Return)]
                for line in (*calls, *returns):
                    return lab.name(path), line
    return None, None


def _frames(step: TracebackType | None) -> Iterator[FrameType]:
    while step is not None:
        yield step.tb_frame
        step = step.tb_next


def _functions(frame: FrameType, lab: Laboratory) -> Iterator[FunctionType]:
    """The user's functions among the values of a frame of torch.jit."""
    for value in list(frame.f_locals.values()):
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, torch.nn.Module):
                continue
            method: Any = getattr(item, "original_method", item)
            function = inspect.unwrap(getattr(method, "__func__", method))
            if isinstance(function, FunctionType) and lab.name(function.__code__.co_filename) is not None:
                yield function


def _line_of_submodule(function: FunctionType, frames: list[FrameType], lab: Laboratory) -> int | None:
    """The line of a method that names the submodule at which the compiler gave up: `self.norm` of the module that has it."""
    modules = list(dict.fromkeys(frame.f_locals["nn_module"] for frame in frames if "nn_module" in frame.f_locals))
    owners = [module for module in modules if _has(module, function)]
    if not owners or modules[-1] is owners[-1]:
        return None
    inner = modules[modules.index(owners[-1]) + 1]
    names = [name for name, child in owners[-1].named_children() if child is inner]
    definition = _definition(function, lab)
    for node in ast.walk(definition) if definition is not None else ():
        if isinstance(node, ast.Attribute) and node.attr in names and isinstance(node.value, ast.Name):
            return node.lineno
    return None


def _has(module: Any, function: FunctionType) -> bool:
    return isinstance(module, torch.nn.Module) and getattr(type(module), function.__name__, None) is function


def _definition(function: FunctionType, lab: Laboratory) -> ast.FunctionDef | None:
    tree = lab.instrumentation.trees.get(function.__code__.co_filename)
    first = function.__code__.co_firstlineno
    found = (node for node in (ast.walk(tree) if tree is not None else ()) if isinstance(node, ast.FunctionDef))
    return next((node for node in found if first in (node.lineno, *(d.lineno for d in node.decorator_list))), None)


def _line_of(function: FunctionType, thing: Any, lab: Laboratory) -> int | None:
    """The line of the first name or attribute in a function that stands for `thing`."""
    scope = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    definition = _definition(function, lab)
    if definition is None or thing is None or isinstance(thing, (str, int)):
        return None
    parts = (part for part in ast.walk(definition) if isinstance(part, (ast.Name, ast.Attribute)))
    return next((part.lineno for part in parts if _stands_for(part, scope) is thing), None)


def _stands_for(node: ast.expr, scope: dict[str, Any]) -> Any:
    """The global object that a dotted name stands for; a fresh object for anything else, so that it is like nothing."""
    if isinstance(node, ast.Name):
        return scope.get(node.id, object())
    if isinstance(node, ast.Attribute):
        holder = _stands_for(node.value, scope)
        return inspect.getattr_static(holder, node.attr, object()) if inspect.ismodule(holder) else object()
    return object()
