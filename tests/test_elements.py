"""The element view against full-size numpy: nothing is lost on the way into a few kilobytes."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from unittest import mock

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from tsdash import chunks, elements
from tsdash.elements import ElementView, bounds, density_edges, pack, unpack, view
from tsdash.spec import from_json, to_json

SHAPES = [(), (1,), (7,), (300,), (70, 3), (2, 300), (3, 1, 5), (2, 3, 4, 5), (2, 2, 2, 2, 2, 2), (0, 4)]


def outputs(shape: tuple[int, ...], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Two outputs that differ here and there, by magnitudes far apart."""
    random = np.random.default_rng(seed)
    expected = random.standard_normal(shape)
    delta = random.standard_normal(shape) * 10.0 ** random.integers(-12, 3, shape) * (random.random(shape) < 0.7)
    return torch.as_tensor(np.asarray(expected + delta)), torch.as_tensor(np.asarray(expected))


def difference(actual: torch.Tensor, expected: torch.Tensor) -> np.ndarray:
    return np.abs(actual.numpy() - expected.numpy())


@pytest.mark.parametrize("chunk", [1, 5, 64, 2**16])
@pytest.mark.parametrize("shape", SHAPES)
def test_profiles_are_the_maximum_and_mean_of_every_bin(shape: tuple[int, ...], chunk: int) -> None:
    """Every axis longer than 1 has its profile, whatever the rank and wherever the chunks are cut."""
    actual, expected = outputs(shape)
    with mock.patch.object(chunks, "CHUNK", chunk):
        profiles = view(actual, expected).profiles
    size = difference(actual, expected)
    assert [profile.axis for profile in profiles] == [axis for axis, length in enumerate(shape) if length > 1]
    for profile in profiles:
        rows = np.moveaxis(size, profile.axis, 0).reshape(profile.size, -1)
        largest, mean = unpack(profile.max_abs), unpack(profile.mean_abs)
        cuts = bounds(profile.size, len(largest))
        assert len(largest) == min(profile.size, 256)
        for i, (low, high) in enumerate(itertools.pairwise(cuts)):
            assert largest[i] == np.float32(rows[low:high].max(initial=0))
            assert mean[i] == pytest.approx(rows[low:high].mean() if rows.size else 0, rel=1e-5, abs=1e-30)


@pytest.mark.parametrize("chunk", [1, 5, 64, 2**16])
@pytest.mark.parametrize("shape", SHAPES)
def test_maps_are_the_maximum_of_every_block(shape: tuple[int, ...], chunk: int) -> None:
    """Every pair of axes is mapped to blocks, the largest |Δ| of each kept."""
    actual, expected = outputs(shape)
    with mock.patch.object(chunks, "CHUNK", chunk):
        maps = view(actual, expected).maps
    size = difference(actual, expected)
    long = [axis for axis, length in enumerate(shape) if length > 1]
    assert len(maps) == min(10, math.comb(len(long), 2))
    for block_map in maps:
        axes = block_map.rows_axis, block_map.columns_axis
        table = np.moveaxis(size, axes, (0, 1)).reshape(shape[axes[0]], shape[axes[1]], -1).max(axis=2, initial=0)
        blocks = unpack(block_map.max_abs)
        assert blocks.shape == tuple(min(64, length) for length in table.shape)
        cuts = [
            list(itertools.pairwise(bounds(length, bins)))
            for length, bins in zip(table.shape, blocks.shape, strict=True)
        ]
        for (i, (top, bottom)), (j, (left, right)) in itertools.product(enumerate(cuts[0]), enumerate(cuts[1])):
            assert blocks[i, j] == np.float32(table[top:bottom, left:right].max())


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), chunk=st.sampled_from((3, 2**16)))
def test_the_density_counts_every_element_once(seed: int, chunk: int) -> None:
    """|expected| against |Δ|, zero in the lowest bin of either."""
    actual, expected = outputs((40,), seed)
    with mock.patch.object(chunks, "CHUNK", chunk):
        density = unpack(view(actual, expected).density)
    cuts = np.concatenate([[-np.inf], density_edges(), [np.inf]])
    want, _, _ = np.histogram2d(np.abs(expected.numpy()), difference(actual, expected), [cuts, cuts])
    np.testing.assert_array_equal(density, want)


@pytest.mark.parametrize("place", [0, 123_456, 999_999])
def test_a_single_wrong_element_is_never_averaged_away(place: int) -> None:
    """One spike among a million elements stands in every figure, in the bin of its index."""
    expected = torch.zeros(1000, 1000)
    actual = expected.clone()
    actual.view(-1)[place] = 7.0
    found = view(actual, expected)
    row, column = divmod(place, 1000)
    for profile, index in zip(found.profiles, (row, column), strict=True):
        largest = unpack(profile.max_abs)
        (spike,) = np.flatnonzero(largest)
        low, high = bounds(1000, len(largest))[spike : spike + 2]
        assert low <= index < high
    assert np.argwhere(unpack(found.maps[0].max_abs) == 7.0).tolist() == [[row * 64 // 1000, column * 64 // 1000]]
    assert unpack(found.density)[:, 1:].sum() == 1


def test_nan_on_one_side_is_an_infinite_difference() -> None:
    """A disagreement in NaN or Inf is seen in the maxima and left out of the mean; agreement is no difference."""
    expected = torch.tensor([1.0, math.nan, math.inf, 2.0])
    actual = torch.tensor([math.nan, math.nan, math.inf, 2.5])
    (profile,) = view(actual, expected).profiles
    assert unpack(profile.max_abs).tolist() == [math.inf, 0.0, 0.0, 0.5]
    assert unpack(profile.mean_abs).tolist() == [0.0, 0.0, 0.0, 0.5]


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.complex64, torch.int64, torch.uint8, torch.bool]
)
def test_every_dtype_and_layout_has_a_view(dtype: torch.dtype) -> None:
    """The view does not depend on how the elements are stored."""
    expected = torch.zeros(4, 6).to(dtype)
    actual = expected.clone()
    actual[1, 2] = 1
    plain = view(actual, expected)
    assert view(actual.T.contiguous().T, expected[:1].expand(4, 6)) == plain
    assert unpack(plain.maps[0].max_abs)[1, 2] == 1.0


def test_a_view_survives_json_and_stays_small() -> None:
    """A view of any rank is a few dozen kilobytes of JSON, under 200 at worst."""
    for shape in ((300_000,), (512, 600), (60, 70, 80), (9, 9, 9, 9, 9), (3,) * 11):
        actual, expected = outputs(shape)
        found = view(actual, expected)
        text = json.dumps(to_json(found))
        assert from_json(ElementView, json.loads(text)) == found
        assert len(text) < 200_000


def test_the_longest_axes_are_mapped_first() -> None:
    """Of many pairs the ten with the most cells are kept."""
    maps = view(*outputs((2, 3, 4, 5, 6, 7))).maps
    assert len(maps) == elements.MAX_MAPS
    assert (maps[0].rows_axis, maps[0].columns_axis) == (4, 5)


def test_two_shapes_are_refused() -> None:
    """There is no view of outputs that cannot be subtracted."""
    with pytest.raises(ValueError, match="cannot be compared"):
        view(torch.ones(2), torch.ones(3))


def test_an_array_survives_packing() -> None:
    """float32 comes back as it was, with its shape."""
    array = np.array([[0.0, -1.5], [np.inf, 3e-38]], np.float32)
    np.testing.assert_array_equal(unpack(pack(array)), array)


def test_reading_a_view_needs_no_torch() -> None:
    """The server decodes views, and the server never imports torch."""
    code = "import sys, tsdash.elements as e, numpy; e.unpack(e.pack(numpy.ones(3))); e.density_edges(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
