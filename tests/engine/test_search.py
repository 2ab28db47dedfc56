"""A run narrows a failure down with cases of its own, and stops when its time is up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.engine.conftest import played
from tests.search.conftest import answered
from tsdash.engine import searching
from tsdash.records import Record
from tsdash.report import check_report
from tsdash.search.found import found
from tsdash.search.shrinking import shrunk
from tsdash.spec import SEARCH, Case, Sweep
from tsdash.verdicts import verdicts

BRANCH = """
import torch
class M(torch.nn.Module):
    def forward(self, x):
        if x.mean() > 0.5:
            return x * 3
        return x - 1
def make_model():
    return M().eval()
def make_inputs(n=2):
    return (torch.ones(n, 4),)
"""
LIMIT = """
import torch
class M(torch.nn.Module):
    def forward(self, x):
        return x * 2 if x.size(0) < 7 else x
def make_model():
    return M().eval()
def make_inputs(n=4):
    return (torch.ones(n, 2),)
"""


def test_the_value_at_which_the_answer_flips_is_found(check: Callable[..., Record]) -> None:
    """The mean that the branch asks for; and the failing input that remains is a single row of zeros."""
    record = check(BRANCH, sweep=Sweep(values=("negative",)), search_s=60.0)
    seen = found(record, "trace")
    (flip,) = seen.flips
    assert (flip.path, flip.statistic, flip.threshold) == ("args[0]", "mean", 0.5)
    assert flip.at[0] > 0.5 >= flip.at[1] > 0.4998
    assert seen.smallest[0].case.dims == {"n": 1}
    assert seen.sentences[0] == "The smallest input that fails: n 1: args[0] = [[0, 0, 0, 0]]."


def test_the_first_size_that_fails_stands_beside_what_torch_export_allows(check: Callable[..., Record]) -> None:
    """With every neighbour tried; the cases of the search are in the report, and counted apart from those that were planned."""
    record = check(LIMIT, modes=("trace", "export"), sweep=Sweep(dims={"n": (4, 16)}), search_s=60.0)
    (edge,) = found(record, "trace").frontiers
    assert (edge.up.agrees, edge.up.fails, edge.down.fails) == (6, 7, None)
    report = check_report(record)
    searched = report["modes"]["trace"]["search"]
    assert searched["frontiers"][0]["torch_export"]["high"] == 6
    assert searched["cases"] == sum(case["varied"] == SEARCH for case in report["modes"]["trace"]["cases"]) > 0
    assert (report["sweep"]["planned"], report["sweep"]["done"]) == (4, 4)
    assert "Wrong answers in 1 of 2 cases (varying n)" in verdicts(record)["trace"].reasons[0]


def test_without_time_nothing_is_searched(check: Callable[..., Record]) -> None:
    assert found(check(BRANCH, sweep=Sweep(values=("negative",))), "trace").cases == 0


def test_a_mode_that_fails_nowhere_is_not_searched(check: Callable[..., Record]) -> None:
    assert (
        found(check(BRANCH, modes=("script",), sweep=Sweep(values=("negative",)), search_s=60.0), "script").cases == 0
    )


def test_the_repro_of_a_case_has_the_smallest_input_that_fails_like_it(check: Callable[..., Record]) -> None:
    record = check(LIMIT, sweep=Sweep(dims={"n": (4, 16)}), search_s=60.0)
    smaller = shrunk(record.of("trace"), "c2")
    assert smaller is not None
    assert (smaller.case.dims, smaller.case.elements) == ({"n": 7}, {"args[0]": (1.0,)})


@pytest.mark.parametrize("budget", [0.0, -1.0])
def test_a_search_that_has_no_time_left_asks_for_nothing(budget: float) -> None:
    base = Case(id="c1", dims={"n": 2})
    asked: list[Case] = []

    async def run(case: Case):
        asked.append(case)
        return answered(case, lambda case, x: True)

    async def scenario() -> None:
        results = [answered(base, lambda *_: False), answered(replace(base, id="c2", dims={"n": 9}, varied="n"), lambda *_: True)]  # fmt: skip
        await searching.search(results[0], results, run, budget)

    played(scenario())
    assert asked == []


def test_a_search_that_hangs_once_is_over() -> None:
    """A case that was killed at the limit has taken the time of a hundred others."""
    base = Case(id="c1", dims={"n": 2})
    asked: list[Case] = []

    async def run(case: Case):
        asked.append(case)
        await asyncio.sleep(0)
        result = answered(case, lambda *_: True)
        return replace(result, exported=replace(result.exported, ended="timeout"))

    async def scenario() -> None:
        results = [answered(base, lambda *_: False), answered(replace(base, id="c2", dims={"n": 9}, varied="n"), lambda *_: True)]  # fmt: skip
        await searching.search(results[0], results, run, 60.0)

    played(scenario())
    assert len(asked) == 1


GUARD = """
import torch
class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.longest = 40
    def forward(self, x):
        if x.size(0) > self.longest:
            raise ValueError("too long")
        return x * 2
def make_model():
    return M().eval()
def make_inputs(n=4):
    return (torch.ones(n, 2),)
"""


def test_a_size_beyond_a_number_that_forward_compares_with_is_tried_though_nothing_else_fails(
    check: Callable[..., Record],
) -> None:
    """And what fails there is explained like a planned case."""
    record = check(GUARD, search_s=60.0)
    (edge,) = found(record, "trace").frontiers
    assert (edge.up.agrees, edge.up.fails) == (40, 41)
    assert verdicts(record)["trace"].verdict == "do_not_ship"
    assert (record.causes["trace"][0].cause, record.causes["trace"][0].line) == ("lost_check", 8)
