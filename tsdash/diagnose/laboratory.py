"""Runs of the failing model, as often as the evidence needs them: eager and exported, plain, recorded or with values forced.

Every run starts from the same model, inputs, seeds and Python globals, so that two runs differ only in what was changed.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import FrameType, FunctionType, ModuleType
from typing import Any

import torch

from tsdash import calling, effects, exporters, inputs, spec
from tsdash.diagnose import recorder
from tsdash.diagnose.answers import Result, quiet
from tsdash.diagnose.instrumentation import Instrumentation
from tsdash.diagnose.recorder import Forced, Log, Recorder
from tsdash.diagnose.statics import PythonState
from tsdash.diagnose.subject import Subject
from tsdash.seeds import seed_all

BUSY = 4.0  # how much longer than its own work a diagnosis may take by the clock
RUN_S = 3.0  # of work, for one recorded or forced run: forcing a loop condition can make it endless
_LIBRARY_SKIPPED = ("/tsdash/", "/numpy/", "/torch/nn/modules/module.py")  # decides nothing about the model
_OF_TORCH = ("/torch/nn/", "/torch/functional.py")  # of torch itself only what computes


class Laboratory:
    """One failing (model, mode) and the runs made of it."""

    def __init__(self, subject: Subject, state: PythonState | None = None) -> None:
        self.subject = subject
        self.loaded = subject.loaded
        self.base = subject.base
        self._began_cpu_s = time.process_time()
        self.notes: list[str] = []
        self.explained: set[str] = set()  # axes whose failures something strong explains already
        self.state = state or PythonState(self._own_modules())
        self._pristine: torch.nn.Module | None = None
        self._logs: dict[str, tuple[Log, Result]] = {}
        self._exported: dict[str, Result] = {}
        self._plain: dict[str, Result] = {}

    @property
    def tracing(self) -> bool:
        return self.subject.mode.startswith("trace")

    @property
    def scripting(self) -> bool:
        return self.subject.mode.startswith("script")

    def in_time(self, share: float = 1.0) -> bool:
        """Whether less than this share of the time for the whole diagnosis is used up, in seconds of its own work: on a busy
        machine the same evidence takes several times as long by the clock."""
        working = time.process_time() - self._began_cpu_s < share * self.subject.deadline_s
        return working and time.monotonic() < self.subject.began + BUSY * self.subject.deadline_s

    # what runs are made of

    def model(self, case: spec.Case | None = None) -> torch.nn.Module:
        """A fresh model in the state that the case asks for."""
        self.state.restore()
        model = self._fresh()
        case = case or self.base
        scope, dtype = inputs.parse_dtype(case.dtype)
        if scope == "all" and dtype != spec.GIVEN:
            model = model.to(getattr(torch, dtype))
        if case.device != "cpu":
            model = model.to(case.device)
        if case.training is not None:
            model.train(case.training)
        return model

    def _fresh(self) -> torch.nn.Module:
        """A copy of a model that nobody calls, or another one built where a copy would share functions with it."""
        if self._pristine is None:
            self._pristine = self.loaded.build()
        held = (value for module in self._pristine.modules() for value in vars(module).values())
        shares = any(isinstance(value, FunctionType) and value.__closure__ for value in held)
        copied = None if shares else exporters.own_copy(self._pristine)
        if copied is None:
            self.__dict__.pop("functions", None)  # building makes new closures
        return copied or self.loaded.build()

    def inputs(self, case: spec.Case) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if self.subject.build_inputs is not None:
            return self.subject.build_inputs(case)
        return inputs.build(self.loaded, case)

    # runs

    def eager(self, case: spec.Case) -> Result:
        """Eager's plain result of the case."""
        key = repr(case)
        if key not in self._plain:
            self._plain[key] = self.eager_again(case)
        return self._plain[key]

    def eager_again(self, case: spec.Case) -> Result:
        """Eager's plain result of the case, run anew: for who watches it."""
        return self._run(self.model(case), case)

    def exported(self, case: spec.Case) -> Result | None:
        """The saved export's result of the case; None where there is no export that may be run in this process."""
        key = repr(case)
        if key not in self._exported:
            if self.artefact is None or self._kills(case):
                return None
            try:
                self._exported[key] = self._run(self.load(case), case)
            except Exception as error:  # saved, and cannot be loaded for this device
                self._exported[key] = Result(error=error)
        return self._exported[key]

    def load(self, case: spec.Case) -> Any:
        """The saved export as a deployment would have it for the case; None where there is none."""
        path = self.artefact
        if path is None:
            return None
        with quiet():
            loaded: Any = exporters.EXPORTERS[self.subject.mode].load(path, case.device)
        scope, dtype = inputs.parse_dtype(case.dtype)
        if scope == "all" and dtype != spec.GIVEN:
            loaded = loaded.to(getattr(torch, dtype))
        if case.training is not None and hasattr(loaded, "train"):
            with contextlib.suppress(NotImplementedError):  # torch.export's programs have one mode
                loaded.train(case.training)
        return loaded

    def run(self, model: Any, case: spec.Case, *, seed: bool = True) -> Result:
        """Call `model` as the case says. Without `seed` the random generators go on from where they are."""
        if seed:
            return self._run(model, case)
        args, kwargs = self.inputs(case)
        try:
            with quiet(), torch.set_grad_enabled(case.grad):
                return Result(value=model(*args, **kwargs))
        except Exception as error:  # the user's code may raise anything
            return Result(error=error)

    def changed_globals(self) -> set[str]:
        """Globals and class attributes of the user's modules that runs since the last fresh model have changed."""
        return set(self.state.changed())

    def restore_globals(self, names: list[str]) -> None:
        """Put some globals back to what they were when the diagnosis began."""
        self.state.restore(set(names))

    def recorded(self, case: spec.Case) -> tuple[Log, Result]:
        """Eager at the case with every site of the user's source reporting."""
        key = repr(case)
        if key not in self._logs:
            digests = recorder.constant_sites(self.trace_log) if self.tracing else frozenset()
            self._logs[key] = self.observe(case, digests=digests)
        return self._logs[key]

    def observe(
        self,
        case: spec.Case,
        *,
        forced: Mapping[int, Forced] | None = None,
        digests: frozenset[int] = frozenset(),
        model: torch.nn.Module | None = None,
        reseed: bool = False,
    ) -> tuple[Log, Result]:
        """Eager at the case, recorded, with the values of some sites forced. `reseed`: torch draws in the last call what it
        drew in the first one."""
        observer = self._recorder(forced=forced, digests=digests)
        model = model or self.model(case)
        return observer.log, self._run(model, case, observer, reseed)

    @cached_property
    def trace_log(self) -> Log:
        """What every site of the user's source gave while the model was traced at the base."""
        observer = self._recorder(tracing=True)
        args, kwargs = self.inputs(self.base)
        model = self.model()
        with quiet(), torch.no_grad():
            seed_all(self.base.seed)
            with contextlib.suppress(Exception), recorder.reporting(self.functions, self.instrumentation, observer):
                trace(model, args, kwargs)  # what cannot be traced to the end is recorded up to there
        return observer.log

    @property
    def base_log(self) -> Log:
        """What was recorded while exporting, where that can be watched, else in eager at the base."""
        return self.trace_log if self.tracing else self.recorded(self.base)[0]

    def _recorder(self, **options: Any) -> Recorder:
        now = time.process_time()
        return Recorder(
            self.instrumentation.sites,
            deadline=now + RUN_S / 2,
            stop_at=now + RUN_S,
            own_paths=frozenset(self.own_paths),
            **options,
        )

    def _run(self, model: Any, case: spec.Case, observer: Recorder | None = None, reseed: bool = False) -> Result:
        try:
            args, kwargs = self.inputs(case)
            if observer is None:
                called = calling.observe(model, args, kwargs, case)
            else:
                called = self._observed(model, args, kwargs, case, observer, reseed)
            return Result(value=effects.answer(called, args, kwargs) if self.subject.beside else called.output)
        except Exception as error:
            return Result(error=error)
        except (SystemExit, KeyboardInterrupt, recorder.Stopped) as error:  # the model's doing too
            return Result(error=error)

    def _observed(
        self, model: Any, args: Any, kwargs: Any, case: spec.Case, observer: Recorder, reseed: bool
    ) -> calling.Called:
        with quiet(), torch.set_grad_enabled(case.grad), calling.as_strict(case):
            seed_all(case.seed)
            for _ in range(case.call - 1):
                call_args, call_kwargs = inputs.nest(calling.copy_tensor, (args, kwargs))
                model(*call_args, **call_kwargs)
            call_args, call_kwargs = inputs.nest(calling.copy_tensor, (args, kwargs))
            if reseed:
                torch.default_generator.manual_seed(case.seed)
            with recorder.reporting(self.functions, self.instrumentation, observer):
                output = model(*call_args, **call_kwargs)
        return calling.Called(output, 0.0, call_args, call_kwargs)

    # source

    @cached_property
    def code_run(self) -> dict[str, frozenset[int]]:
        """The Python code that runs in eager at the base: files, in the order of first use, and the first lines of functions."""
        found: dict[str, set[int]] = {str(self.loaded.path): set()}
        importing: list[
            FrameType
        ] = []  # torch imports parts of itself when they are first needed: not the model's doing

        def note(frame: FrameType, event: str, arg: object) -> None:
            if event == "call" and frame.f_code.co_name == "<module>":
                importing.append(frame)
            elif event == "return" and importing and importing[-1] is frame:
                importing.pop()
            elif event == "call" and not importing:
                found.setdefault(frame.f_code.co_filename, set()).add(frame.f_code.co_firstlineno)

        self.eager(self.base)  # so that what is imported or set up once is done
        model = self.model()
        sys.setprofile(note)
        try:
            self._run(model, self.base)
        finally:
            sys.setprofile(None)
        return {path: frozenset(lines) for path, lines in found.items()}

    @cached_property
    def own_paths(self) -> tuple[str, ...]:
        return tuple(path for path in self.code_run if self.loaded.sources.name(path) is not None)

    @cached_property
    def instrumentation(self) -> Instrumentation:
        found = Instrumentation()
        for path in self.own_paths:
            self._instrument(found, path, own=True)
        return found

    def instrument_libraries(self) -> bool:
        """Let the decisions of libraries report as well: torch.nn and packages beside torch. False where there are none."""
        known = set(self.instrumentation.trees)
        for path in self.code_run:
            if path not in known and _decides(path):
                self._instrument(self.instrumentation, path, own=False)
        if set(self.instrumentation.trees) == known:
            return False
        for name in ("functions", "trace_log"):
            self.__dict__.pop(name, None)
        self._logs.clear()
        return True

    def _instrument(self, found: Instrumentation, path: str, *, own: bool) -> None:
        try:
            text = self.loaded.source.text if path == str(self.loaded.path) else Path(path).read_text("utf-8")
            found.add(text, path, own=own, lines=None if own else self.code_run[path])
        except (OSError, SyntaxError, ValueError, RecursionError) as error:
            self.notes.append(f"{path} could not be instrumented: {error}")

    @cached_property
    def functions(self) -> list[FunctionType]:
        return recorder.live_functions(self.instrumentation)

    def name(self, path: str) -> str | None:
        """What the user calls the file at `path`."""
        return self.loaded.sources.name(path)

    def _own_modules(self) -> list[ModuleType]:
        found = [module for module in list(sys.modules.values()) if isinstance(getattr(module, "__file__", None), str)]
        return [module for module in found if self.loaded.sources.name(str(module.__file__)) is not None]

    # the export

    @cached_property
    def artefact(self) -> Path | None:
        """The saved export; made again where the run's own one is not at hand. None where exporting fails."""
        given = self.subject.artefact
        if given is not None and given.exists():
            return given
        export = self.export(self.base)
        return None if export is None or export.error is not None else self._path("artefact")

    def export(self, case: spec.Case, name: str = "artefact") -> spec.Export | None:
        """Export at the case, in the subject's own mode, and save it."""
        if self.subject.export.ended in ("timeout", "crash"):
            return None
        dynamic: exporters.Dynamic = {}
        if exporters.EXPORTERS[self.subject.mode].dynamic:  # from the same sizes as the run's own
            model = self.model(case)
            dims = inputs.export_dims(
                self.loaded, case.dims, lambda args, kwargs: calling.run(model, args, kwargs, case)
            )
            case, dynamic = replace(case, dims=dims), inputs.moving_axes(self.loaded, dims)
        args, kwargs = self.inputs(case)
        model = self.model(case)
        seed_all(case.seed)
        return exporters.run(
            self.subject.mode, model, args, kwargs, dynamic=dynamic, path=self._path(name), sources=self.loaded.sources
        )

    def _path(self, name: str) -> Path:
        return self.subject.folder / f"diagnosis_{name}{exporters.EXPORTERS[self.subject.mode].suffix}"

    def _kills(self, case: spec.Case) -> bool:
        """Whether the export is known to kill or hang its process at this case, or at one that may be like it."""
        ended = [(result.case, result.exported.ended) for result in self.subject.failures]
        return (
            any(how in ("timeout", "crash") for other, how in ended if other == case)
            or sum(how in ("timeout", "crash") for _, how in ended) > len(ended) / 2
        )


def _decides(path: str) -> bool:
    """Whether a library's file may decide something about the model."""
    if "-packages/" not in path or any(part in path for part in _LIBRARY_SKIPPED):
        return False
    return "/torch/" not in path or any(part in path for part in _OF_TORCH)


def trace(model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A trace without torch's check, and with containers allowed."""
    if kwargs:
        named = inspect.signature(model.forward).bind_partial(*args).arguments
        return torch.jit.trace(model, example_kwarg_inputs={**named, **kwargs}, check_trace=False, strict=False)  # type: ignore[no-untyped-call]
    return torch.jit.trace(model, args, check_trace=False, strict=False)  # type: ignore[no-untyped-call]
