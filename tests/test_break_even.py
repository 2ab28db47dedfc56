"""After how many calls an export has paid for itself, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tsdash import stats
from tsdash.spec import CONTROL, EAGER, Arm, Case, Footprint, Latency


def measured(eager_s: float, exported_s: float, control_s: float) -> Latency:
    """Steady arms, and an artefact that loads in 2 s and answers its first call in 1 s."""
    times = {EAGER: eager_s, CONTROL: control_s, "trace": exported_s}
    arms = tuple(Arm(name=name, warmup_s=(), samples_s=(seconds,) * 8) for name, seconds in times.items())
    footprint = Footprint(mode="trace", load_s=2.0, first_call_s=1.0, peak_bytes=None)
    return Latency(case=Case(id="c1", dims={}), arms=arms, footprints=(footprint,))


def test_the_calls_that_pay_for_the_export() -> None:
    """8 s of export, 2 s of load, 1 s of the first call; 3 ms are saved by each of the others: 3,666 calls."""
    found = stats.break_even(measured(0.005, 0.002, 0.005), "trace", export_s=8.0)
    assert found is not None
    assert (found.calls, found.cost_s) == (3666, 11.0)
    assert found.saving_s == pytest.approx(0.003)


def test_a_saving_that_the_control_explains_never_pays() -> None:
    """Where eager differs from itself by as much, nothing is claimed, and no number of calls is named."""
    for eager_s, exported_s, control_s in ((0.005, 0.004, 0.004), (0.002, 0.002, 0.002), (0.002, 0.005, 0.002)):
        found = stats.break_even(measured(eager_s, exported_s, control_s), "trace", export_s=1.0)
        assert found is not None
        assert found.calls is None


def test_what_was_not_measured_has_no_break_even() -> None:
    """Without the arm or the first call there is nothing to divide."""
    latency = measured(0.005, 0.002, 0.005)
    assert stats.break_even(latency, "script", export_s=1.0) is None
    assert stats.break_even(replace(latency, footprints=()), "trace", export_s=1.0) is None
