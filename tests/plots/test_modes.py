"""All modes side by side: aligned panels and small multiples, also with ten modes and many shapes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tsdash import formats
from tsdash.plots import ModeRow, alt_text, latency_shapes, mode_answers, mode_costs, mode_differences
from tsdash.spec import CONTROL, EAGER, Arm, Case, Histogram, Latency
from tsdash.tokens import MODES, mode_colour

ROW = ModeRow(
    mode="script",
    verdict="ship",
    counts={"identical": 38, "mismatch": 2},
    max_abs=11.3,
    speed_up=(1.44, 1.43, 1.45),
    claimed=True,
    first_call_s=0.004,
    artefact_bytes=402 * 1024,
    peak_bytes=17 * 2**20,
    export_s=0.21,
)
TEN = [replace(ROW, mode=mode) for mode in [*MODES, "one more"]][:10]
HISTOGRAM = Histogram(low=-20, counts=(0,) * 100 + (7,) + (0,) * 59, zero=5)


def timed(case: str, modes: list[str], calls: int) -> Latency:
    arms = [Arm(name=name, warmup_s=(), samples_s=tuple(1e-4 + 1e-7 * i for i in range(calls))) for name in modes]
    return Latency(case=Case(id=case, dims={"batch": 2}), arms=tuple(arms))


def weight(fig) -> int:  # type: ignore[no-untyped-def]
    return len(fig.to_json().encode())


def test_the_numbers_of_every_mode_are_in_the_text_alternative() -> None:
    text = alt_text(mode_answers([ROW], False))
    assert text == "One row a mode. script: ship, 38 identical, 2 mismatch, worst |Δ| 11, speed-up 1.44× [1.43, 1.45]."
    assert "artefact: script 402 KiB" in alt_text(mode_costs([ROW], False))


def test_what_was_not_measured_is_said_and_not_zero() -> None:
    """A mode that does not export has no size, no time and nothing to compare."""
    bare = ModeRow(mode="export", verdict="do_not_ship", counts={"export_error": 40})
    words = [note.text for note in mode_answers([ROW, bare], False).layout.annotations]
    assert {"nothing to compare", "not timed"} <= set(words)
    assert [list(bar.text)[1] for bar in mode_costs([ROW, bare], False).data] == ["not measured"] * 5


@pytest.mark.parametrize("dark", [False, True])
def test_the_panels_keep_the_colour_of_a_mode(dark: bool) -> None:
    bar = mode_costs([ROW], dark).data[0]
    assert list(bar.marker.color) == [mode_colour("script", dark)]


def test_an_export_that_saves_nothing_never_pays_for_itself() -> None:
    """A number of calls stands only where a saving is claimed; that there is none is not the same as not measured."""
    rows = [replace(ROW, break_even_calls=345), replace(ROW, mode="trace", never_pays=True)]
    assert list(mode_costs(rows, False).data[-1].text) == ["345 calls", "no saving"]
    assert "pays for itself after: script 345 calls" in alt_text(mode_costs(rows, False))


def test_a_heading_says_on_hover_how_its_numbers_are_computed() -> None:
    hints = [note.hovertext for note in mode_answers([ROW], False).layout.annotations if note.hovertext]
    assert len(hints) == 3
    assert any("bootstrap" in hint for hint in hints)


def test_ten_modes_have_a_row_each() -> None:
    """Every row keeps its height, so that nothing is squeezed."""
    few, many = mode_answers(TEN[:2], False), mode_answers(TEN, False)
    assert (many.layout.height - few.layout.height) / 8 >= 30
    assert len(many.layout.yaxis.ticktext) == 10
    assert mode_differences({row.mode: HISTOGRAM for row in TEN}, 2e-6, False).layout.height < 600


def test_a_mode_that_is_equal_everywhere_says_so_in_words() -> None:
    equal = Histogram(low=-20, counts=(0,) * 160, zero=40)
    text = alt_text(mode_differences({"script": equal, "trace": HISTOGRAM, "export": None}, None, False))
    assert "script: all 40 elements equal" in text
    assert "trace: 7 of 12 elements differ" in text
    assert "export: nothing to compare" in text


def test_ten_modes_at_twelve_shapes_stay_below_a_megabyte() -> None:
    """However many calls: a curve is a fixed number of quantiles."""
    arms = [EAGER, CONTROL, *(row.mode for row in TEN)]
    latencies = [timed(f"c{i}", arms, 5000) for i in range(12)]
    fig = latency_shapes(latencies, [f"batch {i}" for i in range(12)], False)
    assert weight(fig) < 1_000_000
    assert CONTROL not in {trace.name for trace in fig.data}


def test_the_medians_of_every_shape_are_in_the_text_alternative() -> None:
    fig = latency_shapes([timed("c1", [EAGER, "trace"], 61)], ["base case"], False)
    assert f"base case: eager {formats.duration(103e-6)}, trace {formats.duration(103e-6)}" in alt_text(fig)


def test_every_column_has_ticks_below_its_last_panel() -> None:
    """Six panels in rows of four: the two without a neighbour below have ticks of their own, the two above others none."""
    fig = mode_differences({row.mode: HISTOGRAM for row in TEN[:6]}, 2e-6, False)
    axes = [fig.layout[f"xaxis{i or ''}"] for i in ("", 2, 3, 4, 5, 6)]
    assert [bool(axis.showticklabels) for axis in axes] == [False, False, True, True, True, True]
    assert [axis.title.text for axis in axes[2:]] == ["|Δ|"] * 4


def test_nothing_timed_is_said() -> None:
    assert "No mode was timed." in alt_text(latency_shapes([], [], False))
