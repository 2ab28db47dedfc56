"""The grid filtered, grouped and sorted: pure tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tsdash import models, plan, tables
from tsdash.spec import RunSpec, Sweep
from tsdash.ui.arrange import LARGEST, WORST, Arrangement, arranged, axes, facets


@pytest.fixture
def spec() -> RunSpec:
    """Two modes on the product of two sizes and two kinds of values."""
    source = models.gallery_source("mlp")
    sweep = Sweep(dims={"batch": (2, 10)}, values=("negative",), product=True)
    return RunSpec(model=source, modes=("trace", "script"), cases=plan.cases(sweep, models.default_dims(source)))


def test_only_what_differs_is_an_axis(spec: RunSpec) -> None:
    """A respect in which all cases are alike is neither a filter nor a group."""
    assert list(axes(spec).columns) == ["case", "batch", "values"]


def test_a_filter_is_any_within_an_axis_and_all_across(spec: RunSpec) -> None:
    """Two sizes and one kind of values: the cases that have either size, and that kind."""
    table = tables.planned(spec)
    only = ("batch: 2", "batch: 10", "values: negative")
    shown = arranged(table, axes(spec), Arrangement(only=only))
    wanted = {case.id for case in spec.cases if case.values == "negative"}
    assert set(shown["case"]) == wanted
    assert len(shown) == 2 * len(wanted)


def test_outcomes_filter_cases_in_which_any_mode_has_them(spec: RunSpec) -> None:
    """A case stays, in all modes, where one mode has the outcome."""
    table = tables.planned(spec)
    bad = (table["mode"] == "script") & (table["case"] == "c3")
    table.loc[bad, "outcome"] = "mismatch"
    shown = arranged(table, axes(spec), Arrangement(only=("outcome: mismatch",)))
    assert list(shown["case"]) == ["c3", "c3"]


def test_groups_stand_under_the_axis_and_its_value(spec: RunSpec) -> None:
    """Grouped by a dim, a column's group says the dim and its size."""
    shown = arranged(tables.planned(spec), axes(spec), Arrangement(group="batch"))
    assert set(shown["varied"]) == {"batch 2", "batch 10"}


def test_sizes_are_sorted_as_numbers(spec: RunSpec) -> None:
    """10 comes after 2."""
    shown = arranged(tables.planned(spec), axes(spec), Arrangement(sort="batch"))
    sizes = {case.id: case.dims["batch"] for case in spec.cases}
    order = [sizes[case] for case in shown.drop_duplicates("case")["case"]]
    assert order == sorted(order)


def test_the_worst_and_the_largest_come_first(spec: RunSpec) -> None:
    """By the worst outcome of any mode; by the largest |Δ| of any mode, what was not compared last."""
    table = tables.planned(spec)
    table.loc[table["case"] == "c4", "outcome"] = "crash"
    table.loc[table["case"] == "c2", "max_abs"] = 3.0
    by_axis = axes(spec)
    assert arranged(table, by_axis, Arrangement(sort=WORST))["case"].iloc[0] == "c4"
    assert arranged(table, by_axis, Arrangement(sort=LARGEST))["case"].iloc[0] == "c2"


def test_facets_name_outcomes_and_values_that_occur(spec: RunSpec) -> None:
    """Nothing can be filtered by that no case has."""
    found = facets(tables.planned(spec), axes(spec))
    assert found == ["outcome: not run", "batch: 2", "batch: 10", "values: as given", "values: negative"]


def test_the_order_of_modes_stays(spec: RunSpec) -> None:
    """Arranging cases never turns the rows round."""
    other = replace(spec, modes=("script", "trace"))
    shown = arranged(tables.planned(other), axes(other), Arrangement(sort="batch"))
    assert list(dict.fromkeys(shown["mode"])) == ["script", "trace"]
