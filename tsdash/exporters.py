"""The export modes: one decorated function each, and `run`, which exports one model and keeps what happened.

The registry can be listed without torch. To add a mode, decorate a function that takes (model, args, kwargs, dynamic) and
returns something that its format can save.
"""

from __future__ import annotations

import contextlib
import copy
import time
import types
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsdash import complaints, graphtext, inputs, onnxfile, ranges
from tsdash.contract import LEFT_ALONE, WRITTEN_TO
from tsdash.spec import ContractChange, Export, ExportWarning
from tsdash.tracebacks import SourceMap

if TYPE_CHECKING:
    import torch

Dynamic = Mapping[
    str, Mapping[int, str]
]  # input path -> {axis: the dim it moves with}, as `inputs.moving_axes` finds it
Make = Callable[["torch.nn.Module", tuple[Any, ...], dict[str, Any], Dynamic], Any]

RETRY_S = 10.0  # an export that failed sooner is tried again with fixed sizes


@dataclass(frozen=True, kw_only=True)
class Exporter:
    """An export mode. `make` gives what `save` writes; `load` gives what a deployment calls. `dynamic`: it takes moving axes."""

    name: str
    summary: str
    suffix: str
    dynamic: bool
    make: Make
    save: Callable[[Any, Path], None]
    load: Callable[[Path, str], Callable[..., Any]]
    read: Callable[[Path], Any]  # what `make` gave, as far as it was saved
    switches: bool = True  # the artefact can be told .train() and .eval()
    casts: bool = True  # the artefact can be cast to another dtype once it is loaded
    moves: bool = True  # the artefact can be loaded for another device
    seeded: bool = True  # what it draws at random follows torch's seed
    needs: tuple[str, ...] = ()  # modules that are slow to import: the zygote imports them once for all workers
    runtime: tuple[str, ...] = ()  # what has to be there where the artefact runs
    future: str = ""  # what PyTorch says of it, as a sentence
    deprecated: bool = False
    branches: bool = True  # decisions on the inputs stay decisions, or the export refuses them; a trace keeps one way

    @property
    def frozen(self) -> bool:
        """Whether its weights are constants: such an artefact keeps its dtype, and has no training mode."""
        return self.switches and not self.casts

    @property
    def without_python(self) -> bool:
        """Whether the artefact runs where there is no Python."""
        return "Python" not in self.runtime


EXPORTERS: dict[str, Exporter] = {}
TORCHSCRIPT_FUTURE = "Deprecated: torch.jit points to torch.export and torch.compile."  # its DeprecationWarnings, 2.14
ONNX_FUTURE = "Maintained: torch.onnx.export converts what torch.export captures, for runtimes of many makers."
PROGRAM_FUTURE = "Maintained: what torch.jit points to. AOTInductor compiles it to run without Python."


def _save_script(exported: Any, path: Path) -> None:
    exported.save(str(path))


def _load_script(path: Path, device: str) -> Any:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # that torch.jit.load is deprecated, every time
        return torch.jit.load(str(path), map_location=device)  # type: ignore[no-untyped-call]


def _load_optimized(path: Path, device: str) -> Any:
    """The frozen script, optimised for the machine that loads it."""
    import torch

    script = _load_script(path, device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # likewise
        return torch.jit.optimize_for_inference(script)


def _save_program(exported: Any, path: Path) -> None:
    import torch

    torch.export.save(exported, path)


def _read_program(path: Path) -> Any:
    import torch

    return torch.export.load(path)


def _load_program(path: Path, device: str) -> Any:
    from torch.export.passes import move_to_device_pass

    program = _read_program(path)
    if device != "cpu":
        program = move_to_device_pass(program, device)
    return program.module()


def torchscript(
    name: str,
    summary: str,
    load: Callable[[Path, str], Callable[..., Any]] = _load_script,
    *,
    casts: bool = True,
    branches: bool = True,
) -> Callable[[Make], Make]:
    """Register a mode whose function returns a ScriptModule. What is frozen keeps its dtype: `casts` False; what is traced
    keeps the way that one call took: `branches` False."""

    return _registered(
        name,
        summary,
        suffix=".pt",
        dynamic=False,
        save=_save_script,
        load=load,
        read=lambda path: _load_script(path, "cpu"),
        casts=casts,
        runtime=("libtorch",),
        future=TORCHSCRIPT_FUTURE,
        deprecated=True,
        branches=branches,
    )


def program(name: str, summary: str) -> Callable[[Make], Make]:
    """Register a mode whose function returns an ExportedProgram."""
    return _registered(
        name,
        summary,
        suffix=".pt2",
        dynamic=True,
        switches=False,
        casts=False,
        save=_save_program,
        load=_load_program,
        read=_read_program,
        needs=("torch._dynamo", "torch._export", "torch.export.passes"),
        runtime=("Python", "torch"),
        future=PROGRAM_FUTURE,
    )


def onnx(name: str, summary: str) -> Callable[[Make], Make]:
    """Register a mode whose function returns a Session of an ONNX file."""
    return _registered(
        name,
        summary,
        suffix=".onnx",
        dynamic=True,
        switches=False,
        casts=False,
        moves=False,
        seeded=False,
        save=onnxfile.save,
        load=onnxfile.load,
        read=onnxfile.Session,
        needs=("torch._dynamo", "torch._export", "onnxscript"),  # not onnxruntime, which starts a thread
        runtime=("onnxruntime",),
        future=ONNX_FUTURE,
    )


def _registered(name: str, summary: str, **facts: Any) -> Callable[[Make], Make]:
    """Register the function as the mode of that name; `facts` are fields of Exporter."""

    def register(make: Make) -> Make:
        EXPORTERS[name] = Exporter(name=name, summary=summary, make=make, **facts)
        return make

    return register


@torchscript(
    "trace",
    "torch.jit.trace: records the operators of one call. TorchScript, deprecated for torch.export.",
    branches=False,
)
def trace(model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], dynamic: Dynamic) -> Any:
    """With torch's own defaults, check_trace and strict among them."""
    import inspect

    import torch

    if not kwargs:
        return torch.jit.trace(model, args)  # type: ignore[no-untyped-call]
    # torch.jit.trace takes either positional or keyword examples, never both.
    named = inspect.signature(model.forward).bind_partial(*args).arguments
    return torch.jit.trace(model, example_kwarg_inputs={**named, **kwargs})  # type: ignore[no-untyped-call]


@torchscript("script", "torch.jit.script: compiles the source of forward. TorchScript, deprecated for torch.export.")
def script(model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], dynamic: Dynamic) -> Any:
    import torch

    return torch.jit.script(model)


@torchscript(
    "trace+freeze",
    "A trace with its weights made constants and folded (torch.jit.freeze). Deprecated likewise.",
    casts=False,
    branches=False,
)
def trace_freeze(model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], dynamic: Dynamic) -> Any:
    """Raises for a model in training mode, as torch.jit.freeze does."""
    import torch

    return torch.jit.freeze(trace(model, args, kwargs, dynamic))


@torchscript(
    "script+freeze",
    "A script with its weights made constants and folded (torch.jit.freeze). Deprecated likewise.",
    casts=False,
)
def script_freeze(model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], dynamic: Dynamic) -> Any:
    """Raises for a model in training mode, as torch.jit.freeze does."""
    import torch

    return torch.jit.freeze(torch.jit.script(model))


@torchscript(
    "script+optimize",
    "A frozen script that torch.jit.optimize_for_inference tunes wherever it is loaded. Deprecated likewise.",
    load=_load_optimized,
    casts=False,
)
def script_optimize(model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], dynamic: Dynamic) -> Any:
    """The frozen script: what optimize_for_inference makes of it is for one machine and cannot be saved.

    Puts the model in evaluation mode, as optimize_for_inference does.
    """
    import torch

    return torch.jit.freeze(torch.jit.script(model).eval())


@program(
    "export", "torch.export: a graph of tensor operators with checked assumptions. What PyTorch asks users to move to."
)
def export(model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], dynamic: Dynamic) -> Any:
    """With every moving axis as Dim.AUTO: torch.export infers its range, or fixes it where the model does."""
    import torch

    shapes = torch.export.ShapesCollection()  # type: ignore[no-untyped-call]
    for path, tensor in inputs.paths(args, kwargs).items():
        if dynamic.get(path):
            shapes[tensor] = dict.fromkeys(dynamic[path], torch.export.Dim.AUTO)
    return torch.export.export(model, args, kwargs, dynamic_shapes=shapes if len(shapes) else None)


@onnx("onnx", "ONNX: what torch.export captures, in operators that runtimes share; onnxruntime runs it. Maintained.")
def to_onnx(model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], dynamic: Dynamic) -> Any:
    """Of what `export` makes, so with the same moving axes."""
    return onnxfile.Session(onnxfile.convert(export(model, args, kwargs, dynamic)))


def run(
    mode: str,
    model: torch.nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    dynamic: Dynamic,
    dims: Mapping[str, int] | None = None,
    path: Path,
    sources: SourceMap,
    keep: Callable[[Any], None] | None = None,
) -> Export:
    """Export `model` in `mode` and save the artefact at `path`; whatever the model raises on the way becomes the error.

    Works on copies of the inputs and, where `own_copy` can make one, of the model; with grad off, as in the base case.
    `seconds` is the export alone, without copying and saving. `keep` is given what was exported, as it is in memory.
    """
    import torch

    from tsdash import state

    exporter = EXPORTERS[mode]
    copied, (args, kwargs) = own_copy(model) or model, inputs.nest(_clone, (args, kwargs))
    before = state.parts(copied)
    began, seconds = time.perf_counter(), None
    with complaints.heard(sources) as heard, torch.no_grad():
        try:
            exported = exporter.make(copied, args, kwargs, dynamic)
            seconds = time.perf_counter() - began
            exporter.save(exported, path)
        except BaseException as exc:  # SystemExit and KeyboardInterrupt are the model's doing too
            ended_s = time.perf_counter() - began
            error, warned = heard.error(exc), list(heard.warnings())
            if seconds is not None:
                warned.append(_note("The export itself worked; it is saving it that failed."))
            elif (
                dynamic
                and ended_s < RETRY_S
                and _works_with_fixed_sizes(exporter, own_copy(model) or model, args, kwargs)
            ):
                warned.append(
                    _note("With every size fixed at the example's the export works; it is the moving sizes that fail.")
                )
            return Export(mode=mode, seconds=seconds or ended_s, warnings=tuple(warned), error=error, ended="raised")
    if keep is not None:
        keep(exported)
    written = state.written(copied, before)
    code, graph = graphtext.texts(exported, sources)
    return Export(
        mode=mode,
        seconds=seconds,
        artefact_bytes=path.stat().st_size,
        warnings=heard.warnings(),
        contract=tuple(
            ContractChange(what="state", path=name, expected=LEFT_ALONE, actual=WRITTEN_TO) for name in written
        ),
        code=code,
        graph=graph,
        ranges=ranges.allowed(exported, args, kwargs, dynamic, dims or {}),
    )


def mutable(loaded: Callable[..., Any]) -> bool:
    """Whether a loaded artefact may change its state when called, so that every case needs a fresh one."""
    from tsdash import mutation

    return mutation.mutable(loaded)


def own_copy(model: torch.nn.Module) -> torch.nn.Module | None:
    """A deep copy; None where a copy would not be the same model, and only building it again gives another one.

    A function that holds on to a module or a tensor of the original keeps it, and locks, generators and non-leaf tensors
    cannot be copied.
    """
    for module in model.modules():
        for value in vars(module).values():
            held = value.values() if isinstance(value, dict) else (value,)  # hooks are kept in dicts
            if any(isinstance(item, types.FunctionType) and _holds_state(item) for item in held):
                return None
    try:
        copied = copy.deepcopy(model)
    except Exception:  # the user's classes decide what they raise
        return None
    return copied if type(copied) is type(model) else None  # and what comes of it


def _holds_state(function: types.FunctionType) -> bool:
    """Whether a closure or a default argument of a function is a module or a tensor."""
    import torch

    held = list(function.__defaults__ or ())
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # a cell that is still empty
            held.append(cell.cell_contents)
    return any(isinstance(item, (torch.nn.Module, torch.Tensor)) for item in held)


def _works_with_fixed_sizes(
    exporter: Exporter, model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> bool:
    """Whether a model that cannot be exported with moving axes can be with all of them fixed."""
    try:
        exporter.make(model, args, kwargs, {})
    except BaseException:  # see run
        return False
    return True


def _note(message: str) -> ExportWarning:
    return ExportWarning(message=message, category="Note")


def _clone(tensor: torch.Tensor) -> torch.Tensor:
    return copy.deepcopy(tensor.detach()).requires_grad_(tensor.requires_grad)
