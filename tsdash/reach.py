"""How much of the user's forward the cases of a sweep ran: coverage.py's line and branch measurement while eager runs.

Only functions that ran at all count, for one that never does belongs to an unreached line of its caller, or to making the
model. Lines that only raise do not count: a defence that no valid input meets says nothing about an export.
"""

from __future__ import annotations

import ast
import json
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tsdash import ways
from tsdash.models.files import MAKERS
from tsdash.models.loading import Loaded
from tsdash.spec import Case, Reach, SourceLine

RAISES = r"^\s*raise\b"
_STATIC_CALLS = ("isinstance", "hasattr", "callable")


def measure(
    loaded: Loaded, folder: Path, cases: Sequence[Case], call: Callable[[Case], object], budget_s: float
) -> Reach | None:
    """What of the user's own functions ran while `call` ran the cases; the rest are not run once nothing is left to reach.

    None where the cases did not end within `budget_s`, for then what was not reached is unknown, or where nothing of the
    user's own ran.
    """
    import coverage

    own = [*loaded.sources.files, *([f"{loaded.sources.root}/*"] if loaded.sources.root else [])]
    measured = coverage.Coverage(data_file=None, config_file=False, branch=True, include=own, messages=False)
    measured.exclude(RAISES)
    ends = time.monotonic() + budget_s
    reach = _lines(loaded, measured, folder / "reach.json", cases, call, ends)
    return (
        None
        if reach is None
        else replace(reach, one_sided=(*reach.one_sided, *_in_expressions(loaded, cases, call, ends)))
    )


def _lines(
    loaded: Loaded,
    measured: Any,
    report: Path,
    cases: Sequence[Case],
    call: Callable[[Case], object],
    ends: float,
) -> Reach | None:
    reach = None
    for number, case in enumerate(cases, 1):
        if time.monotonic() > ends:
            return None
        measured.start()
        try:
            call(case)
        except Exception:  # what eager raises is another's concern
            pass
        finally:
            measured.stop()
        if reach is None or reach.not_run or reach.branches_run < reach.branches:
            reach = _summed(loaded, measured, report, number)
        if reach is None:
            return None
        if not reach.not_run and reach.branches_run == reach.branches:
            return reach
    return reach


def _summed(loaded: Loaded, measured: Any, report: Path, cases: int) -> Reach | None:
    import coverage

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            measured.json_report(outfile=str(report))
        except coverage.exceptions.CoverageException:  # nothing was measured, or a file is no Python any more
            return None
    found: list[_File] = []
    for path, facts in json.loads(report.read_text("utf-8"))["files"].items():
        name = loaded.sources.name(str(Path(path).resolve()))
        if name is not None:
            found.append(_File(Path(path), name, facts["functions"]))
    if not any(file.run for file in found):
        return None
    return Reach(
        lines=sum(len(file.run) + len(file.missed) for file in found),
        lines_run=sum(len(file.run) for file in found),
        branches=sum(len(file.taken) + len(file.untaken) for file in found),
        branches_run=sum(len(file.taken) for file in found),
        not_run=tuple(line for file in found for line in file.lines(file.missed)),
        one_sided=tuple(line for file in found for line in file.lines(file.one_sided())),
        cases=cases,
    )


def _in_expressions(
    loaded: Loaded, cases: Sequence[Case], call: Callable[[Case], object], ends: float
) -> Iterator[SourceLine]:
    """The lines of decisions on the inputs inside expressions that always went one way."""
    path, text = str(loaded.path), loaded.source.text
    tree = ast.parse(text)
    changing = _changing(tree)
    tests = [test for function, test in ways.inline(tree) if _asks_inputs(test, function, changing)]
    if tests:
        wanted = {(path, test.lineno, test.col_offset) for test in tests}
        lines = text.splitlines()
        for _, line, _ in sorted(ways.one_way({path: text}, wanted, cases, call, ends)):
            yield SourceLine(file=loaded.source.filename, line=line, code=lines[line - 1].strip())


class _File:
    """What ran of one file, by line: the functions that were entered, and those that make the model left out."""

    def __init__(self, path: Path, name: str, functions: dict[str, Any]) -> None:
        self._name = name
        text = path.read_text("utf-8", errors="replace")
        self._tree = ast.parse(text)
        self._text = text.splitlines()
        entered = [facts for key, facts in functions.items() if facts["executed_lines"] and _counts(key)]
        self.run = {line for facts in entered for line in facts["executed_lines"]}
        self.missed = {line for facts in entered for line in facts["missing_lines"]} - self.run
        inline = _inline(self._tree)
        self.taken = {tuple(arc) for facts in entered for arc in facts["executed_branches"] if arc[0] not in inline}
        self.untaken = {tuple(arc) for facts in entered for arc in facts["missing_branches"] if arc[0] not in inline}

    def lines(self, numbers: set[int]) -> Iterator[SourceLine]:
        for number in sorted(numbers):
            yield SourceLine(file=self._name, line=number, code=self._text[number - 1].strip())

    def one_sided(self) -> set[int]:
        """The lines of decisions on the inputs that ran and always went one way: what a trace keeps is that way."""
        always = {start for start, _ in self.untaken} & self.run
        return {
            node.lineno
            for function in ast.walk(self._tree)
            if isinstance(function, ast.FunctionDef)
            for node in ast.walk(function)
            if isinstance(node, (ast.If, ast.While, ast.For))
            and node.lineno in always
            and _asks_inputs(node.iter if isinstance(node, ast.For) else node.test, function, _changing(self._tree))
        }


def _inline(tree: ast.Module) -> set[int]:
    """The lines of functions whose body stands on the line of their `def`: coverage.py takes defining and running them for two
    branches of that line."""
    functions = (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return {node.lineno for node in functions if node.body[0].lineno == node.lineno}


def _counts(function: str) -> bool:
    """Whether a function by its qualified name takes part in forward; "" is the module itself."""
    return bool(function) and function not in MAKERS and function.rpartition(".")[2] != "__init__"


def _asks_inputs(test: ast.expr, function: ast.FunctionDef, changing: set[str]) -> bool:
    """Whether a test depends on more than how the model was built: on an argument, on what is computed from one, or on state
    that changes."""
    return _depends(test, _variables(function, changing), changing)


def _depends(test: ast.expr, variables: set[str], changing: set[str]) -> bool:
    if isinstance(test, ast.Compare) and any(isinstance(op, (ast.Is, ast.IsNot)) for op in test.ops):
        return False
    if isinstance(test, ast.Call):
        name = ast.unparse(test.func)
        if name in _STATIC_CALLS or name.startswith("torch.jit."):
            return False
    if isinstance(test, ast.Attribute) and isinstance(test.value, ast.Name) and test.value.id == "self":
        return test.attr in changing
    if isinstance(test, ast.Name):
        return test.id in variables
    parts = (
        part for part in ast.iter_child_nodes(test) if isinstance(part, (ast.expr, ast.comprehension, ast.keyword))
    )
    return any(
        _depends(part, variables, changing)
        if isinstance(part, ast.expr)
        else _depends(part.iter if isinstance(part, ast.comprehension) else part.value, variables, changing)
        for part in parts
    )


def _variables(function: ast.FunctionDef, changing: set[str]) -> set[str]:
    """The arguments of a function, but `self` and options, whose default is a constant; and the names that are bound to what
    depends on them."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    defaults = dict(zip([arg.arg for arg in reversed(positional)], reversed(given.defaults), strict=False))
    defaults |= {arg.arg: value for arg, value in zip(given.kwonlyargs, given.kw_defaults, strict=True) if value}
    options = {name for name, value in defaults.items() if isinstance(value, ast.Constant)}
    more = [arg for arg in (given.vararg, given.kwarg) if arg is not None]
    found = {arg.arg for arg in (*positional, *given.kwonlyargs, *more)} - options - {"self"}
    bindings = list(_bindings(function))
    while True:
        new = {
            name for value, names in bindings if names - found and _depends(value, found, changing) for name in names
        }
        if new <= found:
            return found
        found |= new


def _bindings(function: ast.FunctionDef) -> Iterator[tuple[ast.expr, set[str]]]:
    """Every value that a function binds to names, and the names."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, (ast.AugAssign, ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            targets, value = [node.target], node.value
        elif isinstance(node, (ast.For, ast.comprehension)):
            targets, value = [node.target], node.iter
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            targets, value = [node.optional_vars], node.context_expr
        else:
            continue
        yield value, {name for target in targets for name in _bound(target)} - {"self"}


def _bound(target: ast.expr) -> Iterator[str]:
    """The names that an assignment to `target` changes: `a` and `b` of `a, b[i] = …`."""
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, (ast.Subscript, ast.Starred)):
        yield from _bound(target.value)
    elif isinstance(target, (ast.Tuple, ast.List)):
        for item in target.elts:
            yield from _bound(item)


def _changing(tree: ast.Module) -> set[str]:
    """The attributes of self that are assigned anywhere but where an object is made."""
    return {
        node.attr
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and function.name != "__init__"
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
