"""The first size that fails, found by bisection, and no more claimed than was tried."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.search.conftest import play, result
from tsdash.search import sentences
from tsdash.search.frontier import DOWN, MOST_REFUSED, UP, frontiers, probes
from tsdash.search.standing import is_made, made
from tsdash.spec import Case, SizeRange

SIZES = st.integers(1, 200)


def _frontier(base, fails, sizes):
    case = Case(id="c1", dims={"n": base})
    results = [result(Case(id=f"c{n}", dims={"n": n}), fails(n)) for n in (base, *sizes)]
    (found,) = frontiers(case, results)
    return found


@given(base=SIZES, limit=SIZES)
def test_where_everything_above_a_limit_fails_it_is_found(base, limit):
    """Bisection ends at the limit itself, in no more steps than halving takes."""
    first, seen = base + limit, base + 4 * limit
    asked, _ = play(probes(base, UP, {base: True, seen: False}), lambda size: size < first)
    known = {base: True, seen: False, **asked}
    assert min(size for size, agrees in known.items() if not agrees) == first
    assert known[first - 1]
    assert len(asked) <= (seen - base).bit_length() + 3


@given(base=st.integers(2, 200), limit=SIZES)
def test_where_everything_below_a_limit_fails_it_is_found(base, limit):
    last = min(limit, base - 1)
    asked, _ = play(probes(base, DOWN, {base: True}), lambda size: size > last)
    known = {base: True, **asked}
    assert max(size for size, agrees in known.items() if not agrees) == last


@given(
    base=SIZES, side=st.sampled_from([UP, DOWN]), answers=st.dictionaries(SIZES, st.sampled_from([True, False, None]))
)
def test_whatever_the_answers_no_size_comes_twice_and_none_is_below_one(base, side, answers):
    """And a size that fails has a neighbour that agrees, unless what lies between was refused."""
    asked, _ = play(probes(base, side, {base: True}), lambda size: answers.get(size, True))
    assert all(size >= 1 and size != base for size in asked)
    known = {base: True, **asked}
    bad = [size for size, agrees in known.items() if agrees is False and (size - base) * side > 0]
    if bad:
        first = min(bad, key=lambda size: abs(size - base))
        before = [size for size, agrees in known.items() if agrees and abs(size - base) < abs(first - base)]
        nearest = max(before, key=lambda size: abs(size - base) if (size - base) * side >= 0 else -1)
        refused = sum(agrees is None for agrees in asked.values())
        assert abs(first - nearest) - 1 <= refused or refused >= MOST_REFUSED


def test_sizes_that_agree_are_tried_twice_as_large_and_no_further():
    asked, _ = play(probes(8, UP, {8: True, 16: True}), lambda size: True)
    assert list(asked) == [32, 64]


@pytest.mark.parametrize(
    ("fails", "sizes", "said"),
    [
        (lambda n: n > 8, (1, 7, 8, 9, 10, 16), "n: fails from 9 up (tried: 9, 10 and 16); agrees at 1, 4, 7 and 8."),
        (lambda n: n < 2, (1, 2, 3, 5, 6), "n: fails at 1; agrees at 2 to 6."),
        (lambda n: n == 5, (1, 3, 5), "n: fails at 5, the largest size tried; agrees at 1, 3 and 4."),
        (
            lambda n: not 2 < n < 6,
            (1, 2, 3, 5, 6, 7),
            "n: fails from 2 down (tried: 1 and 2) and from 6 up (tried: 6 and 7); agrees at 3 to 5.",
        ),
        (lambda n: n % 2 == 1, (1, 3, 5, 6, 8), "n: agrees at multiples of 2 alone (4, 6 and 8), fails at 1, 3 and 5."),
        (lambda n: n in (5, 6), (1, 3, 5, 6, 8), "n: fails at 5 and 6, and agrees at 1, 3, 4 and 8."),
        (lambda n: n != 4, (1, 3, 5), "n: agrees at 4 alone, fails at 1, 3 and 5."),
        (lambda n: False, (1, 8), "n: agrees at every size tried, 1, 4 and 8."),
    ],
)
def test_a_frontier_says_what_was_tried_and_no_more(fails, sizes, said):
    assert sentences.frontier(_frontier(4, fails, sizes)) == said


@pytest.mark.parametrize(
    ("allowed", "said"),
    [
        (SizeRange(dim="n", low=4, high=4), "; torch.export takes 4 alone."),
        (SizeRange(dim="n", low=2, high=None), "; torch.export takes every size from 2 up."),
        (SizeRange(dim="n", low=2, high=8), "; torch.export takes 2 to 8."),
    ],
)
def test_what_torch_export_allows_stands_beside_it(allowed, said):
    assert sentences.frontier(_frontier(4, lambda n: n > 8, (8, 9)), allowed).endswith(said)


def test_a_base_that_fails_has_no_frontier():
    base = Case(id="c1", dims={"n": 4})
    assert frontiers(base, [result(base, True), result(Case(id="c2", dims={"n": 5}), True)]) == ()


def test_a_case_that_differs_in_more_than_the_size_says_nothing_about_it():
    base = Case(id="c1", dims={"n": 4})
    other = Case(id="c2", dims={"n": 5}, values="zeros")
    assert frontiers(base, [result(base, False), result(other, True)]) == ()


def test_a_case_that_a_search_made_is_known_by_its_name():
    """The same case has the same name in every run, and no planned case has such a one."""
    base = Case(id="c1", dims={"n": 4})
    name = made(replace(base, dims={"n": 5}), base).id
    assert name == made(Case(id="other", dims={"n": 5}), base).id
    assert [is_made(text) for text in (name, "c1", "c123456", "search")] == [True, False, False, False]
