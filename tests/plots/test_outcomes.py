"""The grid of outcomes: cells, groups, clicks, and what it does when cases are many."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest

from tsdash.plots import alt_text, outcome_grid, outlined
from tsdash.plots.outcomes import MOST_COLUMNS, NARROWEST_PX
from tsdash.tokens import OUTCOMES

COLUMNS = ["mode", "case", "varied", "label", "outcome", "hover"]


def table(outcomes: dict[str, list[str]], varied: list[str] | None = None) -> pd.DataFrame:
    """One row a (mode, case); case i is `c{i}`."""
    rows = [
        (mode, f"c{i}", (varied or ["values"] * len(row))[i], f"v{i}", outcome, f"hover {mode} {i}")
        for mode, row in outcomes.items()
        for i, outcome in enumerate(row)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def size_bytes(fig) -> int:  # type: ignore[no-untyped-def]
    return len(fig.to_json().encode())


def test_every_cell_has_its_glyph_and_opens_its_case() -> None:
    """A cell shows the glyph of its outcome, and a click on it gives mode and case."""
    marks = outcome_grid(table({"trace": ["identical", "mismatch"], "script": ["crash", "not_run"]}), False).data[1]
    assert list(marks.text) == ["=", "≠", "†", "·"]
    assert [tuple(cell) for cell in marks.customdata] == [
        ("trace", "c0"),
        ("trace", "c1"),
        ("script", "c0"),
        ("script", "c1"),
    ]


def test_hover_text_is_plain_text() -> None:
    """A message of a user's model cannot become markup, and its lines stay lines."""
    one = table({"trace": ["mismatch"]})
    one["hover"] = "c0: <b>x</b>\nsecond line"
    assert outcome_grid(one, False).data[1].hovertext[0] == (
        "<b>trace</b>  ≠ mismatch<br>c0: &lt;b&gt;x&lt;/b&gt;<br>second line"
    )


def test_fills_are_the_outcome_colours_in_order() -> None:
    """The colour scale has one flat step an outcome, so that a cell's number is its colour."""
    heat = outcome_grid(table({"trace": ["identical", "crash"]}), True).data[0]
    names = list(OUTCOMES)
    assert [list(row) for row in heat.z] == [[names.index("identical"), names.index("crash")]]
    assert heat.colorscale[2 * names.index("crash")][1] == OUTCOMES["crash"].fill[1]


def test_a_cell_that_is_missing_is_not_run() -> None:
    """A table that has only some of the cells still draws them all."""
    both = table({"trace": ["identical", "identical"], "script": ["identical", "identical"]})
    marks = outcome_grid(both.iloc[:3], False).data[1]
    assert marks.text[3] == OUTCOMES["not_run"].glyph


def test_cases_of_one_group_stand_together() -> None:
    """Groups are contiguous even where the cases alternate."""
    fig = outcome_grid(table({"trace": ["identical"] * 4}, varied=["a", "b", "a", "b"]), False)
    assert [cell[1] for cell in fig.data[1].customdata] == ["c0", "c2", "c1", "c3"]


def test_a_grid_that_sessions_share_stays_whole_while_one_outlines_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plotly takes the type out of a trace that it copies, for as long as it copies."""
    both = table({"trace": ["identical"] * 3, "script": ["identical"] * 3})
    grid = outcome_grid(both, False)
    heatmap, seen = type(grid.data[0]), []
    make = heatmap.__init__

    def watched(trace: object, *arguments: object, **options: object) -> None:
        seen.append("type" in grid.data[0].to_plotly_json())
        make(trace, *arguments, **options)

    monkeypatch.setattr(heatmap, "__init__", watched)
    outlined(grid, both, ("script", "c2"), False)
    assert seen
    assert all(seen)


def test_the_selected_cell_is_outlined() -> None:
    """Selection draws a rectangle around exactly its cell."""
    both = table({"trace": ["identical"] * 3, "script": ["identical"] * 3})
    fig = outlined(outcome_grid(both, False), both, ("script", "c2"), False)
    boxes = [shape for shape in fig.layout.shapes if shape.type == "rect"]
    assert {(box.x0, box.x1, box.y0, box.y1) for box in boxes} == {(1.5, 2.5, 0.5, 1.5)}


def test_a_selection_that_does_not_exist_draws_nothing() -> None:
    """A case or mode of another run leaves no outline and raises nothing."""
    found = table({"trace": ["identical"]})
    fig = outcome_grid(found, False)
    for cell in (("script", "c0"), ("trace", "c9")):
        fig = outlined(fig, found, cell, False)
    assert not [shape for shape in fig.layout.shapes if shape.type == "rect"]


def test_many_cases_share_columns_that_show_the_worst() -> None:
    """Beyond sixty columns neighbours of a group share one: its glyph is the worst outcome with how often it occurs."""
    outcomes = ["identical"] * 150
    outcomes[0] = "mismatch"
    outcomes[1] = "crash"
    outcomes[2] = "crash"
    fig = outcome_grid(table({"trace": outcomes}), False)
    marks = fig.data[1]
    assert len(marks.text) == 50
    assert marks.text[0].startswith("†<br>")
    assert ">2<" in marks.text[0]
    assert tuple(marks.customdata[0]) == ("trace", "c1")
    assert "2 of 3 cases" in marks.hovertext[0]
    assert fig.layout.xaxis.ticktext[0] == "v0…v2"
    assert marks.text[1] == "="


def test_not_run_never_hides_what_has_run() -> None:
    """In a shared column a case that has not run is milder than one that has."""
    outcomes = ["not_run"] * 150
    outcomes[0] = "identical"
    assert outcome_grid(table({"trace": outcomes}), False).data[1].text[0] == "="


@pytest.mark.parametrize(("n_modes", "n_cases"), [(1, 1), (10, 40), (10, 1000), (10, 10_000)])
def test_any_size_stays_small_and_low(n_modes: int, n_cases: int) -> None:
    """One to ten modes and one to ten thousand cases give at most sixty columns and far less than a megabyte."""
    outcomes = {f"mode {m}": ["identical"] * n_cases for m in range(n_modes)}
    fig = outcome_grid(table(outcomes, varied=[f"group {i * 12 // n_cases}" for i in range(n_cases)]), False)
    assert len(fig.data[1].x) <= n_modes * MOST_COLUMNS
    assert size_bytes(fig) < 500_000
    assert fig.layout.height < 700


def test_too_many_groups_become_one() -> None:
    """Where every case is a group of its own, all combinations share the columns."""
    fig = outcome_grid(table({"trace": ["identical"] * 200}, varied=[f"g{i}" for i in range(200)]), False)
    assert [note.text for note in fig.layout.annotations][:-1] == ["all combinations"]  # the last says how


@pytest.mark.parametrize("n_groups", [3, 13, 30, 60])
def test_group_names_never_meet(n_groups: int) -> None:
    """On the narrowest page no two names on one height overlap."""
    names = [f"group number {i}" for i in range(n_groups)]
    fig = outcome_grid(table({"trace": ["identical"] * n_groups}, varied=names), False)
    columns = max(n_groups, 24)
    spans: dict[int, list[tuple[float, float]]] = {}
    for note in fig.layout.annotations[:-1]:  # the last says how, outside of the panel
        at, width = (note.x + 0.5) * NARROWEST_PX / columns, len(note.text) * 6
        left = at - width if note.xanchor == "right" else at
        spans.setdefault(note.yshift, []).append((left, left + width))
    assert spans
    for row in spans.values():
        ordered = sorted(row)
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(ordered))


def test_an_empty_table_says_so() -> None:
    """No cases is a state of its own, with words."""
    fig = outcome_grid(pd.DataFrame(columns=COLUMNS), False)
    assert "No cases" in alt_text(fig)


def test_the_alt_text_has_the_numbers() -> None:
    """What the colours say can be read."""
    assert alt_text(outcome_grid(table({"trace": ["identical", "mismatch", "mismatch"]}), False)) == (
        "Outcome of 3 cases in each mode. trace: 1 identical, 2 mismatch."
    )
