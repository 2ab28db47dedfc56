"""Two tensors of one shape, a chunk at a time in float64: whatever their size, layout, device or dtype, the memory stays the same."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

CHUNK = 2**16  # elements: the scratch of a chunk stays near the processor

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Span:
    """Consecutive elements in C order: a range of one axis at a fixed place on the axes before it, whole in those after."""

    start: int  # flat index of the first element
    place: tuple[int, ...]
    low: int
    high: int
    shape: tuple[int, ...]  # (high - low, *axes after)

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    def corner(self, ndim: int) -> tuple[int, ...]:
        """The index of the first element on every axis."""
        return (*self.place, self.low, *(0,) * ndim)[:ndim]

    def block(self, ndim: int) -> tuple[int, ...]:
        """The shape of the span with all axes."""
        return (*(1,) * len(self.place), *self.shape) if ndim else ()

    def of(self, tensor: torch.Tensor) -> torch.Tensor:
        """The part of a tensor that this span covers, as a view."""
        return tensor[self.place][self.low : self.high]


def spans(shape: tuple[int, ...]) -> Iterator[Span]:
    """A shape of at least one axis cut into spans of at most CHUNK elements, as equal as they come."""
    if math.prod(shape) == 0:
        return
    axis = len(shape) - 1
    while axis > 0 and math.prod(shape[axis:]) <= CHUNK:
        axis -= 1
    after = shape[axis + 1 :]
    inner = math.prod(after)
    parts = math.ceil(shape[axis] / max(1, CHUNK // inner))
    cuts = [shape[axis] * part // parts for part in range(parts + 1)]
    start = 0
    for place in itertools.product(*map(range, shape[:axis])):
        for low, high in itertools.pairwise(cuts):
            yield Span(start=start, place=place, low=low, high=high, shape=(high - low, *after))
            start += (high - low) * inner


@dataclass
class Chunk:
    """One span of a pair: flat, in the tensors' own dtypes and in float64, where a complex number is two."""

    span: Span
    parts: int  # 2 for complex numbers
    raw: tuple[torch.Tensor, torch.Tensor]
    actual: Floats
    expected: Floats
    delta: Floats
    bad: Mask | None = None  # numbers that `set_apart` set to zero on both sides
    apart: int = 0  # elements that disagree in NaN or Inf

    @property
    def elements(self) -> int:
        return self.span.elements

    def subtract(self) -> None:
        """Δ in float64; of 64-bit integers exactly, although float64 cannot tell 2**53 from its successor."""
        kinds = {raw.dtype for raw in self.raw}
        if kinds == {torch.uint64} or (torch.int64 in kinds and kinds <= _SIGNED):
            _subtract_integers(*self.raw, self.delta)
        else:
            np.subtract(self.actual, self.expected, out=self.delta)

    def set_apart(self) -> tuple[Mask, Mask]:
        """Zero what is not finite on some side, on both sides. Returns where one side alone is NaN, and where Inf disagrees."""
        a, e = self.actual, self.expected
        bad = ~(np.isfinite(a) & np.isfinite(e))
        nan = np.isnan(a) != np.isnan(e)
        inf = bad & ~nan & (a != e) & ~np.isnan(a)
        nan, inf = nan.reshape(-1, self.parts).any(axis=1), inf.reshape(-1, self.parts).any(axis=1)
        inf &= ~nan
        self.apart = int(np.count_nonzero(nan | inf))
        self.bad = bad | np.repeat(nan | inf, self.parts)
        a[self.bad] = e[self.bad] = 0.0
        if self.bad.any():
            np.subtract(a, e, out=self.delta)
        return nan, inf

    def moduli(self, numbers: Floats, out: Floats) -> Floats:
        """|x| of every element of `actual`, `expected` or `delta`."""
        view: Any = numbers if self.parts == 1 else numbers.view(np.complex128)
        return np.abs(view, out=out[: self.elements])  # type: ignore[no-any-return]


_SIGNED = {torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool}


def _subtract_integers(actual: torch.Tensor, expected: torch.Tensor, delta: Floats) -> None:
    unsigned = actual.dtype == torch.uint64
    a, e = (side.numpy() if unsigned else side.to(torch.int64).numpy() for side in (actual, expected))
    above, difference = a >= e, a.view(np.uint64) - e.view(np.uint64)  # modulo 2**64: the true one where a >= e
    np.copyto(delta, np.where(above, difference, -difference))
    np.negative(delta, out=delta, where=~above)


def together(*tensors: torch.Tensor) -> Iterator[tuple[Span, list[torch.Tensor], list[Floats]]]:
    """Tensors of one shape in C order: each span with its elements, flat, in their own dtypes and in float64.

    Where one tensor is complex, all are: two numbers an element. The memory of a span is used again for the next.
    """
    readable = [_readable(tensor if tensor.ndim else tensor.reshape(1)) for tensor in tensors]
    parts = 2 if any(tensor.is_complex() for tensor in readable) else 1
    room = min(CHUNK, readable[0].numel())
    copies = [_copy_of(tensor, room) for tensor in readable]
    sides = [torch.empty(room * parts, dtype=torch.float64) for _ in readable]
    for span in spans(tuple(readable[0].shape)):
        raw = [_dense(span.of(tensor), copy) for tensor, copy in zip(readable, copies, strict=True)]
        floats = [side[: span.elements * parts] for side in sides]
        for source, side in zip(raw, floats, strict=True):
            (side.view(torch.complex128) if parts == 2 else side).copy_(source)
        yield span, raw, [side.numpy() for side in floats]


def pairs(actual: torch.Tensor, expected: torch.Tensor) -> Iterator[Chunk]:
    """All elements of two tensors in C order, Δ not yet taken. Each chunk's memory is that of the one before."""
    parts = 2 if actual.is_complex() or expected.is_complex() else 1
    delta = np.empty(parts * min(CHUNK, actual.numel()))
    for span, (actual_raw, expected_raw), (a, e) in together(actual, expected):
        yield Chunk(
            span=span,
            parts=parts,
            raw=(actual_raw, expected_raw),
            actual=a,
            expected=e,
            delta=delta[: len(a)],
        )


def _readable(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor whose dtype torch can convert; packed bits are read as bytes."""
    name = str(tensor.dtype).removeprefix("torch.")
    packed = name.startswith(("bits", "float4")) or name in {
        f"{sign}int{bits}" for sign in ("", "u") for bits in range(1, 8)
    }
    return tensor.view(torch.uint8) if packed else tensor


def _copy_of(tensor: torch.Tensor, room: int) -> torch.Tensor | None:
    """Room for a chunk of a tensor whose own memory cannot be read as it lies."""
    if tensor.device.type == "cpu" and tensor.is_contiguous() and not tensor.is_conj() and not tensor.is_neg():
        return None
    return torch.empty(room, dtype=tensor.dtype)


def _dense(part: torch.Tensor, copy: torch.Tensor | None) -> torch.Tensor:
    if copy is None:
        return part.reshape(-1)
    copy[: part.numel()].view(part.shape).copy_(part)
    return copy[: part.numel()]
