"""Calling a model, eager or exported, the same way in both workers: seeded, under the case's grad mode, on copied inputs."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter  # bound here: a model may replace it where others look for it
from typing import Any

import torch

from tsdash import settings
from tsdash.inputs import nest
from tsdash.onedevice import one_device
from tsdash.seeds import seed_all
from tsdash.spec import Case
from tsdash.tensorfile import raw_bytes


@dataclass(frozen=True)
class Called:
    """One call of a model: what it returned, how long it took, the copies of the inputs that it was given, and which of
    torch's settings it changed; they are as they were again."""

    output: Any
    seconds: float
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    changed: tuple[str, ...] = ()


def run(model: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], case: Case) -> tuple[Any, float]:
    """The output of call number `case.call` of `model`, and its seconds. Exceptions of the model pass through."""
    called = observe(model, args, kwargs, case)
    return called.output, called.seconds


def observe(model: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], case: Case) -> Called:
    """Call number `case.call` of `model`. Exceptions of the model pass through.

    Every call gets its own copy of the inputs: what a call does to its inputs stays with it. Seeded once, before call 1.
    """
    output, seconds = None, 0.0
    call_args, call_kwargs = args, kwargs
    with (
        warnings.catch_warnings(),
        torch.set_grad_enabled(case.grad),
        as_strict(case),
        settings.kept() as changed,
    ):
        warnings.simplefilter("ignore")
        seed_all(case.seed)
        for _ in range(case.call):
            call_args, call_kwargs = nest(copy_tensor, (args, kwargs))
            began = perf_counter()
            output = model(*call_args, **call_kwargs)
            seconds = perf_counter() - began
    return Called(output, seconds, call_args, call_kwargs, tuple(changed))


def as_strict(case: Case) -> contextlib.AbstractContextManager[None]:
    """For a case on the meta device: operators refuse tensors of two devices, as they do on a real one."""
    return one_device() if case.device == "meta" else contextlib.nullcontext()


def copy_tensor(tensor: torch.Tensor) -> torch.Tensor:
    """A copy with the same strides; what lies in the gaps of a strided tensor is copied too."""
    if tensor.layout != torch.strided or tensor.device.type == "meta" or not tensor.numel() or tensor.is_contiguous():
        return tensor.detach().clone().requires_grad_(tensor.requires_grad)
    span = 1 + sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride(), strict=True))
    whole = tensor.detach().as_strided((span,), (1,)).clone()
    return whole.as_strided(tensor.shape, tensor.stride()).requires_grad_(tensor.requires_grad)


def same_bits(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    """Whether two lists of output tensors agree in number, shape, dtype and every bit."""
    return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.device.type == "meta" or other.device.type == "meta":
        return True
    return torch.equal(raw_bytes(one), raw_bytes(other))


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Tensors that the model itself creates are made in `dtype` too."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
