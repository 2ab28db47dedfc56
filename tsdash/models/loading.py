"""A model file as a module: saved, imported, asked for its model and its inputs. Runs in a worker only, never in the server.

Everything that the user's code does wrong on the way is a ModelError that says what was wrong and in which of their lines.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import io
import linecache
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from tsdash import errors
from tsdash.models import beside, entry_points, files, given, torchvision
from tsdash.seeds import seed_all
from tsdash.spec import ModelSource
from tsdash.tracebacks import SourceMap, message_of, type_name, user_error

PREFIX = "m_"  # keeps a file called random.py or 3d.py from shadowing a module or breaking a saved archive


def module_name(filename: str) -> str:
    """The name under which a model file is imported. TorchScript cannot load an archive whose module name begins with a digit."""
    return PREFIX + re.sub(r"\W", "_", filename.removesuffix(".py"), flags=re.ASCII)[:80]


def source_map(source: ModelSource, folder: Path) -> SourceMap:
    """What the user calls the files of a model that is saved in `folder`; the same in every process that reads it."""
    saved = str(folder.resolve() / f"{module_name(source.filename)}.py")
    if source.kind == "entry_point":
        constants = entry_points.constants(source)
        return SourceMap(aliases={saved: source.name}, root=constants["OWN_PATH"], base=constants["SEARCH_PATH"])
    if source.kind == given.KIND:
        names = {"files" if given.has_own_lines(source) else "aliases": {saved: source.filename}}
        own = given.own_path(source)
        return SourceMap(**names, root=own, base=own)
    package = torchvision.package()
    if source.kind == "torchvision" and package is not None:
        return SourceMap(aliases={saved: source.name}, root=str(package), base=str(package.parents[1]))
    return SourceMap(files={saved: source.filename})


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model file that was imported. `dims` are the integer defaults of its make_inputs, `folder` is where the user keeps the
    file, "" where that is not known."""

    source: ModelSource
    path: Path
    module: ModuleType
    sources: SourceMap
    dims: dict[str, int]
    description: str
    folder: str = ""

    def build(self) -> torch.nn.Module:
        """A new model from `make_model`, its random numbers drawn with seed 0. Raises ModelError."""
        with blame(self, "make_model()"):
            seed_all(0)
            model = self.module.make_model()
        if isinstance(model, torch.nn.Module):
            return model
        hint = f": write return {model.__name__}()" if isinstance(model, type) else ""
        raise self._wrong("make_model", f"returned {_kind(model)}, and must return a torch.nn.Module{hint}")

    def inputs(self, dims: dict[str, int] | None = None, *, seed: int = 0) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and keyword arguments of forward at these dims, the others at their default. Raises ModelError."""
        for name in dims or {}:
            if name not in self.dims:
                raise errors.unknown("dim", name, self.dims)
        sizes = self.dims | (dims or {})
        shown = ", ".join(f"{name}={size}" for name, size in sizes.items())
        with blame(self, f"make_inputs({shown})"):
            seed_all(seed)
            args = self.module.make_inputs(**sizes)
        if not isinstance(args, tuple):
            hint = ": write return (x,)" if isinstance(args, torch.Tensor) else ""
            raise self._wrong(
                "make_inputs", f"returned {_kind(args)}, and must return a tuple of forward's arguments{hint}"
            )
        return args, self._kwargs(sizes)

    def labelled(self) -> tuple[Any, Any] | None:
        """(inputs, labels) of the file's LABELLED or make_labelled(); None where it has neither. Raises ModelError."""
        labelled = getattr(self.module, "LABELLED", None)
        if labelled is None and hasattr(self.module, "make_labelled"):
            with blame(self, "make_labelled()"):
                seed_all(0)
                labelled = self.module.make_labelled()
        if labelled is None:
            return None
        if not (isinstance(labelled, tuple) and len(labelled) == 2):
            raise self._wrong("make_labelled", f"gave {_kind(labelled)}, and must give (inputs, labels)")
        return labelled

    def _kwargs(self, sizes: dict[str, int]) -> dict[str, Any]:
        function = getattr(self.module, "make_kwargs", None)
        if function is None:
            return {}
        with blame(self, "make_kwargs()"):
            parameters = inspect.signature(function).parameters
            takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
            kwargs = function(**{name: size for name, size in sizes.items() if takes_any or name in parameters})
        if not (isinstance(kwargs, dict) and all(isinstance(key, str) for key in kwargs)):
            raise self._wrong(
                "make_kwargs", f"returned {_kind(kwargs)}, and must return a dict of forward's keyword arguments"
            )
        return kwargs

    def _wrong(self, function: str, what: str) -> errors.ModelError:
        file, line = _definition(self, function)
        where = f"{file} line {line}: " if line else f"{file}: "
        return errors.ModelError(f"{where}{function} {what}.", file=file, line=line)


def load(source: ModelSource, folder: Path, *, kept_in: str = "") -> Loaded:
    """The model file saved in `folder` and imported from there, under a name that TorchScript can save and load.

    It stays on disk because scripting reads it. `kept_in` is the user's own folder of the file, for messages alone. The model is
    not built yet. Raises ModelError.
    """
    files.default_dims(source)  # a syntax error or a missing function, with its line
    name = module_name(source.filename)
    path = folder.resolve() / f"{name}.py"
    path.write_bytes(source.text.encode(_encoding(source.text), "backslashreplace"))
    linecache.checkcache(str(path))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sources = source_map(source, folder)
    loaded = Loaded(source=source, path=path, module=module, sources=sources, dims={}, description="", folder=kept_in)
    sys.modules[name] = module
    sys.path[:0] = [path for path in given.search_paths(source) if path not in sys.path]
    with blame(loaded, "importing it"):
        # Compiled here: the loader would write a __pycache__, and take a stale one for a file saved again in the same second.
        exec(compile(source.text, str(path), "exec", dont_inherit=True), module.__dict__)
    return dataclasses.replace(loaded, dims=_dims(loaded), description=inspect.getdoc(module) or "")


@contextmanager
def blame(loaded: Loaded, what: str) -> Iterator[None]:
    """Turn whatever the user's code raises inside the block into a ModelError about `what`, with their line."""
    try:
        yield
    except BaseException as exc:  # their code may raise anything, SystemExit included
        facts = user_error(exc, loaded.sources)
        file = facts.file or loaded.source.filename
        where = f"{file} line {facts.line}: " if facts.line else f"{file}: "
        raise errors.ModelError(f"{where}{what} {_failure(exc, loaded)}", file=file, line=facts.line) from exc


def _failure(exc: BaseException, loaded: Loaded) -> str:
    """What happened and what to do, to follow "importing it" or "make_model()"."""
    if isinstance(exc, SystemExit):
        return "ended the program (SystemExit). A model file must return to its caller; remove the exit."
    if isinstance(exc, ModuleNotFoundError) and type(exc.name) is str:
        return beside.way_to_import(exc.name.partition(".")[0], loaded.folder)
    first = message_of(exc).strip().partition("\n")[0]
    shown = first if len(first) <= 500 else first[:500] + "…"
    way = beside.way_to_read(exc, str(loaded.path.parent), loaded.folder) if isinstance(exc, OSError) else ""
    return f"raised {type_name(exc)}{': ' + shown if shown else ''}{way}"


def _encoding(text: str) -> str:
    """The encoding that the file's own coding line names, for Python reads the file by it."""
    try:
        return tokenize.detect_encoding(io.BytesIO(text.encode("utf-8", "backslashreplace")).readline)[0]
    except SyntaxError:
        return "utf-8"


def _dims(loaded: Loaded) -> dict[str, int]:
    for name in ("make_model", "make_inputs"):
        function = getattr(loaded.module, name, None)
        if not callable(function):
            raise errors.ModelError(
                f"{loaded.source.filename}: {name} is {_kind(function)}, not a function. {files.FORMAT}.",
                file=loaded.source.filename,
            )
    with blame(loaded, "make_inputs"):
        parameters = inspect.signature(loaded.module.make_inputs).parameters
    return {name: parameter.default for name, parameter in parameters.items() if type(parameter.default) is int}


def _definition(loaded: Loaded, function: str) -> tuple[str, int | None]:
    """(file, line) of a function of the model file, in the user's terms."""
    target: Callable[..., Any] | None = getattr(loaded.module, function, None)
    code = getattr(target, "__code__", None)
    if inspect.iscode(code):
        name = loaded.sources.name(code.co_filename)
        if name is not None:
            return name, code.co_firstlineno
    return loaded.source.filename, None


def _kind(value: object) -> str:
    """What a value is, in a message: its class, or the class it is."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return "None" if value is None else f"a {type(value).__name__}"
