"""The smallest failing input: what remains is needed, and fails as the first one did."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.search.conftest import answered, play, values
from tsdash.search import sentences, shrinking
from tsdash.spec import Case, Side

BASE = Case(id="c1", dims={"n": 4, "m": 3})


def _shrunk(start: Case, fails) -> Case:
    first = answered(start, fails)
    _, best = play(shrinking.probes(first, BASE), lambda case: answered(case, fails))
    assert fails(best.case, values(best.case)), "what it ends with fails"
    return best.case


def test_a_failure_that_needs_nothing_becomes_a_single_zero():
    case = _shrunk(replace(BASE, values="negative", call=3, seed=7), lambda case, x: True)
    assert (case.dims, case.elements, case.call, case.seed) == ({"n": 1, "m": 1}, {"args[0]": (0.0,)}, 1, 0)


@given(least=st.integers(1, 9), size=st.integers(9, 200))
def test_a_size_shrinks_to_the_smallest_that_fails(least, size):
    case = _shrunk(replace(BASE, dims={"n": size, "m": 3}), lambda case, x: case.dims["n"] >= least)
    assert case.dims == {"n": least, "m": 1}


def test_a_circumstance_that_matters_stays():
    case = _shrunk(replace(BASE, dtype="float16", layout="strided", grad=True), lambda case, x: case.dtype == "float16")
    assert (case.dtype, case.layout, case.grad) == ("float16", "given", False)


def test_sizes_that_must_change_together_stay_together():
    case = _shrunk(replace(BASE, dims={"n": 9, "m": 9}), lambda case, x: case.dims["n"] == case.dims["m"] > 4)
    assert case.dims["n"] == case.dims["m"] > 4


def test_the_plainest_number_for_all_elements_is_taken():
    case = _shrunk(replace(BASE, values="negative"), lambda case, x: max(x) < 0)
    assert case.elements == {"args[0]": (-1.0,)}


def test_elements_that_do_not_matter_become_zero_and_the_others_whole():
    """Two of them must stand apart, so no single number does."""
    case = _shrunk(replace(BASE, dims={"n": 5, "m": 1}), lambda case, x: len(x) == 5 and x[3] > 2.7 and x[0] < 1.5)
    assert case.elements == {"args[0]": (0.0, 0.0, 0.0, 5.0, 0.0)}


def test_another_failure_is_not_taken_for_this_one():
    """Small sizes make eager raise, which an export that goes on would fail at too."""

    def answer(case: Case):
        result = answered(case, lambda case, x: True)
        return replace(result, eager=Side(ended="raised")) if case.dims["n"] < 3 else result

    _, best = play(shrinking.probes(answer(replace(BASE, dims={"n": 8, "m": 3})), BASE), answer)
    assert best.case.dims == {"n": 3, "m": 1}


def test_the_smallest_of_all_failures_comes_first_with_its_values():
    origins = [answered(replace(BASE, id=name, dims={"n": 4, "m": m}, varied="m"), lambda *_: True) for name, m in (("c2", 9), ("c3", 2))]  # fmt: skip
    searched = [
        answered(replace(BASE, id=f"s{m}", dims={"n": 1, "m": m}, origin=origin, varied="search", elements={"args[0]": (0.0,)}), lambda *_: True)
        for origin, m in (("c2", 5), ("c3", 2))
    ]  # fmt: skip
    found = shrinking.smallest([*origins, *searched])
    assert [(shrunk.origin, shrunk.case.id) for shrunk in found] == [("c3", "s2"), ("c2", "s5")]
    assert sentences.shrunk(found[0], BASE) == "The smallest input that fails: n 1, m 2: args[0] = [0, 0]."
    smaller = shrinking.shrunk([*origins, *searched], "c2")
    assert smaller is not None
    assert smaller.case.id == "s5"


def test_a_failure_is_shrunk_by_what_was_tried_from_another_of_its_kind():
    """Its own steps lead there; not to what fails for another value."""
    base = answered(replace(BASE, varied="base"), lambda *_: False)
    planned = [answered(replace(BASE, id=name, dims={"n": n, "m": 3}, varied="n"), lambda *_: True) for name, n in (("c2", 8), ("c3", 9))]  # fmt: skip
    tried = [
        answered(replace(BASE, id=f"s{n}", dims={"n": n, "m": 3}, origin="c2", varied="search"), lambda case, x: case.dims["n"] > 4)
        for n in (1, 4, 5, 6)
    ]  # fmt: skip
    elsewhere = answered(replace(BASE, id="s7", values="negative", origin="c9", varied="search"), lambda *_: True)
    found = shrinking.shrunk([base, *planned, *tried, elsewhere], "c3")
    assert found is not None
    assert found.case.id == "s5"


def test_a_failure_that_was_not_searched_from_stays_as_it_is():
    assert shrinking.shrunk([answered(replace(BASE, id="c2"), lambda *_: True)], "c2") is None


@given(number=st.floats(allow_nan=False))
def test_nothing_is_plainer_than_zero(number):
    assert shrinking.cost(0.0) <= shrinking.cost(number)


def test_a_model_without_dims_has_a_smallest_input_too():
    case = Case(id="c2", dims={}, call=3, varied="call")
    found = shrinking.Shrunk(origin="c2", case=case, outcome="mismatch", inputs=answered(case, lambda *_: True).inputs)
    assert sentences.shrunk(found, Case(id="c1", dims={})) == "The smallest input that fails: call 3: args[0] = [1.25]."
