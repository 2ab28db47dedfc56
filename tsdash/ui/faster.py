"""Latency of the selected mode beside eager: what was measured, shown four ways."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import streamlit as st

from tsdash import findings, formats, plan, stats
from tsdash.glossary import FIGURES
from tsdash.plots import (
    Figure,
    Point,
    latency_by_size,
    latency_by_threads,
    latency_ecdf,
    latency_histogram,
    latency_timeline,
    paired_ratio,
    visits,
)
from tsdash.spec import EAGER, Arm, Latency
from tsdash.ui import service
from tsdash.ui.page import as_markdown, figure_once, grid, section
from tsdash.ui.service import Loaded


def faster(loaded: Loaded, mode: str, dark: bool) -> None:
    """The medians as heading, the samples below; or why there are none."""
    latency = loaded.latency
    arms = {arm.name: arm for arm in latency.arms} if latency else {}
    speed_up = loaded.speed_ups.get(mode)
    if latency is None or speed_up is None or mode not in arms:
        section("Faster?", _unknown(loaded, mode), anchor="faster")
        return
    ratio = (speed_up.ratio, speed_up.low, speed_up.high)
    medians = {name: stats.median(arms[name].samples_s) for name in (EAGER, mode)}
    section("Faster?", _sentence(latency, mode, speed_up), anchor="faster")
    st.caption(as_markdown(_circumstances(latency, arms[EAGER], arms[mode])))
    _elsewhere(loaded, mode)
    export = loaded.record.exports.get(mode)
    found = stats.break_even(latency, mode, export_s=export.seconds) if export else None
    if found is not None:
        st.caption(as_markdown(findings.paid_back(found)), help=FIGURES["break_even"])
    disturbed(loaded, latency)
    cells = grid(2, min_column_width=420)
    steady = stats.settled_after(arms[mode].warmup_s)
    control = (speed_up.control_low, speed_up.control_high)
    of = (service.facts_version(loaded.record), mode, dark)
    draws: dict[str, Callable[[], Figure]] = {
        "ratios": lambda: paired_ratio(latency, mode, dark, speed_up=ratio, control=control),
        "distribution": lambda: latency_histogram(latency, mode, dark, medians_s=medians),
        "timeline": lambda: latency_timeline(latency, mode, dark, steady=steady),
        "ecdf": lambda: latency_ecdf(latency, mode, dark, tail=stats.tail(latency, EAGER, mode)),
    }
    for key, draw in draws.items():
        with cells.cell():
            figure_once(draw, key=key, of=of)
    _sizes(loaded, mode, dark, of)
    _threads(latency, mode, dark, of)


def _sentence(latency: Latency, mode: str, speed_up: stats.Speedup) -> str:
    """How the mode compares with eager where they were timed."""
    arms = {arm.name: arm for arm in latency.arms}
    return findings.faster(
        mode,
        mode_s=stats.median(arms[mode].samples_s),
        eager_s=stats.median(arms[EAGER].samples_s),
        speed_up=(speed_up.ratio, speed_up.low, speed_up.high),
        claimed=speed_up.claimed,
        warmup=len(arms[mode].warmup_s),
    )


def _elsewhere(loaded: Loaded, mode: str) -> None:
    """The same on every other device that was timed."""
    for latency, speed_ups in loaded.elsewhere:
        if mode in speed_ups:
            found = _sentence(latency, mode, speed_ups[mode])
            st.markdown(as_markdown(f"On {latency.case.device}: {found}"))


def disturbed(loaded: Loaded, latency: Latency) -> None:
    """What the machine did meanwhile; where it was busy with other things, that, and a way to measure again."""
    st.caption(as_markdown(findings.machine(latency)))
    disturbances = stats.disturbances(latency)
    if not disturbances:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f":orange-badge[:material/warning: Noisy] {as_markdown(' '.join(disturbances))}")
        record = loaded.record
        st.button(
            "Measure again",
            key="measure_again",
            icon=":material/replay:",
            on_click=lambda: st.query_params.from_dict({"run": str(service.submit(record.spec, record.sweep))}),
            help="A new run of the same model, modes and cases. Close what else keeps the machine busy first.",
        )


def _threads(latency: Latency, mode: str, dark: bool, of: tuple[Hashable, ...]) -> None:
    """Latency by the number of threads that compute; nothing where one number was timed."""
    if latency.by_threads:

        def draw() -> Figure:
            taken = (latency, *latency.by_threads)
            return latency_by_threads([point for one in taken for point in _points(one, mode, one.threads)], dark)

        with grid(3, min_column_width=330).cell():
            figure_once(draw, key="by threads", of=of)


def _points(latency: Latency, mode: str, size: int) -> list[Point]:
    """The medians of eager and the mode in one measurement."""
    return [
        Point(arm=arm.name, size=size, median_s=middle.value, low_s=middle.low, high_s=middle.high)
        for arm in latency.arms
        if arm.name in (EAGER, mode) and (middle := stats.median_interval(arm.samples_s)) is not None
    ]


@st.fragment
def _sizes(loaded: Loaded, mode: str, dark: bool, of: tuple[Hashable, ...]) -> None:
    """How the time grows with a size, and what shapes that take turns cost; nothing where one size was timed."""
    latencies = loaded.record.latencies
    base = latencies[0].case
    dims = list(dict.fromkeys(latency.case.varied for latency in latencies[1:] if latency.case.varied in base.dims))
    if not dims:
        return
    dim = (
        dims[0]
        if len(dims) == 1
        else st.segmented_control(
            "Size",
            dims,
            default=dims[0],
            required=True,
            key="timed_dim",
            help="The dim along which the times below are drawn; all others are as in the base case.",
        )
    )
    timed = [latency for latency in latencies if latency.case.varied in (dim, "base")]
    alternation = next((taken for taken in latencies[0].alternations if taken.mode == mode), None)
    names = [plan.describe(case, base) if case != base else "base" for case in alternation.cases] if alternation else []

    def points() -> list[Point]:
        return [point for latency in timed for point in _points(latency, mode, latency.case.dims[dim])]

    draws: dict[str, Callable[[], Figure]] = {
        "by size": lambda: latency_by_size(points(), dim, dark),
        "by item": lambda: latency_by_size(points(), dim, dark, per_item=True),
        "visits": lambda: visits(alternation, names, dark),
    }
    cells = grid(3, min_column_width=330)
    for key, draw in draws.items():
        with cells.cell():
            figure_once(draw, key=key, of=(*of, dim))


def _unknown(loaded: Loaded, mode: str) -> str:
    if not loaded.record.spec.latency:
        return "Latency was not measured in this run: turn Latency on and run again."
    if loaded.record.state != "done":
        return "Latency was not measured: the run ended before."
    if loaded.latency is None:
        return "Latency could not be measured: there was nothing to time, or timing it failed."
    return f"{mode} was not timed: it has no artefact that runs."


def _circumstances(latency: Latency, eager: Arm, exported: Arm) -> str:
    """The first calls, the tails that the samples allow to know, and what may have disturbed them."""
    parts = [
        f"{formats.counted(len(exported.samples_s), 'pair')} on the base case, {formats.counted(latency.threads, 'thread')}"
    ]
    if exported.warmup_s:
        parts.append(f"first call {formats.duration(exported.warmup_s[0])}")
    footprint = next((taken for taken in latency.footprints if taken.mode == exported.name), None)
    if footprint is not None:
        held = f", holding {formats.size(footprint.peak_bytes)}" if footprint.peak_bytes is not None else ""
        parts.append(f"loads in {formats.duration(footprint.load_s)}{held}")
    for q in stats.PERCENTILES:
        tails = [stats.percentile(arm.samples_s, q) for arm in (exported, eager)]
        if None not in tails:
            parts.append(f"p{round(100 * q)} {formats.duration(tails[0])}, eager {formats.duration(tails[1])}")
    if exported.same_as:
        parts.append(f"the same program as {exported.same_as}, measured once for both")
    return " · ".join([*parts, *latency.notes])
