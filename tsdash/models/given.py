"""A model that lives in the user's own Python program, as a model file that workers load.

The module, or the function that makes it, and the inputs are pickled by the user's own process; classes and functions go by
name, as ever in a pickle. What is defined in the program that runs (`__main__`, a notebook) comes along as source, with its
line numbers; what is imported from a file of the user's is imported from there again. Only an author worker, which runs the
user's code anyway, unpickles.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import inspect
import io
import marshal
import pickle
import sys
import sysconfig
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsdash.errors import ModelError, OptionError
from tsdash.models import slices
from tsdash.spec import ModelSource

KIND = "given"
FOLDER, FILE = "given", "given.pt"  # where a run's folder has what was pickled
MAIN = "__main__"
BATCH = "batch"  # the dim of inputs that were given as tensors

_ADDED = """
# Added by tsdash: the model and the inputs that were given to it in Python.
from tsdash.models.given import Given as _Given

_SEARCH_PATHS = {searches!r}
_OWN_PATH = {own!r}
_given = _Given(__file__, globals())


def make_model():
    return _given.model()


def make_inputs({parameters}):
    return _given.inputs({arguments})


def make_kwargs({parameters}):
    return _given.kwargs({arguments})
"""


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A model file and what it reads beside itself, pickled."""

    source: ModelSource
    content: bytes


class _Pickler(pickle.Pickler):
    """Notes what goes by name, and takes functions along that have none at the top of a module, such as a lambda."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.named: set[tuple[str, str]] = set()  # module, name at its top
        _picklers.append(self)

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, type) or (isinstance(obj, types.FunctionType) and _has_name(obj)):
            self.named.add((obj.__module__, obj.__qualname__.partition(".")[0]))
        elif isinstance(obj, types.FunctionType):
            self.named |= {(obj.__module__, name) for name in _names_of(obj.__code__)}
            cells = tuple(cell.cell_contents for cell in obj.__closure__ or ())
            code = marshal.dumps(obj.__code__)
            return function, (code, obj.__module__, obj.__name__, obj.__defaults__, cells, obj.__kwdefaults__)
        return NotImplemented


_picklers: list[_Pickler] = []  # torch.save makes its own and hands none out


def pack(model: Any, inputs: Any, kwargs: Any = None, axes: Mapping[str, int] | None = None) -> Parcel:
    """The model file of a live module (or a function that makes one) and its inputs: a tensor, a tuple of forward's arguments,
    or a function that makes them. `axes` names the axes of given tensors that may change. Raises OptionError, ModelError."""
    import torch

    if not isinstance(model, torch.nn.Module) and not callable(model):
        raise OptionError(
            f"The model is a {type(model).__name__}. Give a torch.nn.Module, a function that makes one, or the name of a model."
        )
    if isinstance(inputs, Mapping):
        raise OptionError(
            "Inputs by name are given as kwargs={…}, beside the positional ones: check(model, (), kwargs=…)."
        )
    given = inputs if callable(inputs) or isinstance(inputs, tuple) else (inputs,)
    dims, given_axes = _dims(given, kwargs, axes)
    try:
        content, named = _pickled({"model": model, "inputs": given, "kwargs": kwargs, "axes": given_axes, "dims": dims})
    except Exception as error:  # whatever the user's classes raise
        raise ModelError(
            f"{_name(model)} cannot be taken to another process: {error}. Define its class and functions at the top of a "
            "file or notebook, or give a function that makes the model."
        ) from error
    return Parcel(source=_source(model, named, dims), content=content)


def _pickled(what: dict[str, Any]) -> tuple[bytes, set[tuple[str, str]]]:
    import torch

    _picklers.clear()
    file = io.BytesIO()
    own = types.SimpleNamespace(__name__="pickle", Pickler=_Pickler)
    torch.save(what, file, pickle_module=own, pickle_protocol=4)
    return file.getvalue(), set().union(*(pickler.named for pickler in _picklers))


def _has_name(obj: types.FunctionType) -> bool:
    """Whether a pickle can name the function: it stands at the top of its module, or in a class there."""
    found: Any = sys.modules.get(obj.__module__)
    for part in obj.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is obj


def _names_of(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_of(constant)


def function(code: bytes, module: str, name: str, *rest: Any) -> types.FunctionType:
    """A function that had no name to be found by, made again."""
    defaults, cells, keyword_defaults = rest
    space = importlib.import_module(module).__dict__
    made = types.FunctionType(marshal.loads(code), space, name, defaults, tuple(map(types.CellType, cells)))
    made.__kwdefaults__ = keyword_defaults
    return made


def _dims(given: Any, kwargs: Any, axes: Mapping[str, int] | None) -> tuple[dict[str, int], dict[str, int]]:
    """The named dims with their defaults, and the axis of each where tensors were given: by default `batch`, if all tensors
    are of one length along their first axis."""
    import torch

    if callable(given):
        if axes:
            raise OptionError(
                "axes is for inputs given as tensors. A function names its dims itself: def inputs(batch=2)."
            )
        parameters = inspect.signature(given).parameters.values()
        return {p.name: p.default for p in parameters if type(p.default) is int}, {}
    named = kwargs.values() if isinstance(kwargs, Mapping) else ()
    tensors = [value for value in (*given, *named) if isinstance(value, torch.Tensor)]
    if axes is None:
        lengths = {tensor.shape[0] if tensor.dim() else 0 for tensor in tensors}
        axes = {BATCH: 0} if len(lengths) == 1 and 0 not in lengths else {}
    dims = {}
    for name, axis in axes.items():
        sizes = [tensor.shape[axis] for tensor in tensors if tensor.dim() > axis >= 0]
        if not sizes or not name.isidentifier():
            raise OptionError(f"axes={{{name!r}: {axis}}}: a name and an axis, from 0 up, that some given tensor has.")
        dims[name] = sizes[0]
    return dims, dict(axes)


def _source(model: Any, named: set[tuple[str, str]], dims: dict[str, int]) -> ModelSource:
    home = _home(model)
    searches, own = _search_paths(home)
    text, filename = "", f"{_name(model)}.py"
    if any(module == MAIN for module, _ in named):
        names = {name for module, name in named if module == MAIN and not hasattr(builtins, name)}
        text, filename = _main_source(names)
    else:
        text = f'"""{_name(model)}, as {home} defines it."""\n'
    added = _ADDED.format(
        searches=tuple(searches),
        own=own,
        parameters=", ".join(f"{name}={size}" for name, size in dims.items()),
        arguments=", ".join(f"{name}={name}" for name in dims),
    )
    return ModelSource(name=_name(model), kind=KIND, filename=filename, text=text + added)


def search_paths(source: ModelSource) -> tuple[str, ...]:
    """The folders from which a given model's modules are imported; none for a model that was named."""
    return tuple(_constants(source)["_SEARCH_PATHS"]) if source.kind == KIND else ()


def own_path(source: ModelSource) -> str | None:
    """The folder of the user's own source."""
    own: str | None = _constants(source)["_OWN_PATH"]
    return own


def has_own_lines(source: ModelSource) -> bool:
    """Whether lines of the user's own stand in the model file, and not in modules that it imports alone."""
    return not source.text.startswith('"""')


def _constants(source: ModelSource) -> dict[str, Any]:
    assigned = [statement for statement in ast.parse(source.text).body if isinstance(statement, ast.Assign)]
    named = ((target.id, node.value) for node in assigned for target in node.targets if isinstance(target, ast.Name))
    return {name: ast.literal_eval(value) for name, value in named if name in ("_SEARCH_PATHS", "_OWN_PATH")}


def _name(model: Any) -> str:
    made_by = getattr(model, "__qualname__", None) or type(model).__qualname__
    return str(made_by).rpartition(".")[2].replace("<lambda>", "model")


def _home(model: Any) -> str:
    """The module that defines the class of the model, or the function that makes it."""
    return str(getattr(model, "__module__", None) or type(model).__module__)


def _main_source(names: set[str]) -> tuple[str, str]:
    """What of the running program defines `names`, and what it is called."""
    main = sys.modules[MAIN]
    cells = getattr(main, "In", None)
    if isinstance(cells, list):
        return slices.of_notebook(cells, names), "notebook.py"
    path = getattr(main, "__file__", None)
    if path is None or not Path(path).is_file():
        raise ModelError(
            f"The source of {', '.join(sorted(names))} is not known: scripting and causes need it. Write it to a file."
        )
    return slices.of_script(Path(path).read_text("utf-8"), names), Path(path).name


def _search_paths(home: str) -> tuple[list[str], str | None]:
    """Where the user's own modules that are imported now were found, and below what folder the model's source lies."""
    places = {name: place for name, module in list(sys.modules.items()) if (place := _own_place(name, module))}
    found = list(dict.fromkeys(places.values()))
    order = [path for path in sys.path if path in found]
    searches = list(dict.fromkeys([*order, *found]))
    if home in places:
        return searches, places[home]
    library = home.partition(".")[0]
    file = getattr(sys.modules.get(library), "__file__", None)
    if library == "torch" or file is None or Path(file).stem != "__init__":
        return searches, None
    return searches, str(Path(file).parent)


def _own_place(name: str, module: Any) -> str | None:
    """The folder from which one of the user's own modules is imported; None for what is installed, and for tsdash."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not file.endswith(".py") or name.partition(".")[0] == "tsdash":
        return None
    if not Path(file).is_absolute():  # torch.ops names a file that is not there
        return None
    path = Path(file).resolve()
    if any(part in ("site-packages", "dist-packages") for part in path.parts):
        return None
    if any(path.is_relative_to(Path(sysconfig.get_path(kind)).resolve()) for kind in ("stdlib", "platstdlib")):
        return None
    depth = (1 if name == MAIN else len(name.split("."))) + (path.stem == "__init__")
    return str(path.parents[depth - 1]) if len(path.parents) >= depth else None


class Given:
    """The worker's side: the given model and inputs, unpickled as often as a fresh one is asked for."""

    def __init__(self, file: str, space: dict[str, Any]) -> None:
        self._path = Path(file).resolve().parents[1] / FOLDER / FILE
        self._main = types.ModuleType(MAIN)  # as it is before this file's own make_model and make_inputs come
        self._main.__dict__.update(space)

    def model(self) -> Any:
        """A fresh model."""
        import torch

        model = self._load()["model"]
        return model if isinstance(model, torch.nn.Module) else model()

    def inputs(self, **dims: int) -> tuple[Any, ...]:
        """The positional arguments of forward at these dims."""
        given = self._load()
        if callable(given["inputs"]):
            made = given["inputs"](**dims)
            return made if isinstance(made, tuple) else (made,)
        return tuple(_resized(value, given, dims) for value in given["inputs"])

    def kwargs(self, **dims: int) -> dict[str, Any]:
        """The keyword arguments of forward at these dims."""
        given = self._load()
        kwargs = given["kwargs"] or {}
        if callable(kwargs):
            return dict(
                kwargs(**{name: size for name, size in dims.items() if name in inspect.signature(kwargs).parameters})
            )
        return {name: _resized(value, given, dims) for name, value in kwargs.items()}

    def _load(self) -> dict[str, Any]:
        import torch

        with _as_main(self._main):
            return dict(torch.load(self._path, map_location="cpu", weights_only=False))


@contextlib.contextmanager
def _as_main(module: types.ModuleType) -> Iterator[None]:
    before = sys.modules[MAIN]
    sys.modules[MAIN] = module
    try:
        yield
    finally:
        sys.modules[MAIN] = before


def _resized(value: Any, given: dict[str, Any], dims: dict[str, int]) -> Any:
    """A given tensor at another size: what it has along the axis, over and over. At its own size it is untouched."""
    import torch

    if not isinstance(value, torch.Tensor):
        return value
    for name, axis in given["axes"].items():
        own, size = given["dims"][name], dims.get(name, given["dims"][name])
        if size != own and value.dim() > axis and value.shape[axis] == own:
            value = value.index_select(axis, torch.arange(size) % own)
    return value
