"""New values and layouts for a tensor: what each promises, and what all of them leave alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tsdash.transforms import LAYOUTS, TRANSFORMS

DTYPES = (
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
    torch.int32,
    torch.int64,
    torch.bool,
    torch.cfloat,
)
INTEGERS = (torch.int8, torch.int32, torch.int64)

shapes = st.lists(st.integers(0, 5), max_size=4).map(tuple)
names = st.sampled_from(sorted(TRANSFORMS))


def drawn(shape: tuple[int, ...], dtype: torch.dtype, seed: int, low: int = -5, high: int = 9) -> torch.Tensor:
    """A tensor of any dtype, small whole numbers for the integers."""
    generator = torch.Generator().manual_seed(seed)
    if dtype == torch.bool:
        return torch.rand(shape, generator=generator) < 0.5
    if not dtype.is_floating_point and not dtype.is_complex:
        return torch.randint(low, high + 1, shape, generator=generator, dtype=dtype)
    return torch.randn(shape, generator=generator, dtype=torch.cfloat if dtype.is_complex else torch.float64).to(dtype)


def change(name: str, tensor: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return TRANSFORMS[name](tensor, torch.Generator().manual_seed(seed))


def bits(tensor: torch.Tensor) -> bytes:
    dense = tensor.contiguous().as_strided((tensor.numel(),), (1,))  # contiguous() leaves odd strides at size 0 and 1
    return dense.view(torch.uint8).numpy().tobytes()


@given(name=names, shape=shapes, dtype=st.sampled_from(DTYPES), seed=st.integers(0, 99))
def test_a_transform_keeps_shape_dtype_and_strides(
    name: str, shape: tuple[int, ...], dtype: torch.dtype, seed: int
) -> None:
    """Only values change, and the given tensor keeps its own."""
    tensor = drawn(shape, dtype, seed)
    before = bits(tensor)
    changed = change(name, tensor, seed)
    assert (changed.shape, changed.dtype, changed.stride()) == (tensor.shape, tensor.dtype, tensor.stride())
    assert bits(tensor) == before


@given(name=names, shape=shapes, dtype=st.sampled_from(DTYPES), seed=st.integers(0, 99))
def test_a_transform_repeats_under_one_seed(name: str, shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> None:
    """The same tensor and the same seed give the same bits."""
    tensor = drawn(shape, dtype, 1)
    assert bits(change(name, tensor, seed)) == bits(change(name, tensor, seed))


@given(name=names, shape=shapes, dtype=st.sampled_from(INTEGERS), low=st.integers(0, 20), seed=st.integers(0, 99))
def test_ids_stay_valid(name: str, shape: tuple[int, ...], dtype: torch.dtype, low: int, seed: int) -> None:
    """An integer input never leaves the range it came in, except for 0, which is an id wherever another is, and by the one step
    that a transform is named after."""
    tensor = drawn(shape, dtype, seed, low=low, high=low + 9)
    changed = change(name, tensor, seed)
    down, up = name == "minus_one", name == "plus_one"
    allowed = {0, *range(int(tensor.min()) - down, int(tensor.max()) + up + 1)} if tensor.numel() else set()
    if name == "outside" and tensor.numel():
        allowed.add(min(2 * int(tensor.max()) + 100, torch.iinfo(dtype).max))
    assert set(changed.flatten().tolist()) <= allowed


@given(name=names, steps=st.lists(st.integers(0, 4), min_size=1, max_size=8), down=st.booleans())
def test_offsets_and_lengths_keep_their_order(name: str, steps: list[int], down: bool) -> None:
    """One-dimensional integers in order stay in that order, and lengths above 0 stay above 0."""
    tensor = torch.tensor(steps).cumsum(0) + down
    tensor = tensor.flip(0) if down else tensor
    changed = change(name, tensor)
    step = changed.diff()
    assert bool((step <= 0).all() if down else (step >= 0).all())
    assert int(changed.min()) > 0 or int(tensor.min()) == 0


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_every_transform_says_what_it_does(name: str) -> None:
    """The first line of its docstring is shown beside its name."""
    assert (TRANSFORMS[name].__doc__ or "").endswith(".")


@pytest.mark.parametrize("name", sorted(set(TRANSFORMS) - {"given"}))
def test_every_transform_changes_ordinary_values(name: str) -> None:
    """No name in the list is without effect."""
    tensor = (
        drawn((4, 8), torch.int64, 0, low=3, high=9)
        if name.endswith("_one") or name == "outside"
        else drawn((4, 8), torch.float32, 0)
    )
    assert bits(change(name, tensor)) != bits(tensor)


def test_scaled_values_are_the_given_ones_times_the_factor() -> None:
    """×3, ×100, ×1000 and the tiny ones, in the tensor's own precision."""
    tensor = torch.tensor([1.5, -2.0])
    scaled = {name: change(name, tensor).tolist() for name in ("x3", "x100", "x1000")}
    assert scaled == {"x3": [4.5, -6.0], "x100": [150.0, -200.0], "x1000": [1500.0, -2000.0]}
    assert change("tiny", tensor).tolist() == pytest.approx([1.5e-6, -2e-6])


def test_negative_values_lie_at_or_below_zero() -> None:
    """Magnitudes are kept, masks are inverted."""
    assert change("negative", torch.tensor([1.5, -2.0, 0.0])).tolist() == [-1.5, -2.0, 0.0]
    assert change("negative", torch.tensor([True, False])).tolist() == [False, True]


def test_ones_leave_ids_that_never_were_one() -> None:
    """1 is only used where it lies within the given range."""
    assert change("ones", torch.tensor([[5, 3], [4, 7]])).tolist() == [[5, 3], [4, 7]]
    assert change("ones", torch.tensor([[0, 3], [4, 2]])).tolist() == [[1, 1], [1, 1]]


@given(shape=shapes.filter(lambda shape: 0 not in shape), seed=st.integers(0, 99))
def test_exactly_one_element_is_nan_or_infinite(shape: tuple[int, ...], seed: int) -> None:
    """The others keep their value."""
    tensor = drawn(shape, torch.float32, 1)
    for name, test in (("nan", torch.isnan), ("inf", torch.isinf)):
        changed = change(name, tensor, seed)
        assert int(test(changed).sum()) == 1
        assert int((changed != tensor).sum()) == 1


def test_sparse_keeps_a_tenth() -> None:
    """Of 200 elements 20 stay as they are, of one the one."""
    tensor = drawn((10, 20), torch.float32, 0)
    changed = change("sparse", tensor)
    kept = changed != 0
    assert int(kept.sum()) == 20
    assert torch.equal(changed[kept], tensor[kept])
    assert change("sparse", torch.tensor(3.0)).item() == 3.0


@pytest.mark.parametrize("name", ["shuffled", "reversed"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_a_permutation_has_the_same_values(name: str, dtype: torch.dtype) -> None:
    """In another order."""
    tensor = drawn((6, 7), dtype, 0)
    changed = change(name, tensor)
    assert not torch.equal(changed, tensor)
    assert torch.equal(changed.flatten().sort().values, tensor.flatten().sort().values)


def test_constant_repeats_the_first_element() -> None:
    """For every kind of tensor."""
    assert change("constant", torch.tensor([[2.5, 1.0], [0.0, 9.0]])).tolist() == [[2.5, 2.5], [2.5, 2.5]]
    assert change("constant", torch.tensor([7, 3])).tolist() == [7, 7]


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_a_transform_keeps_unusual_strides(name: str) -> None:
    """Transposed, gapped and expanded inputs, and a wish for gradients, survive a change of values."""
    transposed = drawn((3, 4), torch.float32, 0).t()
    gapped = drawn((3, 8), torch.float32, 0)[:, ::2].requires_grad_()
    assert change(name, transposed).stride() == transposed.stride()
    assert (change(name, gapped).stride(), change(name, gapped).requires_grad) == (gapped.stride(), True)
    expanded = torch.tensor([[1.0], [2.0]]).expand(2, 3)
    assert change(name, expanded).shape == (2, 3)


@given(name=st.sampled_from(sorted(LAYOUTS)), shape=shapes, dtype=st.sampled_from(DTYPES))
def test_a_layout_keeps_the_values(name: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Only the strides change."""
    tensor = drawn(shape, dtype, 0)
    laid_out = LAYOUTS[name](tensor)
    assert (laid_out.shape, laid_out.dtype) == (tensor.shape, tensor.dtype)
    assert bits(laid_out) == bits(tensor)


@pytest.mark.parametrize(
    ("name", "shape", "strides"),
    [
        ("contiguous", (2, 3, 4), (12, 4, 1)),
        ("channels_last", (2, 3, 4, 5), (60, 1, 15, 3)),
        ("channels_last", (2, 3, 4, 5, 6), (360, 1, 90, 18, 3)),
        ("channels_last", (2, 3, 4), (12, 4, 1)),
        ("transposed", (2, 3, 4), (12, 1, 3)),
        ("strided", (2, 3, 4), (24, 8, 2)),
    ],
)
def test_a_layout_has_its_strides(name: str, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
    """Worked out by hand."""
    assert LAYOUTS[name](torch.zeros(shape)).stride() == strides


def test_the_gaps_of_a_strided_tensor_hold_valid_values() -> None:
    """Ids read from a gap are ids, at the wrong place."""
    ids = torch.tensor([[3, 4, 5]])
    laid_out = LAYOUTS["strided"](ids)
    assert torch.as_strided(laid_out, (1, 6), (6, 1)).tolist() == [[3, 5, 4, 3, 5, 4]]


def test_layouts_apply_on_the_meta_device() -> None:
    """Strides without storage."""
    assert LAYOUTS["transposed"](torch.zeros(2, 3, device="meta")).stride() == (1, 2)


def test_one_id_is_put_outside_of_every_table() -> None:
    """Only one, and never an offset."""
    assert sorted(change("outside", torch.tensor([3, 5, 4])).tolist())[2] == 110
    assert sum(a != b for a, b in zip(change("outside", torch.tensor([3, 5, 4])).tolist(), [3, 5, 4], strict=True)) == 1
    assert change("outside", torch.tensor([0, 2, 5])).tolist() == [0, 2, 5]


def test_one_up_and_one_down_leave_what_has_to_begin_at_the_start() -> None:
    """Offsets begin with 0, a length of 1 cannot shrink; other lengths and ids move by one."""
    assert change("plus_one", torch.tensor([0, 2, 5])).tolist() == [0, 2, 5]
    assert change("minus_one", torch.tensor([[4, 1]])).tolist() == [[4, 1]]
    assert change("plus_one", torch.tensor([3, 5])).tolist() == [4, 6]
    assert change("minus_one", torch.tensor([3, 5])).tolist() == [2, 4]
