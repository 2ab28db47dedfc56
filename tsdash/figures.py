"""From the facts of one output to the numbers and figures of its element view, for the page and the report."""

from __future__ import annotations

import numpy as np

from tsdash import formats, judge
from tsdash.elements import BlockMap, ElementView, Profile, density_edges, unpack
from tsdash.plots import Figure, reference_density, where_map
from tsdash.spec import OutputFacts


def element_map(view: ElementView, block_map: BlockMap | None, profile: Profile, dark: bool) -> Figure:
    """Two axes of the output; a tensor with one long axis is one row."""
    if block_map is None:
        row = unpack(profile.max_abs)[None, :]
        rows, columns = ("the output", 1), (f"axis {profile.axis}", profile.size)
        return where_map(row, dark, rows=rows, columns=columns, reduced=profile.size > row.size)
    largest = unpack(block_map.max_abs)
    rows = (f"axis {block_map.rows_axis}", block_map.rows_size)
    columns = (f"axis {block_map.columns_axis}", block_map.columns_size)
    return where_map(largest, dark, rows=rows, columns=columns, reduced=int(np.prod(view.shape)) > largest.size)


def element_density(view: ElementView, facts: OutputFacts, noise: float | None, dark: bool) -> Figure:
    edges = np.log10(density_edges())
    counts = unpack(view.density)[1:-1, 1:-1]  # what is zero, infinite or beyond the scale has no place in it
    half_ulp = judge.EPS[facts.dtype] / 2 if facts.dtype in judge.EPS else None
    return reference_density(counts, edges, edges, noise, dark, half_ulp=half_ulp)


def facts_rows(facts: OutputFacts) -> list[tuple[str, str, str]]:
    """Every number over all elements, with what it means on hover."""
    rows = [
        ("max |Δ|", formats.delta(facts.max_abs), "largest absolute difference, exported − eager"),
        (
            "mean |Δ|",
            formats.delta(facts.mean_abs),
            "mean absolute difference over the elements that are finite on both sides",
        ),
        ("‖Δ‖₂", formats.delta(facts.l2), "L2 norm of the difference"),
        ("max relative", formats.delta(facts.max_rel), "largest |Δ| ÷ |eager| of an element"),
        (
            "1 − cosine",
            formats.delta(facts.one_minus_cosine),
            "one minus the cosine between both outputs as vectors; 0: the same direction",
        ),
        (
            "max ULP",
            formats.ABSENT if facts.max_ulp is None else formats.count(round(facts.max_ulp)),
            "largest distance in representable numbers of the dtype",
        ),
        (
            f"|Δ| > {formats.power(-5)}",
            f"{formats.count(facts.over_plain)} of {formats.count(facts.elements)}",
            "elements beyond the plain rule's bound",
        ),
        ("NaN on one side", formats.count(facts.nan_disagree), "elements that are NaN in one output only"),
        (
            "∞ on one side",
            formats.count(facts.inf_disagree),
            "elements that are infinite in one output only, or of the other sign",
        ),
    ]
    if facts.argmax_rows:
        rows.append(
            (
                "class changes",
                _flips(facts),
                "rows of the last axis whose largest element is another one; in brackets the first rows",
            )
        )
    if facts.oracle:
        for what, errors, meaning in (
            ("at most", (facts.oracle.actual_max, facts.oracle.expected_max), "largest error"),
            (
                "rms",
                (facts.oracle.actual_rms, facts.oracle.expected_rms),
                "root mean square error, which says who is nearer,",
            ),
        ):
            actual, expected = map(formats.delta, errors)
            text = f"export {actual}, eager {expected}"
            rows.append((f"off float64, {what}", text, f"{meaning} against eager run in float64"))
    return rows


def _flips(facts: OutputFacts) -> str:
    first = ", ".join(map(formats.count, facts.flipped_rows[:5]))
    more = ", …" if len(facts.flipped_rows) > 5 else ""
    rows = f" (rows {first}{more})" if first else ""
    return f"{formats.count(facts.argmax_flips or 0)} of {formats.count(facts.argmax_rows or 0)}{rows}"
