"""How numbers are written, by example and by property."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdash import formats


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1.2345, "1.23"), (999.9, "1000"), (0.00012345, "0.000123"), (-2.5, "−2.50"), (math.nan, "NaN")],
)
def test_digits_keeps_three_significant_digits(value: float, text: str) -> None:
    """Measured values have three significant digits, a true minus sign and no exponent."""
    assert formats.digits(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (0, "0"),
        (1.23e-7, "1.2×10⁻⁷"),
        (9.99e-3, "1.0×10⁻²"),
        (0.01, "0.010"),
        (11.3, "11"),
        (999, "999"),
        (1000, "1.0×10³"),
        (-4e-12, "−4.0×10⁻¹²"),
        (math.inf, "∞"),
        (math.nan, "NaN"),
    ],
)
def test_delta_is_plain_from_a_hundredth_to_a_thousand(value: float | None, text: str) -> None:
    """|Δ| has two digits, a power of ten outside 0.01 … 1000, and a dash where there is none."""
    assert formats.delta(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(3.14159, "3.142"), (1e-4, "1.000×10⁻⁴"), (123456.0, "1.235×10⁵"), (0.0, "0")]
)
def test_element_has_four_digits(value: float, text: str) -> None:
    """Elements of a tensor show enough digits to see a difference in them."""
    assert formats.element(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "—"),
        (0, "0 s"),
        (2.0, "2.00 s"),
        (999.9e-6, "1.00 ms"),
        (152e-6, "152 µs"),
        (1.5e-9, "1.50 ns"),
        (3e-11, "0.0300 ns"),
    ],
)
def test_durations_take_the_unit_that_fits(seconds: float | None, text: str) -> None:
    """1 to 999 stands before the point where a unit allows it."""
    assert formats.duration(seconds) == text


@given(st.floats(min_value=1e-9, max_value=999.0))
def test_durations_stand_between_1_and_999(seconds: float) -> None:
    """Whatever the time, the number before the unit has one to three digits before its point."""
    number, _ = formats.duration(seconds).split(" ")
    assert 1 <= float(number) < 1000


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_every_number_can_be_written(value: float) -> None:
    """No float, NaN and infinities included, is written with an ASCII minus or an "e"."""
    for written in (formats.digits(value), formats.delta(value), formats.element(value)):
        assert written
        assert "e" not in written
        assert "-" not in written


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "less than 1 s"), (9.4, "9 s"), (200, "3 min"), (8000, "2.2 h")])
def test_waiting_is_coarse(seconds: float, text: str) -> None:
    """A time somebody waits for claims no precision."""
    assert formats.waiting(seconds) == text


@pytest.mark.parametrize(
    ("n_bytes", "text"), [(None, "—"), (0, "0 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (45_000_000, "42.9 MiB")]
)
def test_sizes_are_binary(n_bytes: int | None, text: str) -> None:
    """Bytes are written in KiB, MiB and GiB."""
    assert formats.size(n_bytes) == text


def test_thousands_are_parted_by_narrow_spaces() -> None:
    """Counts are readable without a sign that another country reads as a point."""
    assert formats.count(65536) == "65\u202f536"


def test_every_agrees_in_number() -> None:
    """One is not all."""
    assert [formats.every(n, "case") for n in (1, 2, 1200)] == ["the one case", "all 2 cases", "all 1\u202f200 cases"]


@pytest.mark.parametrize(("n", "text"), [(0, "0 cases"), (1, "1 case"), (2, "2 cases")])
def test_counted_agrees_in_number(n: int, text: str) -> None:
    """One case, two cases."""
    assert formats.counted(n, "case") == text


@pytest.mark.parametrize(
    ("items", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_joined_reads_as_a_sentence(items: list[str], text: str) -> None:
    """A list ends in "and"."""
    assert formats.joined(items) == text


def test_a_ratio_carries_its_interval() -> None:
    """A speed-up has two decimals and, where known, its interval."""
    assert formats.ratio(1.4449, 1.43, 1.45) == "1.44× [1.43, 1.45]"
    assert formats.ratio(1.4449) == "1.44×"


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 9, "0 %"), (9, 9, "100 %"), (1, 10_000, "< 0.1 %"), (9999, 10_000, "> 99.9 %"), (1, 3, "33.3 %"), (1, 0, "—")],
)
def test_share_says_all_or_nothing_only_when_exact(part: int, whole: int, text: str) -> None:
    """0 % and 100 % mean none and all."""
    assert formats.share(part, whole) == text


@pytest.mark.parametrize(("value", "text"), [(0.25, "0.25"), (1500, "1\u202f500"), (20_000.0, "20\u202f000")])
def test_axis_numbers_have_no_spare_digit(value: float, text: str) -> None:
    """A tick says no more than its place."""
    assert formats.plain(value) == text
