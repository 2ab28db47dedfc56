"""The point between two inputs at which the answer flips, and the statistic that tells it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.search.conftest import play, result
from tsdash.search import flip, sentences
from tsdash.spec import Case, InputFacts

BASE = Case(id="c1", dims={"n": 2})
END = replace(BASE, id="c2", values="negative", varied="values")


def _facts(mean, **known):
    """An input of one shape whose mean alone is of interest."""
    return InputFacts(path="args[0]", shape=(1000,), dtype="float32", finite=1000, mean=mean, rms=3.0, low=-7.123 + mean, high=9.123 + mean, **known)  # fmt: skip


def _blended(share, fails, mean):
    case = flip.blend(BASE, END, share)
    return replace(result(case, fails), inputs=(_facts(mean),))


@given(at=st.floats(0.001, 1.0))
def test_bisection_closes_in_on_the_share_at_which_it_flips(at):
    asked, _ = play(flip.probes(), lambda share: share < at)
    agree, fail = [s for s, ok in asked.items() if ok], [s for s, ok in asked.items() if not ok]
    assert max(agree, default=0.0) < at <= min(fail)
    assert min(fail) - max(agree, default=0.0) <= 2.0**-flip.STEPS


def test_a_pair_whose_blend_does_not_fail_at_its_end_is_left():
    assert list(play(flip.probes(), lambda share: True)[0]) == [1.0]


def test_inputs_that_no_point_lies_between_are_no_pair():
    """NaN is not reached by steps; what differs in more than its values is another matter."""
    nan, bigger = replace(BASE, id="c3", values="nan"), replace(END, id="c4", dims={"n": 3})
    results = [result(BASE, False), result(END, True), result(nan, True), result(bigger, True)]
    assert flip.pairs(BASE, results) == [(BASE, END)]


def test_the_statistic_that_passes_a_plain_number_tells_the_flip():
    """A mean that passes 0.5 is what `x.mean() > 0.5` asks for."""
    results = [_blended(0.25, False, 0.50007), _blended(0.25 + 2**-14, True, 0.49993)]
    (found,) = flip.flips(BASE, results)
    assert (found.statistic, found.threshold, found.at) == ("mean", 0.5, (0.50007, 0.49993))
    assert sentences.flip(found) == (
        "Between values as given and negative values the export goes wrong where args[0].mean() passes 0.5: "
        "it agrees at 0.5001 and fails at 0.4999."
    )


def test_without_a_plain_number_the_mean_is_given_on_both_sides():
    (found,) = flip.flips(BASE, [_blended(0.25, False, 0.314159), _blended(0.2501, True, 0.314142)])
    assert (found.statistic, found.threshold) == ("mean", None)
    assert "between args[0].mean() = 0.3142, where it agrees, and 0.3141" in sentences.flip(found)


def test_an_answer_that_flips_back_is_said_to():
    (found,) = flip.flips(BASE, [_blended(s, f, 0.5 - s / 1000) for s, f in ((0.1, False), (0.2, True), (0.3, False))])
    assert found.several
    assert "goes wrong for the first time" in sentences.flip(found)


@given(one=st.floats(-1e6, 1e6), other=st.floats(-1e6, 1e6))
def test_the_plainest_number_lies_between(one, other):
    assert min(one, other) <= flip.plainest(one, other) <= max(one, other)


@pytest.mark.parametrize(("one", "other", "plain"), [(0.4999, 0.5001, 0.5), (-1e-9, 3.0, 0.0), (-31.0, -29.0, -30.0), (15.99, 16.02, 16.0)])  # fmt: skip
def test_the_plainest_number_has_the_fewest_digits(one, other, plain):
    assert flip.plainest(one, other) == plain
