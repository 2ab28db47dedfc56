"""Two tensors of one shape, a chunk at a time, in float64: whatever their size, layout, device or dtype, the memory stays the same."""

from __future__ import annotations

import functools
import itertools
import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

CHUNK = 2**16  # elements: few enough to stay in cache, enough to make little of what a call costs

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

_ROW = 2**13
_FLOATS: dict[torch.dtype, Any] = {torch.float32: np.float32, torch.float64: np.float64}
_NUMPY: dict[torch.dtype, Any] = {  # dtypes that numpy has too, with the integers they are read as
    **dict.fromkeys((torch.float64, torch.complex128, torch.int64, torch.uint64), np.int64),
    **dict.fromkeys((torch.float32, torch.complex64, torch.int32), np.int32),
    **dict.fromkeys((torch.float16, torch.int16), np.int16),
    **dict.fromkeys((torch.int8, torch.uint8, torch.bool), np.int8),
}
INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


class Span(NamedTuple):
    """Consecutive elements in C order: a range of one axis at a fixed place on the axes before it, whole in those after."""

    start: int  # flat index of the first element
    elements: int
    place: tuple[int, ...]
    low: int
    shape: tuple[int, ...]  # (length of the range, *axes after)

    def corner(self, ndim: int) -> tuple[int, ...]:
        """The index of the first element on every axis."""
        return (*self.place, self.low, *(0,) * ndim)[:ndim]

    def block(self, ndim: int) -> tuple[int, ...]:
        """The shape of the span with all axes."""
        return (*(1,) * len(self.place), *self.shape) if ndim else ()

    def of(self, tensor: torch.Tensor) -> torch.Tensor:
        """The part of a tensor that this span covers, as a view."""
        return tensor[self.place][self.low : self.low + self.shape[0]]


def spans(shape: tuple[int, ...]) -> Iterator[Span]:
    """A shape of at least one axis cut into spans of at most CHUNK elements, as equal as they come."""
    whole = math.prod(shape)
    if whole <= CHUNK:
        if whole:
            yield Span(0, whole, (), 0, shape)
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
            elements = (high - low) * inner
            yield Span(start, elements, place, low, (high - low, *after))
            start += elements


class Reader:
    """A tensor's elements as the integers they are stored in, two a complex number.

    They are the tensor's own memory where that is dense, else a copy that the next span overwrites.
    """

    def __init__(self, tensor: torch.Tensor) -> None:
        self.dtype = tensor.dtype
        self.parts = 2 if tensor.is_complex() else 1
        self._tensor = tensor = readable(tensor.detach())
        self.shape = tuple(tensor.shape)  # of one axis or more
        self._array, self._copy = None, None
        if not (tensor.is_cpu and tensor.is_contiguous()) or tensor.is_conj() or tensor.is_neg():
            self._copy = tensor = torch.empty(min(CHUNK, tensor.numel()), dtype=tensor.dtype)
        elif tensor.dtype in _NUMPY:
            self._array = tensor.numpy()
            self._bits: Integers = self._array.reshape(-1).view(_NUMPY[tensor.dtype])
            return
        self._bits = bits_of(tensor)

    def read(self, span: Span) -> Integers:
        if self._copy is None:
            start = span.start * self.parts
            return self._bits[start : start + span.elements * self.parts]
        self._copy[: span.elements].view(span.shape).copy_(span.of(self._tensor))
        return self._bits[: span.elements * self.parts]

    def numbers_at(self, flat: Places) -> list[Any]:
        """Single elements as Python's int, bool, float or complex, exactly."""
        if self._array is not None:
            return list(self._array.take(flat).tolist())
        places = tuple(map(torch.from_numpy, np.unravel_index(flat, self._tensor.shape)))
        if self.parts == 2:
            return list(self._tensor[places].to(torch.complex128).tolist())
        # Not every dtype can be indexed, but the integers of its width can.
        some = self._tensor.view(INTEGERS[self._tensor.element_size()])[places].view(self._tensor.dtype)
        return list((some.to(torch.float64) if some.is_floating_point() else some).tolist())


def together(tensors: Sequence[torch.Tensor | Reader]) -> Iterator[tuple[Span, list[Integers]]]:
    """Tensors of one shape in C order: every span with the bits of its elements in each, see `as_tensor`."""
    readers = [Reader(tensor) if isinstance(tensor, torch.Tensor) else tensor for tensor in tensors]
    for span in spans(readers[0].shape):
        yield span, [reader.read(span) for reader in readers]


def readable(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor of one axis or more whose dtype torch can convert; packed bits are read as bytes."""
    tensor = tensor.view(torch.uint8) if _is_packed(tensor.dtype) else tensor
    return tensor if tensor.ndim else tensor.reshape(1)


@functools.cache
def _is_packed(dtype: torch.dtype) -> bool:
    name = str(dtype).removeprefix("torch.")
    return name.startswith(("bits", "float4")) or name in {
        f"{sign}int{bits}" for sign in ("", "u") for bits in range(1, 8)
    }


def bits_of(dense: torch.Tensor) -> Integers:
    """A dense tensor's memory, flat, as integers of its dtype's width, two a complex number."""
    dense = torch.view_as_real(dense) if dense.is_complex() else dense
    return dense.view(INTEGERS[dense.itemsize]).numpy().reshape(-1)


def as_tensor(bits: Integers, dtype: torch.dtype) -> torch.Tensor:
    """Bits as what they are."""
    return torch.from_numpy(bits).view(torch.uint8 if _is_packed(dtype) else dtype)


class Scratch:
    """Arrays for one chunk, all views of the thread's own memory, which every chunk overwrites."""

    def __init__(self, memory: list[torch.Tensor], ones: torch.Tensor, elements: int, parts: int) -> None:
        self.tensors = [side[: elements * parts] for side in memory[:3]]
        self.actual, self.expected, self.delta = (
            tensor.numpy() for tensor in self.tensors
        )  # two numbers a complex one
        self.codes = memory[2][:elements].view(torch.int64)  # where `delta` lies
        self.rows = [_rows(side) for side in (self.expected, self.delta)]
        self.scale, self.other = (side[:elements].numpy() for side in memory[3:5])
        self.narrow, self.spare = self.scale.view(np.float32)[:elements], self.scale.view(np.float32)[elements:]
        self.steps = self.other.view(np.int32)[:elements]
        self.mask: Mask = memory[5][: elements * parts].numpy()
        self.ones = ones[:elements]  # not to be overwritten


def _rows(numbers: Floats) -> tuple[Floats, Floats]:
    """A table of them, and what is left over. To rows so short numpy's BLAS sets no threads of its own."""
    count = max(1, math.ceil(len(numbers) / _ROW))
    length = len(numbers) // count
    return numbers[: count * length].reshape(count, length), numbers[count * length :]


class _Memory(threading.local):
    """Made once for a thread and used by one pass after another: fresh memory costs more than a small output does."""

    def __init__(self) -> None:
        self.room = 0

    def scratch(self, elements: int, parts: int) -> Scratch:
        if self.room < elements * parts:
            self.room = elements * parts
            memory = [torch.empty(self.room, dtype=torch.float64) for _ in range(5)]
            memory.append(torch.empty(self.room, dtype=torch.bool))
            ones = torch.ones(self.room, dtype=torch.int32)
            self._cut = functools.lru_cache(8)(functools.partial(Scratch, memory, ones))  # spans come in few lengths
        return self._cut(elements, parts)


_memory = _Memory()


@dataclass
class Chunk:
    """One span of a pair, flat. Its float64 arrays are scratch until they are filled."""

    span: Span
    parts: int  # 2 for complex numbers, which lie in the float64 arrays as two numbers
    bits: tuple[Integers, Integers]  # of actual and of expected
    dtypes: tuple[torch.dtype, torch.dtype]
    scratch: Scratch
    at: Places | None = None  # the elements' flat indices, where they do not follow one another
    bad: Mask | None = None  # numbers that `set_apart` set to zero on both sides
    apart: int = 0  # elements that disagree in NaN or Inf
    equal: bool | None = None  # bit by bit, where somebody has looked

    def __post_init__(self) -> None:
        self.elements = self.span.elements
        self.actual, self.expected, self.delta = self.scratch.actual, self.scratch.expected, self.scratch.delta

    def tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Both sides in their own dtypes."""
        return as_tensor(self.bits[0], self.dtypes[0]), as_tensor(self.bits[1], self.dtypes[1])

    def flat(self, places: Places) -> Places:
        """Flat indices in the outputs of elements of this chunk."""
        return places + self.span.start if self.at is None else self.at[places]

    def widen(self) -> None:
        """Fill `actual` and `expected`."""
        for bits, dtype, side in zip(self.bits, self.dtypes, self.scratch.tensors, strict=False):
            if self.parts == 1 and dtype in _FLOATS:
                np.copyto(side.numpy(), bits.view(_FLOATS[dtype]))
            else:
                (side.view(torch.complex128) if self.parts == 2 else side).copy_(as_tensor(bits, dtype))

    def dots(self) -> tuple[float, float, float]:
        """Δ·Δ, expected·Δ and expected·expected."""
        (e, e_rest), (d, d_rest) = self.scratch.rows
        dd, ed, ee = (sum(np.vecdot(one, other).tolist()) for one, other in ((d, d), (e, d), (e, e)))
        if len(d_rest):
            dd, ed, ee = dd + d_rest @ d_rest, ed + e_rest @ d_rest, ee + e_rest @ e_rest
        return float(dd), float(ed), float(ee)

    def subtract(self) -> None:
        """Δ in float64; of 64-bit integers exactly, although float64 cannot tell 2**53 from its successor."""
        kinds = set(self.dtypes)
        if kinds == {torch.uint64} or (torch.int64 in kinds and kinds <= _SIGNED):
            _subtract_integers(*self.tensors(), self.delta)
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
        """|x| of every element of `actual`, `expected` or `delta`, in the scratch `out`."""
        view: Any = numbers if self.parts == 1 else numbers.view(np.complex128)
        return np.abs(view, out=out[: self.elements])  # type: ignore[no-any-return]


_SIGNED = {torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool}


def _subtract_integers(actual: torch.Tensor, expected: torch.Tensor, delta: Floats) -> None:
    unsigned = actual.dtype == torch.uint64
    a, e = (side.numpy() if unsigned else side.to(torch.int64).numpy() for side in (actual, expected))
    above, difference = a >= e, a.view(np.uint64) - e.view(np.uint64)  # modulo 2**64: the true one where a >= e
    np.copyto(delta, np.where(above, difference, -difference))
    np.negative(delta, out=delta, where=~above)


def pairs(actual: torch.Tensor | Reader, expected: torch.Tensor | Reader) -> Iterator[Chunk]:
    """All elements of two tensors of one shape in C order. One pass at a time: all use the thread's scratch."""
    actual, expected = (side if isinstance(side, Reader) else Reader(side) for side in (actual, expected))
    parts = max(actual.parts, expected.parts)
    dtypes = actual.dtype, expected.dtype
    for span, (actual_bits, expected_bits) in together((actual, expected)):
        yield Chunk(span, parts, (actual_bits, expected_bits), dtypes, _memory.scratch(span.elements, parts))


def gathered(bits: tuple[Integers, Integers], at: Places, dtype: torch.dtype) -> Chunk:
    """Real elements from anywhere, at most CHUNK, as a chunk of their own. It uses the thread's scratch too."""
    span = Span(0, len(at), (), 0, (len(at),))
    return Chunk(span, 1, bits, (dtype, dtype), _memory.scratch(len(at), 1), at)
