"""Models named by an entry point `package.module:factory`, as the text of a small model file that imports the user's module.

The factory takes no arguments. It returns either a torch.nn.Module, and `make_inputs` stands beside it in the same module, or
`(module, inputs)` with the tuple of forward's arguments. `make_kwargs`, `make_labelled` and `LABELLED` beside it are used too.

The module is looked up from the current folder and then Python's path, as `python -m` would, and read as text: it is never
imported here. The folder is written into the text, because a worker that imports it runs elsewhere.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.machinery
import os
import sys
from pathlib import Path

from tsdash import errors
from tsdash.models import files
from tsdash.spec import ModelSource

_TEMPLATE = """{doc!r}
# {file}, sha256 {sha256}

import importlib
import sys

SEARCH_PATH = {search_path!r}
OWN_PATH = {own_path!r}

if SEARCH_PATH not in sys.path:
    sys.path.insert(0, SEARCH_PATH)
author = importlib.import_module({module!r})


def make_model():
    made = author.{factory}()
    return made[0] if isinstance(made, tuple) and made else made


def make_inputs({parameters}):
{inputs}
"""
_BESIDE = """    return author.make_inputs({arguments})
"""
_FROM_FACTORY = """    made = author.{factory}()
    if not (isinstance(made, tuple) and len(made) == 2):
        raise TypeError("{name} must return (module, inputs), or {module} must define make_inputs beside it")
    return tuple(made[1])
"""
_OPTIONAL = """
if hasattr(author, "make_kwargs"):
    make_kwargs = author.make_kwargs
if hasattr(author, "make_labelled"):
    make_labelled = author.make_labelled
if hasattr(author, "LABELLED"):
    LABELLED = author.LABELLED
"""


def read(name: str) -> ModelSource:
    """The model file for `package.module:factory`. Raises ModelError where the module or its factory cannot be found."""
    module, _, factory = name.partition(":")
    if not all(part.isidentifier() for part in module.split(".")) or not factory.isidentifier():
        raise errors.ModelError(
            f"{name!r} is not an entry point. Write package.module:factory, for example nets.mlp:build."
        )
    search_path, origin = _locate(module)
    own = files.read(origin, str(origin)) if origin.suffix == ".py" else None
    dims: dict[str, int] = {}
    beside = False
    doc = f"The model that {name} builds."
    if own is not None:
        tree = files.parse(own)
        bound = files.bound_names(tree)
        if factory not in bound and "*" not in bound:
            raise errors.unknown(f"factory in {module}", factory, sorted(bound))
        beside = "make_inputs" in bound
        doc = ast.get_docstring(tree) or doc
        dims = files.inputs_dims(own)
    arguments = ", ".join(f"{dim}={dim}" for dim in dims)
    inputs = _BESIDE if beside else _FROM_FACTORY
    text = _TEMPLATE.format(
        doc=doc,
        file=origin.name,
        sha256=hashlib.sha256(origin.read_bytes()).hexdigest(),
        search_path=search_path,
        own_path=_own_path(search_path, module),
        module=module,
        factory=factory,
        parameters=", ".join(f"{dim}={size}" for dim, size in dims.items()),
        inputs=inputs.format(arguments=arguments, factory=factory, name=name, module=module).rstrip("\n"),
    )
    return ModelSource(name=name, kind="entry_point", filename=name, text=text + _OPTIONAL)


def constants(source: ModelSource) -> dict[str, str]:
    """SEARCH_PATH and OWN_PATH of a model file that `read` wrote."""
    assigned = [statement for statement in ast.parse(source.text).body if isinstance(statement, ast.Assign)]
    named = ((target.id, node.value) for node in assigned for target in node.targets if isinstance(target, ast.Name))
    return {name: ast.literal_eval(value) for name, value in named if name in ("SEARCH_PATH", "OWN_PATH")}


def _locate(module: str) -> tuple[str, Path]:
    """(entry of the search path, source file) of a module, found part by part so that no parent package is imported."""
    search: list[str] = [os.getcwd(), *(entry for entry in sys.path if entry)]
    where: list[str] | None = search
    spec = None
    parts = module.split(".")
    for i in range(len(parts)):
        spec = importlib.machinery.PathFinder.find_spec(".".join(parts[: i + 1]), where) if where is not None else None
        if spec is None:
            raise errors.ModelError(
                f"There is no module {'.'.join(parts[: i + 1])} in {search[0]} or on Python's path. "
                "Start tsdash from the folder that holds it, or install it."
            )
        where = list(spec.submodule_search_locations) if spec.submodule_search_locations is not None else None
    if spec is None or spec.origin is None:
        raise errors.ModelError(
            f"{module} is a folder without __init__.py. Name the module in it that defines the factory."
        )
    origin = Path(spec.origin).resolve()
    depth = len(parts) + (origin.stem == "__init__")
    return str(origin.parents[depth - 1]), origin


def _own_path(search_path: str, module: str) -> str:
    """Where the user's own source lies: the whole project, but only the package where it is an installed one."""
    installed = Path(search_path).name in ("site-packages", "dist-packages")
    return str(Path(search_path) / module.split(".")[0]) if installed else search_path
