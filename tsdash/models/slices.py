"""The part of a script or notebook that a few of its names need: definitions, imports and constants, without what the rest does.

A model that lives in a running program cannot be had by running that program again. Its classes can: every top-level statement
that binds a needed name is kept, with the names that it needs in turn, and all others become empty lines, so that a line keeps
its number.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterable, Iterator, Sequence

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def of_script(text: str, names: Iterable[str]) -> str:
    """`text` with every line empty that no statement for `names` needs. Raises SyntaxError for text that is no Python."""
    kept: set[int] = set()
    for statement in _needed(ast.parse(text).body, names):
        kept.update(range(_first_line(statement), (statement.end_lineno or statement.lineno) + 1))
    return "\n".join(line if number in kept else "" for number, line in enumerate(text.splitlines(), 1)) + "\n"


def of_notebook(cells: Sequence[str], names: Iterable[str]) -> str:
    """The needed statements of the executed cells, each below a comment with the number of its cell."""
    statements: list[ast.stmt] = []
    homes: dict[int, tuple[int, list[str]]] = {}  # by the statement's place: its cell and that cell's lines
    for number, cell in enumerate(cells):
        for statement in _statements(cell):
            homes[len(statements)] = number, cell.splitlines()
            statements.append(statement)
    places = {id(statement): place for place, statement in enumerate(statements)}
    parts, current = [], -1
    for statement in _needed(statements, names):
        number, lines = homes[places[id(statement)]]
        if number != current:
            parts.append(f"# In [{number}]")
            current = number
        parts += lines[_first_line(statement) - 1 : statement.end_lineno]
    return "\n".join(parts) + "\n"


def _statements(cell: str) -> list[ast.stmt]:
    """The statements of a cell; none of one that is no Python, for it did not run."""
    try:
        return ast.parse(cell).body
    except SyntaxError:
        return []


def _needed(body: Sequence[ast.stmt], names: Iterable[str]) -> list[ast.stmt]:
    """The statements that bind `names`, and what those use, in their order. Of a definition made again only the last counts."""
    last = {s.name: s for s in body if isinstance(s, _DEFINITIONS)}
    live = [s for s in body if not isinstance(s, _DEFINITIONS) or last[s.name] is s]
    wanted, kept = list(names), {id(s) for s in live if _always(s)}
    wanted += [name for s in live if _always(s) for name in _uses(s)]
    seen: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        for statement in live:
            if id(statement) not in kept and name in set(_binds(statement)):
                kept.add(id(statement))
                wanted += _uses(statement)
    return [statement for statement in live if id(statement) in kept]


def _always(statement: ast.stmt) -> bool:
    """Imports that change how a file is read, or bind names that only running them tells."""
    return isinstance(statement, ast.ImportFrom) and (
        statement.module == "__future__" or any(alias.name == "*" for alias in statement.names)
    )


def _binds(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement gives a value, or changes: `x = …`, `x += …`, `x.y = …`, `x[0] = …`, `import x.y`."""
    if isinstance(statement, _DEFINITIONS):
        yield statement.name
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in statement.names)
    elif isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
            yield from _roots(target)
    else:
        for inner in ast.iter_child_nodes(statement):
            if isinstance(inner, ast.stmt):
                yield from _binds(inner)
            elif isinstance(inner, ast.ExceptHandler):
                for below in inner.body:
                    yield from _binds(below)


def _roots(target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, (ast.Attribute, ast.Subscript, ast.Starred)):
        yield from _roots(target.value)
    elif isinstance(target, (ast.Tuple, ast.List)):
        for item in target.elts:
            yield from _roots(item)


def _uses(statement: ast.stmt) -> list[str]:
    """The globals that a statement reads, the bodies of its functions and classes included."""
    tables = [symtable.symtable(ast.unparse(statement), "<statement>", "exec")]
    found = []
    while tables:
        table = tables.pop()
        is_module = table.get_type() == "module"
        found += [s.get_name() for s in table.get_symbols() if s.is_referenced() and (is_module or s.is_global())]
        tables += table.get_children()
    return found


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])
