"""The comparison against a plain reference in Python numbers, one element at a time, over dtypes, layouts and chunk sizes."""

from __future__ import annotations

import math
import struct
import tracemalloc
from fractions import Fraction
from typing import Any
from unittest import mock

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from tsdash import chunks, decades
from tsdash.compare import against_oracle, compare
from tsdash.spec import PLAIN_TOLERANCE, OutputFacts, from_json, to_json
from tsdash.totals import LOW, WORST

FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
COMPLEX = (torch.complex64, torch.complex128)
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.uint64, torch.bool)
DTYPES = FLOATS + COMPLEX + INTEGERS

NAN, INF = math.nan, math.inf
ODD_FLOATS = (
    0.0,
    -0.0,
    NAN,
    INF,
    -INF,
    1.0,
    -1.0,
    1e-5,
    5e-324,
    1e-45,
    -1e-45,
    6e-8,
    65504.0,
    -65504.0,
    3e38,
    -3e38,
    1.7e308,
    -1.7e308,
    1e-200,
)
SHAPES = ((), (0,), (1,), (7,), (3, 4), (2, 3, 5), (4, 1), (0, 5), (5, 0), (1, 19), (2, 17), (2, 2, 2, 3))


def numbers_of(tensor: torch.Tensor) -> list[Any]:
    """Exact Python numbers, in C order."""
    if tensor.is_complex():
        return list(tensor.to(torch.complex128).reshape(-1).tolist())
    return list((tensor.to(torch.float64) if tensor.is_floating_point() else tensor).reshape(-1).tolist())


def parts_of(number: Any) -> tuple[float, ...]:
    return (number.real, number.imag) if isinstance(number, complex) else (number,)


def relation(a: Any, e: Any) -> str:
    """Whether two numbers can be subtracted ("finite"), or how they disagree."""
    pairs = list(zip(parts_of(a), parts_of(e), strict=True))
    if any(math.isnan(x) != math.isnan(y) for x, y in pairs):
        return "nan"
    if any((math.isinf(x) or math.isinf(y)) and x != y and not math.isnan(x) for x, y in pairs):
        return "inf"
    return "finite"


def cleaned(a: Any, e: Any) -> tuple[Any, Any]:
    """Two numbers that do not disagree, parts that agree in NaN or Inf being 0."""
    parts = [
        (x, y) if math.isfinite(x) and math.isfinite(y) else (0, 0)
        for x, y in zip(parts_of(a), parts_of(e), strict=True)
    ]
    one, other = zip(*parts, strict=True)
    return (complex(*one), complex(*other)) if isinstance(a, complex) else (one[0], other[0])


def distance(a: Any, e: Any) -> Fraction:
    """|a − e|, exact but for the square root of complex numbers."""
    parts = [Fraction(x) - Fraction(y) for x, y in zip(parts_of(a), parts_of(e), strict=True)]
    if len(parts) == 1:
        return abs(parts[0])
    top = max(map(abs, parts))
    return top * Fraction(math.hypot(*(part / top for part in parts))) if top else top


def modulus(number: Any) -> Fraction:
    return distance(number, type(number)(0))


def rounded(number: Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return INF


def ratio(size: Fraction, scale: Fraction) -> float:
    """|Δ| / |expected|, infinite where float64 cannot hold |Δ|."""
    return INF if rounded(size) == INF else rounded(size / scale)


def as_numbers(actual: torch.Tensor, expected: torch.Tensor) -> tuple[list[Any], list[Any]]:
    a, e = numbers_of(actual), numbers_of(expected)
    if actual.is_complex() != expected.is_complex():
        a, e = [complex(x) for x in a], [complex(x) for x in e]
    elif actual.dtype != expected.dtype and "int" not in f"{actual.dtype}"[6:10]:
        a, e = ([float(x) if not isinstance(x, complex) else x for x in side] for side in (a, e))
    return a, e


def reference(actual: torch.Tensor, expected: torch.Tensor) -> dict[str, Any]:
    """What `compare` has to find, worked out one element at a time."""
    a, e = as_numbers(actual, expected)
    relations = [relation(x, y) for x, y in zip(a, e, strict=True)]
    both = [cleaned(x, y) for x, y, how in zip(a, e, relations, strict=True) if how == "finite"]
    sizes = [distance(x, y) for x, y in both]
    top = max(sizes, default=Fraction(0))
    apart = {how: relations.count(how) for how in ("nan", "inf")}
    return {
        "max_abs": rounded(top),
        "mean_abs": rounded(sum(sizes, Fraction(0)) / max(1, len(sizes))),
        "l2": rounded(top * Fraction(math.hypot(*(size / top for size in sizes)))) if top else 0.0,
        "max_rel": max(
            (ratio(size, modulus(y)) for size, (_, y) in zip(sizes, both, strict=True) if y != 0), default=0.0
        ),
        "over_plain": sum(rounded(size) > PLAIN_TOLERANCE for size in sizes) + sum(apart.values()),
        "nan_disagree": apart["nan"],
        "inf_disagree": apart["inf"],
        "zero": sum(size == 0 for size in sizes),
        "one_minus_cosine": one_minus_cosine(both, sizes),
    }


def one_minus_cosine(both: list[Any], sizes: list[Fraction]) -> float:
    """From unit vectors: |u − v|² / 2."""
    if not any(sizes):
        return 0.0
    units = []
    for side in (0, 1):
        parts = [float(part) for pair in both for part in parts_of(pair[side])]
        top = max(map(abs, parts))
        if top == 0:
            return 1.0
        length = math.hypot(*(part / top for part in parts))
        units.append([part / top / length for part in parts])
    return math.fsum((u - v) ** 2 for u, v in zip(*units, strict=True)) / 2


def check(actual: torch.Tensor, expected: torch.Tensor) -> OutputFacts:
    """Compare, and hold every field that the reference knows against it."""
    facts = compare(actual, expected, path="output")
    want = reference(actual, expected)
    assert facts.histogram is not None
    got = {**vars(facts), "zero": facts.histogram.zero}
    for name in ("over_plain", "nan_disagree", "inf_disagree", "zero"):
        assert got[name] == want[name], name
    for name in ("max_abs", "max_rel", "mean_abs", "l2"):
        assert got[name] == pytest.approx(want[name], rel=1e-12, abs=0), name
    assert got["one_minus_cosine"] == pytest.approx(want["one_minus_cosine"], rel=1e-6, abs=1e-14)
    assert from_json(OutputFacts, to_json(facts)) == facts
    return facts


def in_layout(tensor: torch.Tensor, layout: str) -> torch.Tensor:
    """The same elements behind other strides."""
    if layout == "strided":
        wide = torch.zeros((*tensor.shape[:-1], tensor.shape[-1] * 2), dtype=tensor.dtype) if tensor.ndim else tensor
        if tensor.ndim:
            wide[..., ::2] = tensor
            return wide[..., ::2]
    if layout == "transposed" and tensor.ndim > 1:
        return tensor.transpose(0, -1).contiguous().transpose(0, -1)
    if layout == "expanded" and tensor.ndim and tensor.numel():
        return tensor[:1].expand(tensor.shape)
    if layout == "conjugated" and tensor.is_complex():
        return tensor.conj().resolve_conj().conj()
    return tensor


@st.composite
def tensors(draw: st.DrawFn, dtype: torch.dtype, shape: tuple[int, ...]) -> torch.Tensor:
    """A tensor that mixes ordinary numbers with the awkward ones of its dtype."""
    count = math.prod(shape)
    if dtype.is_complex or dtype.is_floating_point:
        floats = st.one_of(st.sampled_from(ODD_FLOATS), st.floats(-4, 4, width=32))
        parts = draw(st.lists(floats, min_size=2 * count, max_size=2 * count))
        if dtype.is_complex:
            return (
                torch.tensor(
                    [complex(*pair) for pair in zip(parts[::2], parts[1::2], strict=True)], dtype=torch.complex128
                )
                .to(dtype)
                .reshape(shape)
            )
        return torch.tensor(parts[:count], dtype=torch.float64).to(dtype).reshape(shape)
    info = (0, 1) if dtype == torch.bool else (torch.iinfo(dtype).min, torch.iinfo(dtype).max)
    integers = st.one_of(st.integers(*info), st.integers(max(info[0], -3), min(info[1], 3)))
    return torch.tensor(draw(st.lists(integers, min_size=count, max_size=count)), dtype=dtype).reshape(shape)


@st.composite
def outputs(draw: st.DrawFn, dtypes: tuple[torch.dtype, ...] = DTYPES) -> tuple[torch.Tensor, torch.Tensor]:
    """Two outputs of one shape and dtype that agree in some elements, in any layouts."""
    dtype, shape = draw(st.sampled_from(dtypes)), draw(st.sampled_from(SHAPES))
    expected, other = draw(tensors(dtype, shape)), draw(tensors(dtype, shape))
    agree = torch.tensor(
        draw(st.lists(st.booleans(), min_size=expected.numel(), max_size=expected.numel())), dtype=torch.bool
    ).reshape(shape)
    actual = torch.where(agree, expected, other)
    layouts = st.sampled_from(("dense", "strided", "transposed", "expanded", "conjugated"))
    return in_layout(actual, draw(layouts)), in_layout(expected, draw(layouts))


@settings(max_examples=150)
@given(pair=outputs(), chunk=st.sampled_from((1, 2, 3, 7, 16, 2**15)))
def test_facts_agree_with_the_reference_whatever_the_dtype_layout_and_chunk(
    pair: tuple[torch.Tensor, torch.Tensor], chunk: int
) -> None:
    """Every sum, maximum and count is that of a loop over Python numbers, wherever the chunks are cut."""
    with mock.patch.object(chunks, "CHUNK", chunk):
        check(*pair)


@settings(max_examples=80)
@given(
    bits=st.lists(
        st.tuples(
            st.integers(0, 0x7F7FFFFF), st.sampled_from((0, 0, 1, -1, 2, 5, 1000, 2**22, -(2**22))), st.booleans()
        ),
        min_size=1,
        max_size=24,
    ),
    chunk=st.sampled_from((1, 3, 2**15)),
)
def test_facts_hold_for_float32_that_are_a_few_steps_apart(bits: list[tuple[int, int, bool]], chunk: int) -> None:
    """The usual case, pairs of neighbours of any size down to the subnormal, has a way of its own and the same facts."""
    near = [(min(max(place + steps, 0), 0x7F7FFFFF), place, -(2**31) if minus else 0) for place, steps, minus in bits]
    actual = torch.tensor([one | sign for one, _, sign in near], dtype=torch.int64).to(torch.int32).view(torch.float32)
    expected = (
        torch.tensor([other | sign for _, other, sign in near], dtype=torch.int64).to(torch.int32).view(torch.float32)
    )
    with mock.patch.object(chunks, "CHUNK", chunk):
        facts = check(actual, expected)
    assert facts.max_ulp == max(abs(one - other) for one, other, _ in near)


@settings(max_examples=60)
@given(
    places=st.lists(st.integers(0, 0x7F7FFFFF), min_size=40, max_size=48),
    wild=st.lists(st.tuples(*[st.one_of(st.sampled_from(ODD_FLOATS), st.floats(width=32))] * 2), max_size=2),
    chunk=st.sampled_from((16, 20, 2**15)),
)
def test_facts_hold_where_a_few_float32_are_far_apart(
    places: list[int], wild: list[tuple[float, float]], chunk: int
) -> None:
    """Among neighbours, a pair of two signs, of two magnitudes or with a NaN is put right by itself."""
    expected = torch.tensor(places, dtype=torch.int32).view(torch.float32)
    actual = torch.nextafter(expected, torch.tensor(0.0))
    for index, (one, other) in enumerate(wild):
        pair = torch.tensor([one, other], dtype=torch.float64).to(torch.float32)
        actual[7 * index], expected[7 * index] = pair[0], pair[1]
    with mock.patch.object(chunks, "CHUNK", chunk):
        facts = check(actual, expected)
    numbers = zip(actual.tolist(), expected.tolist(), strict=True)
    steps = [
        abs(steps_of(a, torch.float32) - steps_of(e, torch.float32))
        for a, e in numbers
        if math.isfinite(a) and math.isfinite(e)
    ]
    assert facts.max_ulp == max(steps, default=0)


def test_a_far_pair_among_close_ones_keeps_its_place() -> None:
    """A pair that is put aside comes before later ones whose |Δ| is the same, and so does the NaN among them."""
    expected = torch.full((128,), 8.0)
    actual = torch.where(torch.arange(128) % 16 == 8, 10.0, torch.nextafter(expected, torch.tensor(9.0)))
    actual[[3, 70]], expected[[3, 70]] = torch.tensor([3.0, NAN]), torch.tensor([1.0, -1.0])
    with mock.patch.object(chunks, "CHUNK", 32):
        worst = compare(actual, expected, path="output").worst
    assert [element.index[0] for element in worst] == [70, 3, *range(8, 128, 16)]


@settings(max_examples=40)
@given(pair=outputs(FLOATS), other=st.sampled_from(DTYPES), chunk=st.sampled_from((1, 5, 2**15)))
def test_two_dtypes_are_compared_by_value_and_never_identical(
    pair: tuple[torch.Tensor, torch.Tensor], other: torch.dtype, chunk: int
) -> None:
    """Values of two dtypes are held against each other in float64."""
    actual, expected = pair
    actual = torch.nan_to_num(actual.to(torch.float64), 0.0, 1.0, 0.0).clamp(0, 1).to(other)
    with mock.patch.object(chunks, "CHUNK", chunk):
        facts = check(actual, expected)
    assert facts.identical == (other == expected.dtype and facts.histogram is not None and same_bits(actual, expected))


def same_bits(actual: torch.Tensor, expected: torch.Tensor) -> bool:
    """Bit for bit, NaN like NaN, through the text of every number."""
    texts = [
        [[part.hex() if isinstance(part, float) else str(part) for part in parts_of(x)] for x in numbers_of(t)]
        for t in (actual, expected)
    ]
    return texts[0] == texts[1]


@settings(max_examples=60)
@given(pair=outputs(), chunk=st.sampled_from((1, 3, 2**15)))
def test_identical_means_the_same_bits_with_nan_like_nan(pair: tuple[torch.Tensor, torch.Tensor], chunk: int) -> None:
    """Identical tells −0.0 from 0.0 and 2**53 from its successor, but no NaN from another."""
    with mock.patch.object(chunks, "CHUNK", chunk):
        assert compare(*pair, path="output").identical == same_bits(*pair)


def steps_of(value: float, dtype: torch.dtype) -> int:
    """The place of a number in the row of all numbers of its dtype, from zero on."""
    form, sign = {torch.float64: ("<d<q", 63), torch.float32: ("<f<i", 31), torch.float16: ("<e<h", 15)}[dtype]
    magnitude = struct.unpack(form[2:], struct.pack(form[:2], abs(value)))[0]
    assert magnitude < 2**sign
    return int(math.copysign(magnitude, value)) if magnitude < 2**53 else (magnitude if value > 0 else -magnitude)


@settings(max_examples=60)
@given(pair=outputs(FLOATS[:3]), chunk=st.sampled_from((1, 3, 2**15)))
def test_ulp_distance_counts_representable_numbers_across_zero(
    pair: tuple[torch.Tensor, torch.Tensor], chunk: int
) -> None:
    """The ULP distance is the number of steps from one value to the other, over finite elements."""
    with mock.patch.object(chunks, "CHUNK", chunk):
        facts = compare(*pair, path="output")
    dtype = pair[0].dtype
    numbers = zip(*map(numbers_of, pair), strict=True)
    steps = [abs(steps_of(a, dtype) - steps_of(e, dtype)) for a, e in numbers if math.isfinite(a) and math.isfinite(e)]
    assert facts.max_ulp == float(max(steps, default=0))


def test_ulp_distance_of_bfloat16_is_that_of_its_sorted_values() -> None:
    """Neighbours in the sorted list of all finite bfloat16 are one ULP apart."""
    every = torch.arange(-(2**15), 2**15).to(torch.int16).view(torch.bfloat16)
    ordered = torch.unique(every[every.isfinite()].to(torch.float64))
    for low, high in ((0, len(ordered) - 1), (100, 40_000), (len(ordered) // 2, len(ordered) // 2 + 1)):
        pair = ordered[low].to(torch.bfloat16), ordered[high].to(torch.bfloat16)
        assert compare(*pair, path="output").max_ulp == high - low


def test_integers_and_complex_numbers_have_no_ulp() -> None:
    """The ULP distance is None where the dtype has none, and where the dtypes differ."""
    for pair in (
        (torch.ones(2, dtype=torch.int32),) * 2,
        (torch.ones(2, dtype=torch.complex64),) * 2,
        (torch.ones(2), torch.ones(2).double()),
    ):
        assert compare(*pair, path="output").max_ulp is None


def flips_of(actual: torch.Tensor, expected: torch.Tensor) -> list[int]:
    """Rows whose first largest element is another one; the first NaN counts as the largest."""

    def winner(row: list[float]) -> int:
        return next((i for i, x in enumerate(row) if math.isnan(x)), row.index(max(row)))

    rows = zip(
        *(side.to(torch.float64).reshape(-1, side.shape[-1]).tolist() for side in (actual, expected)), strict=True
    )
    return [i for i, (a, e) in enumerate(rows) if winner(a) != winner(e)]


@settings(max_examples=60)
@given(pair=outputs(FLOATS), chunk=st.sampled_from((1, 2, 3, 7, 2**15)))
def test_argmax_flips_are_those_of_every_row_even_one_longer_than_a_chunk(
    pair: tuple[torch.Tensor, torch.Tensor], chunk: int
) -> None:
    """The rows along the last axis whose largest element moved are counted, and the first 16 named."""
    actual, expected = pair
    with mock.patch.object(chunks, "CHUNK", chunk):
        facts = compare(actual, expected, path="output")
    if expected.ndim == 0 or expected.shape[-1] < 2:
        assert facts.argmax_rows is None
        return
    assert facts.argmax_rows == expected.numel() // expected.shape[-1]
    want = flips_of(actual, expected) if facts.argmax_rows else []
    assert facts.argmax_flips == len(want)
    assert facts.flipped_rows == tuple(want[:16])


@pytest.mark.parametrize("chunk", [2, 2**15])
def test_a_flip_between_equal_candidates_is_a_tie(chunk: int) -> None:
    """Candidates within a few rounding steps of the row's largest score are a tie; a clear flip is not."""
    expected = torch.tensor([[10.0, 10.0 - 1e-6, 0.0], [3.0, 1.0, 2.0], [1.0, 0.5, 0.0]])
    actual = torch.tensor([[10.0 - 1e-6, 10.0, 0.0], [1.0, 1.0, 2.0], [1.0, 0.5, 0.0]])
    with mock.patch.object(chunks, "CHUNK", chunk):
        facts = compare(actual, expected, path="output")
    assert (facts.argmax_rows, facts.argmax_flips, facts.argmax_ties, facts.flipped_rows) == (3, 2, 1, (0, 1))
    assert facts.flip_gap == 1.0


def test_integers_are_no_table_of_scores() -> None:
    """No argmax is taken over integers, complex numbers or single scores."""
    for tensor in (
        torch.ones(3, 4, dtype=torch.int64),
        torch.ones(3, dtype=torch.complex64),
        torch.ones(3, 1),
        torch.tensor(1.0),
    ):
        assert compare(tensor + 1, tensor, path="output").argmax_rows is None


@pytest.mark.parametrize("place", range(12))
def test_a_nan_in_expected_never_hides_a_mismatch_in_its_chunk(place: int) -> None:
    """A mismatch is found wherever a NaN of eager lies around it."""
    expected = torch.zeros(12)
    expected[place] = NAN
    actual = expected.clone()
    actual[(place + 1) % 12] = 3.0
    with mock.patch.object(chunks, "CHUNK", 4):
        facts = compare(actual, expected, path="output")
    assert (facts.identical, facts.max_abs, facts.over_plain, facts.nan_disagree) == (False, 3.0, 1, 0)


def test_disagreements_in_nan_and_inf_come_first_among_the_worst() -> None:
    """NaN, then Inf, then the largest |Δ|, each with its index."""
    expected = torch.tensor([[1.0, 2.0], [INF, 4.0]])
    actual = torch.tensor([[1.5, NAN], [-INF, 4.25]])
    worst = compare(actual, expected, path="output").worst
    assert [element.index for element in worst] == [(0, 1), (1, 0), (0, 0), (1, 1)]
    assert [element.expected for element in worst] == [2.0, INF, 1.0, 4.0]
    assert math.isnan(worst[0].delta)
    assert [element.delta for element in worst[1:]] == [-INF, 0.5, 0.25]


@settings(max_examples=40)
@given(pair=outputs(FLOATS), chunk=st.sampled_from((1, 3, 16, 2**15)))
def test_the_worst_elements_are_the_largest_differences_earlier_ones_first(
    pair: tuple[torch.Tensor, torch.Tensor], chunk: int
) -> None:
    """Up to ten finite elements by |Δ|, ties by their place."""
    with mock.patch.object(chunks, "CHUNK", chunk):
        facts = compare(*pair, path="output")
    numbers = list(zip(*map(numbers_of, pair), strict=True))
    finite = [
        (-rounded(distance(*cleaned(a, e))), i)
        for i, (a, e) in enumerate(numbers)
        if relation(a, e) == "finite" and distance(*cleaned(a, e)) > 0
    ]
    apart = facts.nan_disagree + facts.inf_disagree
    want = [tuple(map(int, np.unravel_index(i, pair[0].shape))) if pair[0].ndim else () for _, i in sorted(finite)]
    assert [element.index for element in facts.worst[apart:]] == want[: max(0, WORST - apart)]


def test_the_worst_of_many_are_the_first_of_the_largest() -> None:
    """Among thousands of candidates, also where most are equal, the ten kept are the largest and then the first."""
    delta = torch.ones(5000)
    delta[[4000, 30, 700]] = torch.tensor([3.0, 2.0, 3.0])
    worst = compare(delta, torch.zeros(5000), path="output").worst
    assert [element.index[0] for element in worst] == [700, 4000, 30, 0, 1, 2, 3, 4, 5, 6]


@settings(max_examples=40)
@given(
    sizes=st.lists(
        st.one_of(st.floats(0, 1e6), st.floats(0, 1e-10), st.sampled_from((0.0, 5e-324, 1e-12, 1e-5, 1e4))),
        min_size=1,
        max_size=60,
    ),
    chunk=st.sampled_from((1, 8, 2**15)),
)
def test_the_histogram_counts_every_element_once(sizes: list[float], chunk: int) -> None:
    """|Δ| falls between the edges that `decades` names, zeros and what lies outside are counted apart."""
    actual = torch.tensor(sizes, dtype=torch.float64)
    with mock.patch.object(chunks, "CHUNK", chunk):
        histogram = compare(actual, torch.zeros_like(actual), path="output").histogram
    assert histogram is not None
    cuts = decades.edges(histogram.low, len(histogram.counts) // decades.BINS_PER_DECADE)
    assert histogram.counts == tuple(np.histogram([s for s in sizes if s < cuts[-1]], cuts)[0])
    assert histogram.zero == sizes.count(0.0)
    assert histogram.below == sum(0 < s < cuts[0] for s in sizes)
    assert histogram.above == sum(s >= cuts[-1] for s in sizes)


def test_the_histogram_has_five_bins_a_decade() -> None:
    """The edges are powers of 10**(1/5) to within 0.4 %."""
    cuts = decades.edges(LOW, 16)
    np.testing.assert_allclose(cuts, 10.0 ** (LOW + np.arange(81) / 5), rtol=0.004)


def test_differences_of_int64_are_exact_beyond_2_to_the_53() -> None:
    """Neighbouring integers that float64 cannot tell apart differ by 1."""
    expected = torch.tensor([2**53, -(2**63), 2**63 - 1])
    facts = compare(expected + torch.tensor([1, 0, 0]), expected, path="output")
    assert (facts.identical, facts.max_abs, facts.over_plain, facts.l2) == (False, 1.0, 1, 1.0)
    assert compare(torch.tensor([2**63 - 1]), torch.tensor([-(2**63)]), path="output").max_abs == 2.0**64


def test_differences_that_overflow_their_own_dtype_are_taken_in_float64() -> None:
    """The difference of the two largest numbers of a dtype is finite where float64 holds it."""
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        top = torch.finfo(dtype).max
        facts = compare(torch.tensor([top], dtype=dtype), torch.tensor([-top], dtype=dtype), path="output")
        assert (facts.max_abs, facts.inf_disagree) == (2 * top, 0)
    assert (
        compare(torch.tensor([127], dtype=torch.int8), torch.tensor([-128], dtype=torch.int8), path="output").max_abs
        == 255
    )
    assert (
        compare(torch.tensor([0], dtype=torch.uint8), torch.tensor([255], dtype=torch.uint8), path="output").max_abs
        == 255
    )


def test_the_relative_error_of_a_subnormal_number_is_found_among_others() -> None:
    """Twice the smallest float32 is 100 % off, although only one step away."""
    expected = torch.tensor([1.0, 2.0, 1e-45, 3.0])
    actual = torch.tensor([1.25, 2.0, 3e-45, 3.0])
    with mock.patch.object(chunks, "CHUNK", 1):
        assert compare(actual, expected, path="output").max_rel == 1.0


def test_an_infinite_difference_is_not_lost_behind_a_large_relative_error() -> None:
    """Where float64 cannot hold Δ, |Δ| and the relative error are infinite, whatever came before."""
    expected = torch.tensor([1.0, -1.7e308], dtype=torch.float64)
    actual = torch.tensor([1e5, 1.7e308], dtype=torch.float64)
    with mock.patch.object(chunks, "CHUNK", 1):
        facts = compare(actual, expected, path="output")
    assert (facts.max_abs, facts.max_rel, facts.inf_disagree) == (INF, INF, 0)
    assert facts.mean_abs == pytest.approx(1.7e308)
    corner = torch.tensor([complex(1.7e308, 1.7e308)], dtype=torch.complex128)  # of a modulus that is infinite too
    assert compare(torch.zeros_like(corner), corner, path="output").max_rel == INF


def test_zero_of_either_sign_is_no_difference_but_not_identical() -> None:
    """−0.0 for 0.0 is Δ = 0 and 0 ULP, and still other bits."""
    facts = compare(torch.tensor([-0.0, 1.0]), torch.tensor([0.0, 1.0]), path="output")
    assert (facts.identical, facts.max_abs, facts.max_ulp, facts.worst) == (False, 0.0, 0.0, ())


def test_nan_of_another_payload_is_identical() -> None:
    """Every NaN is like every other, in real and in complex numbers."""
    bits = torch.tensor([0x7FC00000, 0x7FC00001], dtype=torch.int32).view(torch.float32)
    assert compare(bits[:1], bits[1:], path="output").identical
    assert compare(torch.complex(bits[:1], bits[:1]), torch.complex(bits[1:], bits[1:]), path="output").identical
    assert not compare(torch.tensor([complex(NAN, 1)]), torch.tensor([complex(NAN, 2)]), path="output").identical


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
def test_norms_hold_where_squares_overflow_or_vanish(scale: float) -> None:
    """l2, mean and cosine are those of the same vectors at scale 1."""
    expected = torch.tensor([3.0, 4.0, 0.0], dtype=torch.float64)
    actual = torch.tensor([3.0, 4.0, 5.0], dtype=torch.float64)
    facts = compare(actual * scale, expected * scale, path="output")
    assert facts.l2 == pytest.approx(5 * scale)
    assert facts.mean_abs == pytest.approx(5 / 3 * scale)
    assert facts.one_minus_cosine == pytest.approx(1 - 1 / math.sqrt(2))


def test_a_small_angle_is_not_lost_to_rounding() -> None:
    """1 − cos of vectors 1e-9 apart is 5e-19, far below the resolution of cos itself."""
    expected = torch.tensor([1.0, 0.0], dtype=torch.float64)
    actual = torch.tensor([1.0, 1e-9], dtype=torch.float64)
    assert compare(actual, expected, path="output").one_minus_cosine == pytest.approx(5e-19, rel=1e-6)


def test_an_export_of_zeros_has_no_direction() -> None:
    """A zero vector is taken as perpendicular to any other."""
    assert compare(torch.zeros(3), torch.ones(3), path="output").one_minus_cosine == 1.0
    assert compare(torch.ones(3), torch.zeros(3), path="output").one_minus_cosine == 1.0


def test_two_shapes_are_refused() -> None:
    """Shapes that differ are a structure difference, not a comparison."""
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(3, 2\)"):
        compare(torch.ones(2, 3), torch.ones(3, 2), path="output")


@pytest.mark.parametrize(
    "name",
    ["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e8m0fnu", "uint16", "uint32", "complex32", "bits8"],
)
def test_rare_dtypes_are_compared_too(name: str) -> None:
    """Every dtype that torch can hold is equal to itself and tells one from another."""
    dtype = getattr(torch, name)
    if name == "bits8":
        one, other = (torch.tensor([value], dtype=torch.uint8).view(dtype) for value in (1, 2))
    else:
        one, other = (torch.tensor([value]).to(dtype) for value in (1, 2))
    assert compare(one, one.clone(), path="output").identical
    facts = compare(other, one, path="output")
    assert (facts.identical, facts.max_abs, facts.dtype) == (False, 1.0, name)


def test_memory_stays_bounded_whatever_the_layout() -> None:
    """A transposed output is not copied as a whole: less than a byte an element of extra memory."""
    expected = torch.ones(2000, 1500).T
    actual = torch.ones(1500, 2000)
    actual[7, 7] = 2.0
    with mock.patch.object(chunks, "CHUNK", 2**10):
        compare(actual, expected, path="output")
        tracemalloc.start()
        facts = compare(actual, expected, path="output")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert facts.max_abs == 1.0
    assert peak < expected.numel()


@settings(max_examples=40)
@given(
    sides=st.sampled_from(SHAPES[1:8]).flatmap(
        lambda shape: st.tuples(*(tensors(dtype, shape) for dtype in (torch.float32, torch.float32, torch.float64)))
    ),
    chunk=st.sampled_from((1, 3, 2**15)),
)
def test_the_oracle_holds_both_sides_against_float64(
    sides: tuple[torch.Tensor, torch.Tensor, torch.Tensor], chunk: int
) -> None:
    """Errors of both sides over the elements that are finite in all three."""
    actual, expected, oracle = sides
    with mock.patch.object(chunks, "CHUNK", chunk):
        got = against_oracle(actual, expected, oracle)
    rows = [
        row for row in zip(*map(numbers_of, (actual, expected, oracle)), strict=True) if all(map(math.isfinite, row))
    ]
    errors = [[abs(a - o) for a, _, o in rows], [abs(e - o) for _, e, o in rows], [abs(o) for _, _, o in rows]]
    tops = [max(values, default=0.0) for values in errors]
    rms = [math.hypot(*values) / math.sqrt(max(1, len(rows))) for values in errors]
    assert (got.actual_max, got.expected_max, got.scale_max) == tuple(tops)
    assert (got.actual_rms, got.expected_rms, got.scale_rms) == pytest.approx(tuple(rms))


@pytest.mark.parametrize(
    ("actual", "expected", "told"),
    [
        ([math.nan, math.nan], [math.nan, math.nan], True),
        ([math.nan, 1.0], [math.nan, 1.0], False),
        ([math.nan, math.nan], [math.nan, 1.0], False),
        ([], [], False),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.complex64])
def test_outputs_of_nothing_but_nan_are_told(actual, expected, told, dtype):
    assert compare(torch.tensor(actual, dtype=dtype), torch.tensor(expected, dtype=dtype), path="").only_nan is told


def test_one_number_among_a_million_nan_is_found():
    """In the last of many chunks; integers are never NaN."""
    nan = torch.full((1_000_003,), math.nan)
    assert compare(nan, nan.clone(), path="").only_nan
    nan[-1] = 0
    assert not compare(nan, nan.clone(), path="").only_nan
    assert not compare(torch.ones(2, dtype=torch.int64), torch.ones(2, dtype=torch.int64), path="").only_nan
