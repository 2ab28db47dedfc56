"""A model file as text: reading it, and reading its named dims from the text without running it."""

from __future__ import annotations

import ast
import difflib
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tsdash.errors import ModelError
from tsdash.spec import ModelSource
from tsdash.tracebacks import clean_text

FILE_BYTES = 2_000_000  # a model file is source, not weights
MAKERS = (
    "make_model",
    "make_inputs",
    "make_kwargs",
    "make_labelled",
)  # functions that prepare forward, and are no part of it
FORMAT = "A model file defines make_model() -> torch.nn.Module and make_inputs(**dims) -> tuple of forward's arguments"


def read(path: Path, name: str) -> ModelSource:
    """The model file at `path`, called `name` by the user. Raises ModelError where it cannot be read."""
    try:
        if path.stat().st_size > FILE_BYTES:
            raise ModelError(
                f"{name} has {path.stat().st_size:,} bytes; a model file may have {FILE_BYTES:,}.", file=path.name
            )
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(
            f"There is no file {name}.{_nearest(path)} Give the path of a model file.", file=path.name
        ) from None
    except OSError as exc:
        raise ModelError(
            f"{name} cannot be read: {exc.strerror}. Give the path of a model file.", file=path.name
        ) from None
    filename = clean_text(path.name)  # bytes that are no text come as surrogates
    return ModelSource(name=clean_text(name), kind="file", filename=filename, text=decode(raw, filename))


def decode(raw: bytes, filename: str) -> str:
    """Python source as text, by its byte order mark or coding line, UTF-8 otherwise."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        return io.TextIOWrapper(io.BytesIO(raw), encoding, newline=None).read()
    except (SyntaxError, UnicodeDecodeError, LookupError) as exc:
        raise ModelError(f"{filename} is not Python source: {exc}. Save it as UTF-8.", file=filename) from None


def parse(source: ModelSource) -> ast.Module:
    """The file's syntax tree. Raises ModelError with the line of a syntax error."""
    try:
        return ast.parse(source.text)
    except SyntaxError as exc:
        line = exc.lineno or None
        where = f"{source.filename} line {line}" if line else source.filename
        raise ModelError(
            f"{where}: this is not valid Python ({exc.msg}). Mend that line.", file=source.filename, line=line
        ) from None
    except (ValueError, RecursionError, MemoryError) as exc:  # NUL characters; nesting deeper than the parser goes
        raise ModelError(
            f"{source.filename} cannot be read as Python: {str(exc) or type(exc).__name__}.", file=source.filename
        ) from None


def default_dims(source: ModelSource) -> dict[str, int]:
    """The named dims of the model, {name: default}: the integer defaults of its `make_inputs`, read without running it.

    A default may be a literal or a constant of the file. Raises ModelError where make_model or make_inputs is missing.
    """
    bound = bound_names(parse(source))
    for name in ("make_model", "make_inputs"):
        if name not in bound and "*" not in bound:
            raise ModelError(f"{source.filename} does not define {name}. {FORMAT}.", file=source.filename)
    return inputs_dims(source)


def inputs_dims(source: ModelSource) -> dict[str, int]:
    """The integer defaults of `make_inputs`; none where the file only imports it. Raises ModelError for one without default."""
    bound = _bindings(parse(source))
    function = bound.get("make_inputs")
    if not isinstance(function, ast.FunctionDef):
        return {}
    dims = {}
    for name, default in _parameters(function):
        if default is None:
            raise ModelError(
                f"{source.filename} line {function.lineno}: {name!r} of make_inputs has no default. "
                f"Give every argument one, for example {name}=2.",
                file=source.filename,
                line=function.lineno,
            )
        size = _integer(default, bound)
        if size is not None:
            dims[name] = size
    return dims


def bound_names(tree: ast.Module) -> frozenset[str]:
    """The names a module binds when it is imported; "*" where it imports everything from another."""
    return frozenset(_bindings(tree))


def _bindings(tree: ast.Module) -> dict[str, ast.stmt]:
    return {name: statement for statement in _statements(tree.body) for name in _bound_by(statement)}


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Every statement that runs when the file is imported, also inside `if`, `try` and `with`."""
    for statement in body:
        yield statement
        if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for field in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(statement, field, []))
            for handler in getattr(statement, "handlers", []):
                yield from _statements(handler.body)


def _bound_by(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield statement.name
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        yield from (alias.asname or alias.name for alias in statement.names)
    elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        yield from (node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))


def _parameters(function: ast.FunctionDef) -> list[tuple[str, ast.expr | None]]:
    """(name, default) of every parameter, None where it has no default."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + arguments.defaults
    pairs = zip([*positional, *arguments.kwonlyargs], [*defaults, *arguments.kw_defaults], strict=True)
    return [(argument.arg, default) for argument, default in pairs]


def _integer(node: ast.expr, bound: dict[str, ast.stmt]) -> int | None:
    if isinstance(node, ast.Name):
        constant = bound.get(node.id)
        if not isinstance(constant, (ast.Assign, ast.AnnAssign)) or constant.value is None:
            return None
        node = constant.value
    try:
        value = ast.literal_eval(node)
    except (
        ValueError,
        TypeError,
        SyntaxError,
        MemoryError,
        RecursionError,
    ):  # an expression, which only running would tell
        return None
    return value if type(value) is int else None  # bool is an int, but not a size


def _nearest(path: Path) -> str:
    try:
        beside = [entry.name for entry in path.parent.iterdir() if entry.suffix == ".py"]
    except OSError:
        return f" There is no folder {path.parent} either."
    near = difflib.get_close_matches(path.name, beside, n=1, cutoff=0.5)
    return f" Did you mean {path.parent / near[0]}?" if near else ""
