"""The elements of one output tensor: where Δ is, and beside what.

Δ = exported − eager. All |Δ| axes are in log10 and share one colour a decade; zero and NaN stand outside that scale.
"""

from __future__ import annotations

from math import floor, log10
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from tsdash import formats
from tsdash.plots.frame import (
    HEIGHT_PX,
    REFERENCE_DELTA,
    canvas,
    colorscale,
    delta_lines,
    described,
    label,
    nothing,
    power_text,
    power_ticks,
    stepped,
)
from tsdash.plots.magnitudes import NONFINITE
from tsdash.tokens import DELTA_DECADES, OUTCOMES, TICK_SIZE_PX, appearance, delta_colours

Array = npt.NDArray[Any]

WHERE_HEIGHT_PX = 2 * HEIGHT_PX + 16  # two rows of figures and the gap between them
SLOPE = 0.25  # decades of |Δ| for each of |eager|: less is no relation that can be seen
ALIKE = 2.0  # times: a maximum that varies less along an axis has no place
LABEL_SHARE = 0.1  # of an axis: what the name of a line needs


def where_map(
    largest: Array,
    dark: bool,
    *,
    rows: tuple[str, int],
    columns: tuple[str, int],
    reduced: bool = False,
    height: int = WHERE_HEIGHT_PX,
) -> go.Figure:
    """Largest |Δ| of each block of a tensor laid out in two dimensions, `largest` (R, C).

    `rows` and `columns` are the name and the number of elements of each direction; `reduced` says that a cell is the
    maximum of several elements: a spike is never averaged away.
    """
    title = "Where"
    if largest.size == 0:
        return nothing(dark, title, "Nothing to compare: the output has no elements.", height=height)
    steps, names, colours = _delta_steps(largest, dark)
    at, worst = _worst(largest, rows[1], columns[1])
    near = "near" if reduced else "at"
    found = f"the worst is {near} [{at[0]}, {at[1]}]" if worst else "every element is equal"
    fig = canvas(dark, f"{title}: {found}", height=height)
    fig.add_heatmap(
        z=steps,
        zmin=-0.5,
        zmax=len(colours) - 0.5,
        colorscale=stepped(colours),
        colorbar={
            "title": {"text": "max |Δ|" if reduced else "|Δ|", "font": {"size": TICK_SIZE_PX}},
            "tickvals": list(names),
            "ticktext": list(names.values()),
            "len": 1.04,
        },
        text=np.vectorize(formats.delta, otypes=[object])(largest),
        customdata=_origins(largest.shape, rows[1], columns[1]),
        hovertemplate=f"{rows[0]} %{{customdata[0]}}, {columns[0]} %{{customdata[1]}}<br>|Δ| %{{text}}<extra></extra>",
    )
    fig.update_xaxes(showgrid=False, title=columns[0], **_index_ticks(largest.shape[1], columns[1]))
    fig.update_yaxes(showgrid=False, title=rows[0], autorange="reversed", **_index_ticks(largest.shape[0], rows[1]))
    return described(fig, _where_alt(largest, rows, columns), how="where")


def _delta_steps(largest: Array, dark: bool) -> tuple[npt.NDArray[np.uint8], dict[float, str], list[str]]:
    """Each |Δ| as a step of the one scale: 0 is zero, 1 … 10 the decades, 11 not finite; names by place, and colours."""
    low, high = DELTA_DECADES
    colours = [OUTCOMES["identical"].fill[int(dark)], *delta_colours(dark)]
    last = len(colours)
    with np.errstate(divide="ignore", invalid="ignore"):
        decade = np.clip(np.floor(np.log10(largest)) - low, 0, last - 2)
    finite = np.isfinite(largest)
    steps = np.where(finite, np.where(largest == 0, 0, np.nan_to_num(decade) + 1), last).astype(np.uint8)
    names: dict[float, str] = {0: "0"} | {e - low + 0.5: power_text(e) for e in range(low + 1, high) if e % 2 == 0}
    if not finite.all():
        colours.append(OUTCOMES["crash"].fill[int(dark)])
        names[last] = NONFINITE
    return steps, names, colours


def _origins(shape: tuple[int, ...], n_rows: int, n_columns: int) -> Array:
    """The index of the first element of every block, (R, C, 2)."""
    starts = [np.arange(n) * total // n for n, total in zip(shape, (n_rows, n_columns), strict=True)]
    return np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1)


def _index_ticks(blocks: int, total: int) -> dict[str, Any]:
    """Ticks at round element indices on an axis that counts blocks."""
    if blocks <= 1:
        return {"tickvals": [0], "ticktext": ["0"]}
    step = next(s * 10**e for e in range(12) for s in (1, 2, 5) if total <= 6 * s * 10**e)
    values = list(range(0, total, max(1, step)))
    return {"tickvals": [value * blocks / total for value in values], "ticktext": [formats.count(v) for v in values]}


def _where_alt(largest: Array, rows: tuple[str, int], columns: tuple[str, int]) -> str:
    wrong = int((~(largest <= REFERENCE_DELTA)).sum())
    (row, column), worst = _worst(largest, rows[1], columns[1])
    return (
        f"Map of the largest absolute difference over {rows[0]} and {columns[0]}: above 10⁻⁵ in {formats.count(wrong)} of "
        f"{formats.count(largest.size)} cells, largest near {rows[0]} {row}, {columns[0]} {column} with {formats.delta(worst)}."
    )


def _worst(largest: Array, n_rows: int, n_columns: int) -> tuple[tuple[int, int], float]:
    """Where the largest cell begins, and what it holds; NaN counts as ∞."""
    known = np.nan_to_num(largest, nan=np.inf)
    row, column = _origins(largest.shape, n_rows, n_columns)[np.unravel_index(int(known.argmax()), largest.shape)]
    return (int(row), int(column)), float(known.max())


def reference_density(
    counts: Array,
    expected_edges: Array,
    delta_edges: Array,
    noise: float | None,
    dark: bool,
    *,
    half_ulp: float | None = None,
) -> go.Figure:
    """How |Δ| goes with |eager|: `counts` (X, Y) over log10 edges; `half_ulp` is half the spacing of the dtype near 1."""
    title = "Against what"
    if counts.sum() == 0:
        return nothing(dark, title, "Every element is equal: there is no Δ to set against eager.")
    look = appearance(dark)
    fig = canvas(dark, f"{title}: {_relation(counts, expected_edges, delta_edges)}")
    fig.add_heatmap(
        x=(expected_edges[1:] + expected_edges[:-1]) / 2,
        y=(delta_edges[1:] + delta_edges[:-1]) / 2,
        z=np.where(counts.T > 0, np.log10(np.maximum(counts.T, 1)), np.nan).astype(np.float32),
        zmin=-0.3,  # a single element stays visible
        colorscale=colorscale((look.border, look.muted, look.text)),
        showscale=False,
        customdata=counts.T.astype(np.int64),
        hovertemplate="%{customdata} elements<br>|eager| ≈ 10^%{x:.1f}, |Δ| ≈ 10^%{y:.1f}<extra></extra>",
    )
    across, up = _filled(counts.sum(1), expected_edges), _filled(counts.sum(0), delta_edges)
    up = (min(up[0], -6.0), max(up[1], -4.0))
    low = min(up[0], log10(noise) - 0.5) if noise else up[0]
    if half_ulp:
        line = np.array(across)
        fig.add_scatter(
            x=line,
            y=line + log10(half_ulp),
            mode="lines",
            line={"color": look.muted, "width": 1, "dash": "dot"},
            hoverinfo="skip",
        )
        end = min(across[1], up[1] - log10(half_ulp))
        if end + log10(half_ulp) > low + LABEL_SHARE * (up[1] - low):  # else its name would stand on the ticks
            label(
                fig,
                "½ ULP",
                dark,
                x=end,
                y=end + log10(half_ulp),
                anchor="right",
                yanchor="top",
                muted=True,
                bgcolor=look.page,
            )
    delta_lines(fig, noise, dark, along="x")
    label(fig, f" {formats.power(-5)}", dark, x=0, xref="paper", y=log10(REFERENCE_DELTA), yanchor=_free_side(noise))
    if noise and abs(log10(noise / REFERENCE_DELTA)) > 0.1 * (up[1] - up[0]):
        label(fig, " noise floor", dark, x=0, xref="paper", y=log10(noise), yanchor="bottom")
    fig.update_xaxes(range=across, title="|eager|", **power_ticks(*across))
    fig.update_yaxes(range=[low, up[1]], title="|Δ|", **power_ticks(*up))
    total = formats.counted(int(counts.sum()), "differing element")
    return described(
        fig, f"Density of {total}: absolute difference against the magnitude of eager's value.", how="density"
    )


def _relation(counts: Array, expected_edges: Array, delta_edges: Array) -> str:
    """How |Δ| goes with |eager|: the slope of log |Δ| against log |eager|, by least squares over the elements; 1 is a relative
    difference, 0 an absolute one."""
    x, y = (edges[1:] + edges[:-1] for edges in (expected_edges / 2, delta_edges / 2))
    total = counts.sum()
    across = x - counts.sum(1) @ x / total
    spread = counts.sum(1) @ across**2
    slope = float(across @ counts @ y / spread) if spread > 0 else 0.0
    if slope >= SLOPE:
        return "|Δ| grows with |eager|"
    return "|Δ| falls as |eager| grows" if slope <= -SLOPE else "|Δ| is alike at every |eager|"


def _free_side(noise: float | None) -> str:
    """On which side of the line at 10⁻⁵ its name stands: away from the noise floor."""
    return "top" if noise and noise >= REFERENCE_DELTA else "bottom"


def _filled(sums: Array, edges: Array) -> tuple[float, float]:
    """The range of the edges that hold something, with a little air and at least two decades."""
    at = np.flatnonzero(sums)
    low, high = float(edges[at[0]]) - 0.3, float(edges[at[-1] + 1]) + 0.3
    missing = max(0.0, 2 - (high - low))
    return low - missing / 2, high + missing / 2


def along_axis(largest: Array, mean: Array, noise: float | None, dark: bool, *, axis: str, extent: int) -> go.Figure:
    """Maximum and mean |Δ| along one axis, in equal bins where it is long; `extent` is its number of indices."""
    title = f"Along {axis}"
    if largest.size == 0:
        return nothing(dark, title, "Nothing to compare: this axis has no elements.")
    finite = np.concatenate([v[np.isfinite(v) & (v > 0)] for v in (largest, mean)])
    if finite.size == 0 and np.isfinite(largest).all():
        return nothing(dark, title, "Every element is equal all along this axis.")
    look = appearance(dark)
    at = np.arange(largest.size) * extent // largest.size
    low = min(-9.0, floor(np.log10(finite.min()))) if finite.size else -9.0
    high = max(log10(REFERENCE_DELTA), *(np.log10(finite.max()),) if finite.size else (0.0,)) + 0.8
    worst = int(np.argmax(np.nan_to_num(largest, nan=np.inf)))
    fig = canvas(dark, f"{title}: {_peak(largest, at[worst], extent)}", hovermode="x unified")
    for name, values, colour, width in (
        ("mean", mean, look.muted, 1.2),
        ("maximum", largest, delta_colours(dark)[7], 2),
    ):
        height = np.where(np.isfinite(values), np.log10(np.maximum(values, 10.0**low)), np.nan)
        fig.add_scatter(
            x=at,
            y=height,
            name=name,
            mode="lines" if at.size > 1 else "markers",
            line={"color": colour, "width": width, "shape": "hv"},
            marker={"color": colour, "size": 8},
            customdata=[formats.delta(float(v)) for v in values],
            hovertemplate="%{customdata}",
        )
        if np.isfinite(
            height
        ).any():  # the maximum is named above its peak, the mean below its least, so they never meet
            spot = int(np.nanargmax(height) if name == "maximum" else np.nanargmin(height))
            side = "right" if at[spot] > 0.6 * (extent - 1) else "left"
            over = "bottom" if name == "maximum" else "top"
            label(fig, f" {name} ", dark, x=at[spot], y=height[spot], anchor=side, yanchor=over)
    bad = ~np.isfinite(largest)
    if bad.any():
        fig.add_scatter(x=at[bad], y=np.full(int(bad.sum()), high - 0.3), mode="markers", name=NONFINITE,
                        marker={"symbol": "x", "size": 7, "color": look.text}, hovertemplate="not finite")  # fmt: skip
    delta_lines(fig, noise, dark, along="x")
    label(
        fig,
        f"{formats.power(-5)} ",
        dark,
        x=1,
        xref="paper",
        y=log10(REFERENCE_DELTA),
        anchor="right",
        yanchor=_free_side(noise),
    )
    fig.update_yaxes(range=[low - 1.2, high], title="|Δ|", **power_ticks(low, high))
    shown = [0, extent - 1] if at.size > 1 else [-0.5, 0.5]
    fig.update_xaxes(range=shown, showgrid=False, title=f"{axis}, index", **_index_ticks(extent, extent))
    alt = (
        f"Absolute difference along {axis}: largest near index {at[worst]} with {formats.delta(float(largest[worst]))}."
    )
    return described(fig, alt, how="along")


def _peak(largest: Array, at: int, extent: int) -> str:
    """Where along an axis the maximum is, if it is anywhere."""
    if np.isfinite(largest).all() and largest.size > 1 and largest.max() < ALIKE * largest.min():
        return "alike at every index"
    return f"largest {'at' if largest.size == extent else 'near'} index {formats.count(at)}"
