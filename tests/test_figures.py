"""The numbers beside the figures of a case."""

from __future__ import annotations

from tsdash.figures import facts_rows
from tsdash.spec import Oracle, OutputFacts


def test_both_sides_of_the_error_against_float64_are_named() -> None:
    """By its maximum and by its root mean square, which may speak for different sides."""
    oracle = Oracle(
        expected_rms=2e-7, actual_rms=3e-7, expected_max=1.5e-6, actual_max=1.4e-6, scale_rms=1.0, scale_max=1.0
    )
    facts = OutputFacts(path="output", shape=(2,), dtype="float32", elements=2, identical=False, oracle=oracle)
    rows = {name: value for name, value, _ in facts_rows(facts)}
    assert rows["off float64, at most"] == "export 1.4×10⁻⁶, eager 1.5×10⁻⁶"
    assert rows["off float64, rms"] == "export 3.0×10⁻⁷, eager 2.0×10⁻⁷"
