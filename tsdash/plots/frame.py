"""What every figure shares: the template, axes of powers of ten, reference lines, the empty state, the alt text."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, floor, log10
from typing import Any, TypeAlias

import plotly.graph_objects as go

from tsdash import formats, glossary
from tsdash.tokens import (
    DELTA_DARK,
    DELTA_LIGHT,
    DIVERGING_DARK,
    DIVERGING_LIGHT,
    FONT,
    FONT_SIZE_PX,
    LEAST_SIZE_PX,
    MODES,
    TICK_SIZE_PX,
    appearance,
    mode_colour,
)

Figure: TypeAlias = go.Figure

REFERENCE_DELTA = 1e-5  # the plain rule's bound, drawn dotted on every |Δ| axis
HEIGHT_PX = 250
MAX_TICKS = 6
MARGIN_PX = 8
HOW_SIGN, HOW_WIDTH_PX = "?", 11  # as a sign that every font has, in a frame
HOW_PX = 9  # the sign's place above the panel, in line with the title


def plotly_template(dark: bool) -> go.layout.Template:
    """The plotly template of one appearance. Use with `st.plotly_chart(…, theme=None)` and in HTML reports."""
    look = appearance(dark)
    axis = {
        "gridcolor": look.grid,
        "linecolor": look.border,
        "showline": True,
        "zeroline": False,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": look.border,
        "tickfont": {"color": look.muted, "size": TICK_SIZE_PX},
        "title": {"font": {"color": look.muted, "size": TICK_SIZE_PX}, "standoff": 6},
        "exponentformat": "power",
        "minexponent": 4,
        "automargin": True,
    }
    delta = colorscale(DELTA_DARK if dark else DELTA_LIGHT)
    diverging = colorscale(DIVERGING_DARK if dark else DIVERGING_LIGHT)
    colorbar = {"outlinewidth": 0, "thickness": 10, "ticklen": 3, "tickcolor": look.border, "exponentformat": "power"}
    title = {"font": {"size": FONT_SIZE_PX + 1, "color": look.text}, "x": 0, "xref": "paper", "xanchor": "left"}
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": FONT_SIZE_PX, "color": look.text},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": [mode_colour(mode, dark) for mode in MODES],
            "colorscale": {"sequential": delta, "sequentialminus": delta, "diverging": diverging},
            "margin": {"l": MARGIN_PX, "r": MARGIN_PX, "t": 34, "b": MARGIN_PX},
            "title": title,
            "xaxis": axis,
            "yaxis": axis,
            "showlegend": False,
            "hoverlabel": {
                "bgcolor": look.panel,
                "bordercolor": look.border,
                "font": {"family": FONT, "size": FONT_SIZE_PX, "color": look.text},
                "align": "left",
            },
            "bargap": 0.12,
            "dragmode": False,
            "hovermode": "closest",
            "separators": f".{formats.NARROW_SPACE}",
        },
        data={"heatmap": [{"colorbar": colorbar}]},
    )


def colorscale(colours: tuple[str, ...]) -> list[list[Any]]:
    """A continuous plotly colour scale through evenly spaced `colours`."""
    last = len(colours) - 1
    return [[i / last, colour] for i, colour in enumerate(colours)]


def stepped(colours: list[str]) -> list[list[Any]]:
    """A plotly colour scale of flat steps: the integer i in a range from −½ to n − ½ is `colours[i]`."""
    n = len(colours)
    return [[(i + side) / n, colour] for i, colour in enumerate(colours) for side in (0, 1)]


def canvas(dark: bool, title: str, *, height: int = HEIGHT_PX, **layout: Any) -> go.Figure:
    """A figure without traces in the tsdash template."""
    return go.Figure(layout={"template": plotly_template(dark), "height": height, "title": {"text": title}, **layout})


def enlarged(fig: go.Figure, times: float) -> go.Figure:
    """The figure with all its type and its height so many times as large: for a room to read."""

    def larger(node: Any, name: str = "") -> Any:
        if isinstance(node, dict):
            return {
                key: value * times
                if key == "size" and name.endswith("font") and isinstance(value, int | float)
                else larger(value, key)
                for key, value in node.items()
            }
        return [larger(part, name) for part in node] if isinstance(node, list | tuple) else node

    return go.Figure(larger(fig.to_plotly_json())).update_layout(height=fig.layout.height * times)


def described(fig: go.Figure, alt: str, *, how: str = "") -> go.Figure:
    """The figure with its text alternative, which states what the marks show, and, on hover over a sign in its corner, the
    entry `how` of the glossary: how they were computed."""
    fig.update_layout(meta={"alt": alt})
    if how:
        muted = fig.layout.template.layout.xaxis.tickfont.color
        fig.add_annotation(
            text=HOW_SIGN,
            bordercolor=muted,
            borderwidth=1,
            borderpad=1,
            width=HOW_WIDTH_PX,
            hovertext=glossary.wrapped(how),
            x=1,
            xref="paper",
            xanchor="right",
            xshift=(fig.layout.margin.r or MARGIN_PX) - MARGIN_PX,
            y=1,
            yref="paper",
            yanchor="bottom",
            yshift=HOW_PX,
            showarrow=False,
            font={"size": LEAST_SIZE_PX, "color": muted},
        )
    return fig


def alt_text(fig: go.Figure) -> str:
    """The text alternative of a figure made by this package."""
    return str(fig.layout.meta["alt"])


def nothing(dark: bool, title: str, sentence: str, *, height: int = HEIGHT_PX) -> go.Figure:
    """The empty state: the title stays, the sentence says why there is nothing to show."""
    fig = canvas(dark, title, height=height)
    fig.add_annotation(
        x=0,
        y=1,
        xref="paper",
        yref="paper",
        xanchor="left",
        yanchor="top",
        yshift=-4,
        text=sentence,
        align="left",
        showarrow=False,
        font={"size": FONT_SIZE_PX, "color": appearance(dark).muted},
    )
    fig.update_xaxes(visible=False, range=[0, 1])
    fig.update_yaxes(visible=False, range=[0, 1])
    return described(fig, f"{title}: {sentence}")


def label(
    fig: go.Figure, text: str, dark: bool, *, x: Any, y: Any, anchor: str = "left", muted: bool = False, **where: Any
) -> None:
    """A word at the data, in place of a legend."""
    look = appearance(dark)
    fig.add_annotation(
        x=x,
        y=y,
        text=text,
        showarrow=False,
        xanchor=anchor,
        font={"size": TICK_SIZE_PX, "color": look.muted if muted else look.text},
        **where,
    )


def power_text(exponent: int) -> str:
    """A power of ten as a tick label in plotly's markup."""
    return "1" if exponent == 0 else "10" if exponent == 1 else f"10<sup>{exponent}</sup>".replace("-", "−")


def power_ticks(low: float, high: float, most: int = MAX_TICKS) -> dict[str, Any]:
    """Ticks at powers of ten between two exponents, as few as needed, on an axis whose coordinate is log10."""
    exponents = _spread(ceil(low), floor(high), most)
    return {"tickvals": exponents, "ticktext": [power_text(e) for e in exponents]}


def log_axis_ticks(low: float, high: float, most: int = MAX_TICKS) -> dict[str, Any]:
    """Ticks for a plotly axis of type log that shows low … high: powers of ten, or finer steps where it shows but one."""
    first, last = floor(log10(low)), ceil(log10(high))
    exponents = _spread(first, last, most + 2)
    inside = [10.0**e for e in exponents if low <= 10.0**e <= high]
    for steps in ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7), tuple(i / 10 for i in range(10, 100))):
        if len(inside) > 1:
            break
        values = [step * 10.0**e for e in range(first, last + 1) for step in steps]
        inside = [value for value in values if low <= value <= high]
        inside = inside if len(inside) > 2 else []
    kept = inside[:: max(1, ceil(len(inside) / most))]
    return {"tickvals": kept, "ticktext": [formats.plain(value) for value in kept]}


def _spread(first: int, last: int, most: int) -> list[int]:
    """Whole numbers from first to last in steps that keep them fewer than `most`, with 0 among them if it is inside."""
    step = max(1, ceil((last - first + 1) / most))
    start = first + (-first) % step
    return list(range(start, last + 1, step))


def delta_lines(fig: go.Figure, noise: float | None, dark: bool, *, along: str, **where: Any) -> None:
    """The noise floor (solid) and 10⁻⁵ (dotted) across a |Δ| axis in log10 coordinates: the bounds of every judgement."""
    ink = appearance(dark).text
    draw = fig.add_vline if along == "y" else fig.add_hline
    at = "x" if along == "y" else "y"
    if noise is not None and noise > 0:
        draw(**{at: log10(noise)}, line={"color": ink, "width": 1.3}, **where)
    draw(**{at: log10(REFERENCE_DELTA)}, line={"color": ink, "width": 1, "dash": "dot"}, **where)


def unit_of(seconds: Iterable[float]) -> tuple[str, float]:
    """The time unit of an axis: the one that suits the smallest of its typical values."""
    return formats.time_unit(min(seconds))
