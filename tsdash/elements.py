"""Where the elements of an output differ, in a few kilobytes whatever its size: a density, a profile of every axis, maps of axis pairs.

Everything is reduced by maximum, so that a single wrong element is never averaged away. Reading a view needs no torch.
"""

from __future__ import annotations

import base64
import itertools
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tsdash import decades

if TYPE_CHECKING:
    import torch

    from tsdash.chunks import Chunk

LOW, DECADES = -20, 32  # of the density's two axes: 1e-20 to 1e12
PROFILE_BINS = 256
MAP_BINS = 64
MAX_PROFILES = 16
MAX_MAPS = 10

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A float32 array as text: base64 of zlib of its bytes in C order, little-endian."""

    shape: tuple[int, ...]
    text: str


@dataclass(frozen=True, kw_only=True)
class Profile:
    """|Δ| along one axis, over all other axes. Bin i covers the indices from `bounds(size, bins)[i]` up to the next."""

    axis: int
    size: int
    max_abs: Packed  # (bins,)
    mean_abs: Packed  # (bins,), elements that disagree in NaN or Inf taken as 0


@dataclass(frozen=True, kw_only=True)
class BlockMap:
    """The largest |Δ| over blocks of two axes, and over all of the others."""

    rows_axis: int
    columns_axis: int
    rows_size: int
    columns_size: int
    max_abs: Packed  # (bins of the rows, bins of the columns)


@dataclass(frozen=True, kw_only=True)
class ElementView:
    """Where two tensors of one shape differ. NaN or Inf on one side is an infinite |Δ|."""

    shape: tuple[int, ...]
    density: Packed  # (|expected|, |Δ|): counts, with a bin below and one above those between `density_edges()`
    profiles: tuple[Profile, ...]  # of axes longer than 1, the first 16
    maps: tuple[BlockMap, ...]  # of pairs of the longest axes, at most 10


def density_edges() -> Array:
    """The edges between the bins of the density, on both of its axes. Bin 0 lies below the first, zero included."""
    return decades.edges(LOW, DECADES)


def bounds(size: int, bins: int) -> Array:
    """The first index of every bin of an axis, and the axis' size as the last."""
    return np.arange(bins + 1) * size // bins


def unpack(packed: Packed) -> Array:
    """The array in float32."""
    return np.frombuffer(zlib.decompress(base64.b64decode(packed.text)), dtype="<f4").reshape(packed.shape)


def pack(array: Array) -> Packed:
    with np.errstate(over="ignore"):
        text = base64.b64encode(zlib.compress(np.ascontiguousarray(array, dtype="<f4").tobytes(), 6)).decode()
    return Packed(shape=array.shape, text=text)


def view(actual: torch.Tensor, expected: torch.Tensor) -> ElementView:
    """What to draw of two tensors of one shape, whatever their dtypes, from every element. Raises ValueError for two shapes."""
    from tsdash import chunks

    if actual.shape != expected.shape:
        raise ValueError(
            f"shapes {tuple(actual.shape)} and {tuple(expected.shape)} cannot be compared element by element"
        )
    shape = tuple(expected.shape)
    totals = _Totals(shape=shape)
    with np.errstate(all="ignore"):
        for chunk in chunks.pairs(actual.detach(), expected.detach()):
            _add(chunk, totals)
    bins = DECADES * decades.BINS_PER_DECADE + 2
    return ElementView(
        shape=shape,
        density=pack(totals.density.reshape(bins, bins)),
        profiles=tuple(_profile(largest, total) for largest, total in totals.profiles),
        maps=tuple(_map(fold) for fold in totals.maps),
    )


@dataclass
class _Fold:
    """An array over some axes of a shape, each cut into at most `most` bins, into which blocks are folded by `how`."""

    axes: tuple[int, ...]
    shape: tuple[int, ...]
    most: int
    how: np.ufunc
    values: Array = field(init=False)

    def __post_init__(self) -> None:
        self.values = np.zeros([min(self.most, self.shape[axis]) for axis in self.axes])

    def add(self, block: Array, corner: tuple[int, ...]) -> None:
        """A block that lies with its first element at `corner`."""
        others = tuple(axis for axis in range(block.ndim) if axis not in self.axes)
        folded: Array = self.how.reduce(block, axis=others)
        where = []
        for place, axis in enumerate(self.axes):
            low, length, bins, size = corner[axis], folded.shape[place], self.values.shape[place], self.shape[axis]
            if bins < size:
                bin_of_index = ((np.arange(low, low + length) + 1) * bins - 1) // size
                folded = self.how.reduceat(folded, np.flatnonzero(np.diff(bin_of_index, prepend=-1)), axis=place)
                low, length = int(bin_of_index[0]), folded.shape[place]
            where.append(slice(low, low + length))
        part = self.values[tuple(where)]
        self.how(part, folded, out=part)


@dataclass
class _Totals:
    """What the chunks seen so far come to."""

    shape: tuple[int, ...]
    profiles: list[tuple[_Fold, _Fold]] = field(init=False)  # by maximum and by sum
    maps: list[_Fold] = field(init=False)
    bin_of_code: Array = field(default_factory=lambda: decades.bin_of_code(LOW, DECADES))
    density: Array = field(default_factory=lambda: np.zeros((DECADES * decades.BINS_PER_DECADE + 2) ** 2, np.int64))

    def __post_init__(self) -> None:
        shape = self.shape
        long = [axis for axis, size in enumerate(shape) if size > 1]
        self.profiles = [
            (_Fold((axis,), shape, PROFILE_BINS, np.maximum), _Fold((axis,), shape, PROFILE_BINS, np.add))
            for axis in long[:MAX_PROFILES]
        ]
        pairs = sorted(itertools.combinations(long, 2), key=lambda pair: -shape[pair[0]] * shape[pair[1]])
        self.maps = [_Fold(pair, shape, MAP_BINS, np.maximum) for pair in pairs[:MAX_MAPS]]


def _add(chunk: Chunk, totals: _Totals) -> None:
    size, scale = np.empty(chunk.elements), np.empty(chunk.elements)
    chunk.widen()
    chunk.subtract()
    apart = None
    if not np.isfinite(chunk.delta.sum()):
        nan, inf = chunk.set_apart()
        apart = nan | inf
    chunk.moduli(chunk.delta, size)
    chunk.moduli(chunk.expected, scale)
    block = size.reshape(chunk.span.block(len(totals.shape)))
    corner = chunk.span.corner(len(totals.shape))
    for _, total in totals.profiles:
        total.add(block, corner)
    if apart is not None:
        size[apart] = scale[apart] = np.inf
    narrow = block.astype(np.float32)  # as they are stored; rounding keeps their order
    for fold in (*(largest for largest, _ in totals.profiles), *totals.maps):
        fold.add(narrow, corner)
    bins = DECADES * decades.BINS_PER_DECADE + 2
    cells = totals.bin_of_code[decades.codes(scale)].astype(np.intp)
    cells *= bins
    cells += totals.bin_of_code[decades.codes(size)]
    np.add.at(totals.density, cells, 1)


def _profile(largest: _Fold, total: _Fold) -> Profile:
    (axis,), shape = largest.axes, largest.shape
    indices = np.diff(bounds(shape[axis], len(largest.values)))
    elements = indices * (np.prod(shape, dtype=np.float64) / shape[axis])
    return Profile(
        axis=axis, size=shape[axis], max_abs=pack(largest.values), mean_abs=pack(total.values / np.maximum(elements, 1))
    )


def _map(fold: _Fold) -> BlockMap:
    rows, columns = fold.axes
    return BlockMap(
        rows_axis=rows,
        columns_axis=columns,
        rows_size=fold.shape[rows],
        columns_size=fold.shape[columns],
        max_abs=pack(fold.values),
    )
