"""Error along the network."""

from __future__ import annotations

from math import inf

from tsdash.plots import alt_text, divergence
from tsdash.spec import Divergence

FOUND = (
    Divergence(path="stem", type="Linear", accumulated=0.0, local=0.0),
    Divergence(path="block.gate", type="Gate", accumulated=1e-3, local=2e-3),
    Divergence(path="block", type="Sequential", accumulated=1e-2),
    Divergence(path="the model", type="Net", accumulated=inf, local=0.5),
)


def test_the_title_names_the_first_that_errs_by_itself() -> None:
    """Not the first whose output is off, but the first that is off although its inputs agree."""
    assert (
        divergence(FOUND, "trace", False).layout.title.text
        == "Along the network: block.gate is the first to answer otherwise"
    )


def test_zero_and_infinity_have_their_own_rows() -> None:
    """Neither has a place on a log axis, and both say something."""
    fig = divergence(FOUND, "trace", True)
    heights = dict(zip(fig.data[0].x, fig.data[0].y, strict=True))
    assert heights[0] < min(heights[1], heights[2]) < max(heights[1], heights[2]) < heights[3]
    assert {"0", "∞"} <= set(fig.layout.yaxis.ticktext)


def test_a_module_that_cannot_run_alone_has_no_local_mark() -> None:
    """Unknown is left out, not drawn as zero."""
    assert list(divergence(FOUND, "trace", False).data[1].x) == [0, 1, 3]


def test_the_alt_text_has_the_numbers() -> None:
    """It can be read without seeing it."""
    assert "block.gate (Gate) by 2.0×10⁻³" in alt_text(divergence(FOUND, "trace", False))


def test_nothing_to_compare_is_said() -> None:
    """A script of which no module could be fed alone."""
    assert "No module could be compared" in alt_text(divergence((Divergence(path="a", type="A"),), "script", False))
