"""Figures for a room."""

from __future__ import annotations

from tests.plots.test_latency import measured
from tsdash.plots import alt_text, enlarged, latency_timeline


def test_all_type_and_the_height_grow_and_nothing_else_does() -> None:
    """Ticks, titles and names are larger; marks, data and the text alternative stay."""
    fig = latency_timeline(measured(), "trace", False)
    large = enlarged(fig, 2)
    assert large.layout.height == 2 * fig.layout.height
    assert large.layout.template.layout.font.size == 2 * fig.layout.template.layout.font.size
    assert large.layout.template.layout.xaxis.tickfont.size == 2 * fig.layout.template.layout.xaxis.tickfont.size
    notes = [
        (note.font.size, other.font.size)
        for note, other in zip(large.layout.annotations, fig.layout.annotations, strict=True)
    ]
    assert notes
    assert all(size == 2 * before for size, before in notes)
    assert large.data[0].marker.size == fig.data[0].marker.size
    assert large.to_plotly_json()["data"][0]["y"] == fig.to_plotly_json()["data"][0]["y"]
    assert alt_text(large) == alt_text(fig)
    assert fig.layout.height == 250
