"""Where an export leaves eager: every module's output beside eager's, as it runs and when it is fed eager's inputs.

A trace keeps no modules, so a wrapper is traced whose forward hooks give out what every module returns, cloned, because an
operator in place would change it later. The wrapper's own output must be the plain export's bit for bit, or nothing is said.
A script is taken module by module, and only what each does with eager's inputs is known. A program of torch.export is made of
such a wrapper as well.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from tsdash import exporters, inputs
from tsdash.calling import copy_tensor, same_bits
from tsdash.exporters import Dynamic
from tsdash.seeds import seed_all
from tsdash.spec import GIVEN, Case, Divergence

DEADLINE_S = 5.0
MOST_MODULES = 400  # calls that are listed
TIMED_PASSES = 3  # of eager, after one to warm up

Tensors = list[torch.Tensor]


@dataclass
class _Call:
    """One call of one module while something ran."""

    path: str
    module: torch.nn.Module
    args: tuple[Any, ...]
    outputs: Tensors


def locate(
    mode: str,
    build: Callable[[], torch.nn.Module],
    base: tuple[Any, ...],
    failing: tuple[Any, ...],
    case: Case,
    *,
    dynamic: Dynamic | None = None,
) -> tuple[Divergence, ...]:
    """Each module in the order in which it returned at `failing`, for a model exported from `base`. `dynamic`: the axes that
    torch.export was told to move.

    Empty where it cannot be told: another dtype, device, training flag or call than at the export, and exports that the
    instruments change; nor of an ONNX file, in which all operators may round otherwise.
    """
    kind = mode.partition("+")[0]
    plain_case = case.dtype == GIVEN and case.device == "cpu" and case.training is None and case.call == 1
    if not plain_case or kind == "onnx":
        return ()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        at_base, _ = _watched(build(), base, case)
        eager, _ = _watched(build(), failing, case)
        outputs = {} if kind == "script" else _instrumented(kind, build, base, failing, case, dynamic or {})
        if outputs is None:
            return ()
        ends = time.monotonic() + DEADLINE_S
        times = _timed(build(), failing, case, ends)
        found = []
        for number, call in enumerate(eager[:MOST_MODULES]):
            example = at_base[number] if number < len(at_base) and at_base[number].path == call.path else None
            actual = outputs.get(number)
            found.append(
                Divergence(
                    path=call.path or "the model",
                    type=type(call.module).__name__,
                    accumulated=None if actual is None or actual[0] != call.path else distance(actual[1], call.outputs),
                    local=_local(kind, call, example, case) if time.monotonic() < ends else None,
                    eager_s=times[number][1] if number < len(times) and times[number][0] == call.path else None,
                )
            )
    return tuple(found)


def first(found: tuple[Divergence, ...]) -> Divergence | None:
    """The innermost module that gives something else than eager for eager's own inputs; modules return inside out. Where that is
    not known, the first whose output differs as the export runs."""
    alone = next((module for module in found if module.local), None)
    return alone or next((module for module in found if module.local is None and module.accumulated), None)


def fed(
    build: Callable[[], torch.nn.Module], base: tuple[Any, ...], failing: tuple[Any, ...], case: Case, number: int
) -> tuple[torch.nn.Module, tuple[Any, ...], tuple[Any, ...]] | None:
    """The module of call `number` of eager at `failing`, with what it was given at `base` and there; None where it was not called
    at both."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        at_base, _ = _watched(build(), base, case)
        there, _ = _watched(build(), failing, case)
    if max(number, 0) >= min(len(at_base), len(there)) or at_base[number].path != there[number].path:
        return None
    return there[number].module, at_base[number].args, there[number].args


def _watched(model: torch.nn.Module, args: tuple[Any, ...], case: Case) -> tuple[list[_Call], Any]:
    with _recording(model) as calls:
        seed_all(case.seed)
        output = model(*inputs.nest(copy_tensor, args))
    return calls, output


@contextmanager
def _recording(model: torch.nn.Module) -> Iterator[list[_Call]]:
    """The calls of every module of `model` while the block runs."""
    calls: list[_Call] = []
    hooks = []
    for path, module in model.named_modules():

        def keep(module: torch.nn.Module, args: Any, output: Any, path: str = path) -> None:
            outputs = [tensor.clone() for _, tensor in inputs.tensors(output)]
            calls.append(_Call(path, module, inputs.nest(lambda tensor: tensor.detach().clone(), args), outputs))

        hooks.append(module.register_forward_hook(keep))
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def _timed(model: torch.nn.Module, args: tuple[Any, ...], case: Case, ends: float) -> tuple[tuple[str, float], ...]:
    """The path and the seconds of every call, modules inside it included: the median of some passes after the first."""
    passes: list[list[tuple[str, float]]] = []
    began: list[float] = []
    now: list[tuple[str, float]] = []
    hooks = []
    for path, module in model.named_modules():
        hooks.append(module.register_forward_pre_hook(lambda *_: began.append(time.perf_counter())))
        hooks.append(
            module.register_forward_hook(lambda *_, path=path: now.append((path, time.perf_counter() - began.pop())))
        )
    try:
        while len(passes) <= TIMED_PASSES and (not passes or time.monotonic() < ends):
            now.clear()
            seed_all(case.seed)
            model(*inputs.nest(copy_tensor, args))
            passes.append(list(now))
    finally:
        for hook in hooks:
            hook.remove()
    kept = passes[1:] or passes
    if any(
        [path for path, _ in one] != [path for path, _ in kept[0]] for one in kept
    ):  # its state decides what it calls
        return ()
    return tuple((calls[0][0], statistics.median(seconds for _, seconds in calls)) for calls in zip(*kept, strict=True))


def _instrumented(
    kind: str,
    build: Callable[[], torch.nn.Module],
    base: tuple[Any, ...],
    failing: tuple[Any, ...],
    case: Case,
    dynamic: Dynamic,
) -> dict[int, tuple[str, Tensors]] | None:
    """What each module gives in the export, by the number of its call; None where that differs from the plain export."""
    model = build()
    parts: list[tuple[str, int]] = []

    class Instrumented(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *args: Any) -> tuple[torch.Tensor, ...]:
            with _recording(self.model) as calls:
                self.model(*args)
            parts[:] = [(call.path, len(call.outputs)) for call in calls]
            return tuple(tensor for call in calls for tensor in call.outputs)

    try:
        seed_all(case.seed)
        instrumented = exported(kind, Instrumented(), base, dynamic)
        seed_all(case.seed)
        plain = exported(kind, build(), base, dynamic)
        flat = list(_seeded(instrumented, failing, case))
        whole = [tensor for _, tensor in inputs.tensors(_seeded(plain, failing, case))]
    except Exception:  # what cannot be exported with instruments, or raises at this input
        return None
    outputs, place = {}, 0
    for number, (path, count) in enumerate(parts):
        outputs[number] = (path, flat[place : place + count])
        place += count
    return outputs if parts and same_bits(outputs[len(parts) - 1][1], whole) else None


def exported(kind: str, module: torch.nn.Module, args: tuple[Any, ...], dynamic: Dynamic) -> Any:
    """A trace or a program of `module`, to be called."""
    if kind == "export":
        return exporters.EXPORTERS[kind].make(module, args, {}, dynamic).module()
    return torch.jit.trace(module, args, check_trace=False)  # type: ignore[no-untyped-call]


def _seeded(module: Callable[..., Any], args: tuple[Any, ...], case: Case) -> Any:
    seed_all(case.seed)
    return module(*inputs.nest(copy_tensor, args))


def _local(kind: str, call: _Call, example: _Call | None, case: Case) -> float | None:
    """How far the module, exported alone, is from eager on eager's inputs; None where it cannot be exported alone."""
    try:
        if kind == "script":
            alone: Any = torch.jit.script(call.module)
        elif example is None:
            return None
        else:
            alone = exported(kind, example.module, example.args, moved(example.args, call.args))
        actual = [tensor for _, tensor in inputs.tensors(_seeded(alone, call.args, case))]
        expected = [tensor for _, tensor in inputs.tensors(_seeded(call.module, call.args, case))]
    except Exception:  # arguments that no trace takes, code that no script takes
        return None
    return distance(actual, expected)


def moved(one: tuple[Any, ...], other: tuple[Any, ...]) -> Dynamic:
    """The axes whose sizes differ between two calls."""
    shapes = {path: tensor.shape for path, tensor in inputs.paths(other, {}).items()}
    return {
        path: {
            axis: f"{path}_{axis}"
            for axis, (a, b) in enumerate(zip(tensor.shape, shapes.get(path, tensor.shape), strict=False))
            if a != b
        }
        for path, tensor in inputs.paths(one, {}).items()
    }


def distance(actual: Tensors, expected: Tensors) -> float:
    """The largest |Δ|; infinite where shapes differ, or NaN or Inf stand on one side only."""
    if [tensor.shape for tensor in actual] != [tensor.shape for tensor in expected]:
        return float("inf")
    largest = 0.0
    for one, other in zip(actual, expected, strict=True):
        if not one.numel() or torch.equal(one, other):
            continue
        wide = torch.complex128 if other.is_complex() else torch.float64
        a, e = one.detach().to(wide), other.detach().to(wide)
        delta = torch.where((a == e) | (a.isnan() & e.isnan()), 0.0, (a - e).abs())
        largest = max(largest, float(delta.nan_to_num(torch.inf, torch.inf).max()))
    return largest
