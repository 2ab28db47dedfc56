"""Sizes that agree and fail."""

from __future__ import annotations

from math import log2

from tsdash.plots import Sizes, alt_text, frontier

FOUND = (
    Sizes(dim="batch", base=2, agree=(1, 2, 3), fail=(4, 8), allowed=(1, None)),
    Sizes(dim="seq", base=8, agree=(8,), fail=(7, 9), allowed=(8, 8)),
)


def test_each_size_is_the_sign_of_its_outcome() -> None:
    """Agreeing and failing sizes of a dim are on its own line, at the logarithm of the size."""
    fig = frontier(FOUND, False)
    signs = {(trace.text[0], trace.y[0]): list(trace.x) for trace in fig.data if trace.text}
    assert signs["=", 0] == [log2(size) for size in (1, 2, 3)]
    assert signs["≠", 1] == [log2(7), log2(9)]


def test_the_range_of_torch_export_is_drawn_and_said() -> None:
    """An open range runs out of the figure, a single size is a point; both stand in the text."""
    lines = [trace for trace in frontier(FOUND, True).data if trace.mode == "lines+markers"]
    assert lines[0].x[1] > log2(8)
    assert lines[1].x[0] == lines[1].x[1]
    assert "torch.export takes 1 and up" in alt_text(frontier(FOUND, True))
    assert "torch.export takes 8 alone" in alt_text(frontier(FOUND, True))


def test_no_size_tried_is_said() -> None:
    """An empty figure has its sentence."""
    assert "No size" in alt_text(frontier((), False))
