"""Which mode to ship: consistency, then needs, then future, then speed. Every case is worked out by hand."""

from __future__ import annotations

from dataclasses import replace

from tsdash.recommendation import Contender, recommend
from tsdash.stats import Speedup

SCRIPT = Contender(
    mode="script",
    verdict="ship",
    reason="All 40 cases are identical.",
    agreeing=40,
    judged=40,
    runtime=("libtorch",),
    without_python=True,
    deprecated=True,
    future="Deprecated.",
    keeps=(True, True),
)
TRACE = replace(SCRIPT, mode="trace", keeps=(True, False))
FROZEN = replace(SCRIPT, mode="script+freeze", keeps=(False, True))
EXPORT = replace(
    SCRIPT,
    mode="export",
    runtime=("Python", "torch"),
    without_python=False,
    deprecated=False,
    future="Maintained.",
    keeps=(False, True),
)


def bad(contender: Contender, agreeing: int = 33) -> Contender:
    return replace(contender, verdict="do_not_ship", agreeing=agreeing)


def timed(contender: Contender, ratio: float, width: float = 0.02, claimed: bool = True) -> Contender:
    """The contender with a speed-up whose interval is `ratio` ± `width`, beside a control of 1 ± 0.01."""
    speed = Speedup(
        ratio=ratio, low=ratio - width, high=ratio + width, control_low=0.99, control_high=1.01, claimed=claimed
    )
    return replace(contender, speed_up=speed)


def test_a_mode_that_is_wrong_is_never_recommended_however_fast() -> None:
    """Consistency comes before speed."""
    found = recommend([timed(bad(TRACE), 3.0), timed(SCRIPT, 1.05)])
    assert found.mode == "script"
    assert "It is the only one of two modes that can be shipped." in found.reasons


def test_where_none_ships_the_nearest_is_named_but_not_recommended() -> None:
    found = recommend([bad(TRACE, 33), bad(SCRIPT, 39)])
    assert found.mode is None
    assert found.reasons == (
        "No mode can be shipped as it is.",
        "script is nearest: it gives the same answers in 39 of 40 cases.",
    )


def test_a_mode_that_fails_nowhere_says_why_it_is_not_recommended() -> None:
    """It agrees in every case, and too little is known all the same."""
    unsure = replace(SCRIPT, verdict="inconclusive", reason="It was not tried on cuda.")
    assert recommend([unsure]).reasons[1:] == ("script fails in no case, but it was not tried on cuda.",)


def test_where_nothing_agrees_no_mode_is_near() -> None:
    assert recommend([bad(TRACE, 0)]).reasons == ("No mode can be shipped as it is.",)


def test_what_runs_without_python_comes_before_what_is_maintained() -> None:
    """Needs come before future; the reasons say what the choice costs."""
    found = recommend([EXPORT, SCRIPT])
    assert found.mode == "script"
    assert "It runs without Python, which export does not; it needs libtorch." in found.reasons
    assert "Deprecated. export can be shipped too, where Python may be." in found.reasons


def test_export_is_recommended_where_no_torchscript_ships() -> None:
    found = recommend([bad(SCRIPT), EXPORT])
    assert found.mode == "export"
    assert "It needs Python and torch where it runs; no mode that can be shipped runs without Python." in found.reasons
    assert "Maintained." in found.reasons


def test_among_equals_in_future_a_maintained_mode_wins() -> None:
    """Future comes before speed."""
    ahead = replace(EXPORT, without_python=True, runtime=("libtorch",))
    assert recommend([timed(SCRIPT, 2.0), ahead]).mode == "export"


def test_the_fastest_wins_only_where_intervals_part() -> None:
    """1.50 ± 0.02 and 1.20 ± 0.02 part; 1.50 ± 0.02 and 1.47 ± 0.02 do not, and then what keeps more of the model wins."""
    assert recommend([timed(SCRIPT, 1.20), timed(FROZEN, 1.50)]).mode == "script+freeze"
    level = recommend([timed(SCRIPT, 1.47), timed(FROZEN, 1.50)])
    assert level.mode == "script"
    assert level.reasons[-1].startswith("It is 1.47× [1.45, 1.49] as fast as eager; ")
    assert level.reasons[-1].endswith(" cannot be told apart from it by speed.")


def test_a_speed_up_that_the_control_explains_decides_nothing() -> None:
    """1.08 is not claimed: eager differs from itself as much; the mode that keeps its dtype is preferred."""
    found = recommend([timed(FROZEN, 1.08, claimed=False), timed(SCRIPT, 1.0, claimed=False)])
    assert found.mode == "script"
    assert (
        found.reasons[-1]
        == "Its speed, 1.00× [0.98, 1.02], is no other than eager's: eager differs from itself as much."
    )


def test_a_mode_that_is_slower_than_eager_gives_way() -> None:
    """0.5 is a claimed slow-down; the other, whose speed is eager's, is preferred though it keeps less."""
    assert recommend([timed(SCRIPT, 0.5), timed(FROZEN, 1.0, claimed=False)]).mode == "script+freeze"


def test_untimed_modes_go_by_what_they_keep_of_the_model() -> None:
    """Dtype first, then branches."""
    assert recommend([FROZEN, TRACE, SCRIPT]).mode == "script"
    assert recommend([FROZEN, TRACE]).mode == "trace"


def test_libraries_of_operators_are_named_among_the_needs() -> None:
    detector = replace(SCRIPT, runtime=("libtorch", "torchvision"))
    assert "It runs without Python; it needs libtorch and torchvision." in recommend([detector]).reasons


def test_two_builds_that_differ_by_less_than_a_percent_are_as_fast() -> None:
    """1.55 [1.545, 1.555] and 1.54 [1.535, 1.545] meet; 1.53 [1.525, 1.535] misses by less than a percent, 1.5 by more."""
    frozen = timed(FROZEN, 1.55, width=0.005)
    assert recommend([timed(SCRIPT, 1.53, width=0.005), frozen]).mode == "script"
    assert recommend([timed(SCRIPT, 1.5, width=0.005), frozen]).mode == "script+freeze"
