"""The grid of a run in progress."""

from __future__ import annotations

import re

import pandas as pd

from tsdash.ui.cells import live_grid


def table(outcomes: list[str], *, mode: str = "trace", varied: str = "values") -> pd.DataFrame:
    """One mode on as many cases as there are outcomes, the first of which is the base case."""
    return pd.DataFrame(
        {
            "mode": mode,
            "case": [f"c{i}" for i in range(len(outcomes))],
            "varied": ["base", *[varied] * (len(outcomes) - 1)],
            "label": [f"label {i}" for i in range(len(outcomes))],
            "outcome": outcomes,
            "hover": "",
        }
    )


def boxes(grid: str) -> list[str]:
    return re.findall(r'<span class="(ts-box[^"]*)"', grid)


def test_the_case_that_is_being_run_is_outlined() -> None:
    """The one cell of its mode and case, and none where nothing is being run."""
    both = pd.concat([table(["identical", "not_run", "not_run"]), table(["not_run"] * 3, mode="script")])
    assert [("ts-runs" in box) for box in boxes(live_grid(both, ("trace", "c1")))] == [False, True, False] + [False] * 3
    assert "ts-runs" not in live_grid(both, ("latency", "c0"))


def test_a_group_begins_with_a_rule() -> None:
    """The base case, and the first of what was varied."""
    grid = live_grid(table(["identical"] * 4), ("", ""))
    assert [("ts-first" in box) for box in boxes(grid)] == [True, True, False, False]
    assert grid.count("<em ") == 2


def test_every_state_of_a_row_is_as_high_as_any_other() -> None:
    """Where columns share cases the row has room for a count before anything failed, so that nothing jumps."""
    assert 'class="ts-grid ts-many"' in live_grid(table(["not_run"] * 100), ("", ""))
    assert 'class="ts-grid"' in live_grid(table(["not_run"] * 10), ("", ""))


def test_names_of_users_are_text() -> None:
    """What a model file calls a dimension is escaped."""
    grid = live_grid(table(["identical"] * 2, varied="<b>"), ("", ""))
    assert "<b>" not in grid
    assert "&lt;b&gt;" in grid


def test_a_reader_of_screens_hears_the_counts() -> None:
    """The same text alternative as the figure has."""
    grid = live_grid(table(["identical", "mismatch", "mismatch"]), ("", ""))
    assert 'aria-label="Outcome of 3 cases in each mode. trace: 1 identical, 2 mismatch."' in grid
