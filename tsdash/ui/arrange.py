"""The grid of outcomes filtered, grouped and sorted by any respect in which its cases differ. Pure tables; no widget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from tsdash.plots.outcomes import SEVERITY
from tsdash.spec import GIVEN, Case, RunSpec
from tsdash.tokens import OUTCOMES

PLANNED = "as planned"
WORST, LARGEST = "worst outcome first", "largest |Δ| first"
OUTCOME = "outcome"
FIELDS = ("values", "dtype", "device", "layout", "training", "grad", "call", "seed")
SEPARATOR = ": "
MOST_VALUES = 100  # of one axis that can be filtered by: a list of thousands is no help


@dataclass(frozen=True, kw_only=True)
class Arrangement:
    """How the grid is laid out: only the cases with one of `only` in each axis, columns grouped and sorted."""

    only: tuple[str, ...] = ()  # "values: x100", "outcome: mismatch"
    group: str = PLANNED
    sort: str = PLANNED


def axes(spec: RunSpec) -> pd.DataFrame:
    """One row a case, one column an axis in which the cases of the run differ, as text; `case` in front."""
    rows = [{"case": case.id, **case.dims, **{field: _text(case, field) for field in FIELDS}} for case in spec.cases]
    table = pd.DataFrame(rows)
    differing = [name for name in table.columns[1:] if table[name].nunique() > 1]
    return table[["case", *differing]]


def _text(case: Case, field: str) -> str | int:
    value = getattr(case, field)
    if field == "training":
        return "as given" if value is None else "train()" if value else "eval()"
    if field == "grad":
        return "on" if value else "off"
    return "as given" if value == GIVEN else value


def facets(table: pd.DataFrame, by_axis: pd.DataFrame) -> list[str]:
    """Everything that can be filtered by: outcomes that occur, then each value of each axis that has at most MOST_VALUES."""
    occurring = set(table["outcome"].unique())
    outcomes = [f"{OUTCOME}{SEPARATOR}{OUTCOMES[name].label}" for name in OUTCOMES if name in occurring]
    values = {name: by_axis[name].unique() for name in by_axis.columns[1:]}
    return outcomes + [
        f"{name}{SEPARATOR}{value}"
        for name, found in values.items()
        if len(found) <= MOST_VALUES
        for value in sorted(found, key=_order)
    ]


def _order(value: object) -> tuple[bool, float, str]:
    return isinstance(value, str), 0.0 if isinstance(value, str) else float(str(value)), str(value)


def arranged(table: pd.DataFrame, by_axis: pd.DataFrame, arrangement: Arrangement) -> pd.DataFrame:
    """`table` (see `tables.outcomes`) with the cases that are asked for, in the order asked for, under the asked names."""
    order = _sorted(table, by_axis[_kept(table, by_axis, arrangement.only)], arrangement.sort)
    place = {case: i for i, case in enumerate(order["case"])}
    shown = table[table["case"].isin(place)]
    if arrangement.group in by_axis.columns:
        names = dict(zip(order["case"], order[arrangement.group], strict=True))
        shown = shown.assign(varied=[f"{arrangement.group} {names[case]}" for case in shown["case"]])
    return shown.assign(place=shown["case"].map(place)).sort_values("place", kind="stable").drop(columns="place")


def _kept(table: pd.DataFrame, by_axis: pd.DataFrame, only: Sequence[str]) -> pd.Series:
    """Which cases have, in every axis that `only` names, one of the values that it names."""
    kept = pd.Series(True, index=by_axis.index)
    wanted: dict[str, set[str]] = {}
    for facet in only:
        name, _, value = facet.partition(SEPARATOR)
        wanted.setdefault(name, set()).add(value)
    for name, values in wanted.items():
        if name == OUTCOME:
            labels = table["outcome"].map(lambda outcome: OUTCOMES[outcome].label)
            kept &= by_axis["case"].isin(table.loc[labels.isin(values), "case"])
        elif name in by_axis.columns:
            kept &= by_axis[name].astype(str).isin(values)
    return kept


def _sorted(table: pd.DataFrame, by_axis: pd.DataFrame, sort: str) -> pd.DataFrame:
    """The rows of the cases in the order asked for; of two alike the planned order holds."""
    if sort in by_axis.columns:
        return by_axis.sort_values(sort, kind="stable", key=lambda values: values.map(_order))
    if sort == WORST:
        worst = table["outcome"].map(SEVERITY).groupby(table["case"]).max()
        return by_axis.sort_values("case", kind="stable", ascending=False, key=lambda cases: cases.map(worst))
    if sort == LARGEST:
        largest = table["max_abs"].astype(float).groupby(table["case"]).max()
        return by_axis.sort_values(
            "case", kind="stable", ascending=False, na_position="last", key=lambda cases: cases.map(largest)
        )
    return by_axis
