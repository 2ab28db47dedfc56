"""The finished part of Modes: which one to ship, what each costs and needs, how far off, how fast, the way to torch.export."""

from __future__ import annotations

import streamlit as st

from tsdash import contrast, findings, formats, plan, stats, tables
from tsdash.exporters import EXPORTERS
from tsdash.judge import GOOD, noise_floor
from tsdash.libraries import libraries
from tsdash.plots import ModeRow, latency_shapes, mode_answers, mode_costs, mode_differences
from tsdash.records import Record
from tsdash.spec import VERDICTS, Export, Histogram
from tsdash.tokens import OUTCOMES
from tsdash.ui.causes import cards
from tsdash.ui.faster import disturbed
from tsdash.ui.html import code_view, outcome_legend
from tsdash.ui.marks import first_line, source_marks
from tsdash.ui.modes_table import ModeNeeds, modes_table
from tsdash.ui.page import as_markdown, figure, section
from tsdash.ui.service import Loaded, store

ORDERS = ("verdict", "speed-up", "size", "name")
MOST_REMARK = 120  # characters of an error in the table
ONE_WAY = {"baked_control_flow", "unrolled_loop"}  # of such an export no branch is kept, whatever its mode can do
TARGET = "export"  # where PyTorch asks users of TorchScript to move


def side_by_side(loaded: Loaded, order: str, dark: bool) -> None:
    """One question after another, each about all modes of the run."""
    rows = ordered(mode_rows(loaded), loaded.recommended, order)
    _which(loaded, rows, dark)
    paid = {row.mode: row.break_even_calls for row in rows if row.break_even_calls is not None}
    artefacts = {row.mode: row.artefact_bytes for row in rows}
    section("What does each cost?", contrast.costs(artefacts, first_calls(rows), paid))
    figure(mode_costs(rows, dark), key="costs")
    needs = [_needs(loaded.record, row.mode) for row in rows]
    section(
        "What does each need?",
        contrast.needs(
            [row.mode for row in needs if row.without_python and row.exported],
            [row.mode for row in needs if not row.deprecated],
            [row.mode for row in needs if row.exported is False],
            len(needs),
        ),
    )
    st.html(modes_table(needs))
    _far_off(loaded, [row.mode for row in rows], dark)
    _fast(loaded, dark)
    _move(loaded)


def mode_rows(loaded: Loaded) -> list[ModeRow]:
    """The numbers of every mode, in the order of the run."""
    record = loaded.record
    footprints = {taken.mode: taken for latency in record.latencies for taken in latency.footprints}
    rows = []
    for mode in record.spec.modes:
        of_mode = loaded.table[loaded.table["mode"] == mode]
        known = of_mode["max_abs"].dropna()
        speed, export, footprint = loaded.speed_ups.get(mode), record.exports.get(mode), footprints.get(mode)
        paid = stats.break_even(loaded.latency, mode, export_s=export.seconds) if loaded.latency and export else None
        finished = record.state == "done" or len(record.of(mode)) >= len(record.spec.cases)
        rows.append(
            ModeRow(
                mode=mode,
                verdict=loaded.verdicts[mode].verdict if finished else None,
                counts=of_mode["outcome"].value_counts().to_dict(),
                max_abs=float(known.max()) if len(known) else None,
                speed_up=(speed.ratio, speed.low, speed.high) if speed else None,
                claimed=bool(speed and speed.claimed),
                first_call_s=footprint.first_call_s if footprint else None,
                peak_bytes=footprint.peak_bytes if footprint else None,
                artefact_bytes=export.artefact_bytes if export else None,
                export_s=export.seconds if export and export.error is None else None,
                break_even_calls=paid.calls if paid else None,
                never_pays=paid is not None and paid.calls is None,
            )
        )
    return rows


def ordered(rows: list[ModeRow], recommended: str | None, order: str) -> list[ModeRow]:
    """The rows as the reader wants them; what is not known comes last."""
    if order == "name":
        return sorted(rows, key=lambda row: row.mode)
    if order == "size":
        return sorted(rows, key=lambda row: (row.artefact_bytes is None, row.artefact_bytes or 0))
    by_speed = sorted(rows, key=lambda row: -(row.speed_up or (0.0,))[0])
    if order == "speed-up":
        return by_speed
    return sorted(by_speed, key=lambda row: (_rank(row.verdict), row.mode != recommended))


def _rank(verdict: str | None) -> int:
    return len(VERDICTS) if verdict is None else VERDICTS.index(verdict)


def first_calls(rows: list[ModeRow]) -> dict[str, float]:
    return {row.mode: row.first_call_s for row in rows if row.first_call_s is not None}


def _which(loaded: Loaded, rows: list[ModeRow], dark: bool) -> None:
    finished = {row.mode: loaded.verdicts[row.mode] for row in rows if row.verdict is not None}
    claimed = {row.mode: row.speed_up for row in rows if row.speed_up and row.claimed}
    heading = findings.recommendation(finished, loaded.cells, recommended=loaded.recommended, speed_ups=claimed)
    section("Which one to ship?", heading)
    control = next(((s.control_low, s.control_high) for s in loaded.speed_ups.values()), None)
    figure(mode_answers(rows, dark, noise=_noise(loaded.record), control=control), key="answers")
    st.html(outcome_legend([name for name in OUTCOMES if any(row.counts.get(name) for row in rows)]))
    if len(finished) == len(rows):
        st.markdown("\n".join(f"- {as_markdown(reason)}" for reason in loaded.recommendation.reasons))


def _noise(record: Record) -> float | None:
    """The largest |Δ| that the judge excuses on the base case, whatever the mode."""
    floors = [
        noise_floor(facts) for result in record.results if result.case.varied == "base" for facts in result.outputs
    ]
    return max(floors, default=0.0) or None


def _needs(record: Record, mode: str) -> ModeNeeds:
    exporter, export = EXPORTERS.get(mode), record.exports.get(mode)
    causes = tuple(dict.fromkeys(cause.cause for cause in record.causes.get(mode, ())))
    return ModeNeeds(
        mode=mode,
        summary=exporter.summary if exporter else "A mode of another version of tsdash.",
        exported=None if export is None else export.error is None and export.ended == "returned",
        remark=_remark(export),
        causes=causes,
        needs=(*(exporter.runtime if exporter else ()), *(libraries(export) if export else ())),
        without_python=bool(exporter and exporter.without_python),
        branches=bool(exporter and exporter.branches) and not ONE_WAY.intersection(causes),
        casts=bool(exporter and exporter.casts),
        deprecated=bool(exporter and exporter.deprecated),
        future=exporter.future if exporter else "",
    )


def _remark(export: Export | None) -> str:
    """How long the export took, or the first line of what stopped it."""
    if export is None:
        return ""
    if export.error is None:
        return f"in {formats.duration(export.seconds)}" if export.ended == "returned" else f"it ended by {export.ended}"
    first = first_line(export.error.message)
    return f"{export.error.type}: {first if len(first) <= MOST_REMARK else first[:MOST_REMARK] + '…'}"


def _far_off(loaded: Loaded, modes: list[str], dark: bool) -> None:
    record = loaded.record
    histograms = _pooled(f"{store().folder} {record.id} {record.state} {len(record.results)}", record)
    section("How far off?", contrast.far_off({row.mode: row.max_abs for row in mode_rows(loaded)}))
    noise = _noise(record)
    figure(mode_differences({mode: histograms[mode] for mode in modes}, noise, dark), key="differences")
    solid = f"Solid line: noise floor of the base case, {formats.delta(noise)}. " if noise else ""
    st.caption(f"Elements of all cases by |Δ|, both axes shared. {solid}Dotted line: {formats.power(-5)}.")


@st.cache_resource(max_entries=32, show_spinner=False)
def _pooled(version: str, _record: Record) -> dict[str, Histogram | None]:
    return {mode: tables.pooled(_record.of(mode)) for mode in _record.spec.modes}


def _fast(loaded: Loaded, dark: bool) -> None:
    record = loaded.record
    latency = loaded.latency
    if latency is None:
        asked = "was not measured: Run all modes measures it." if not record.spec.latency else "could not be measured."
        section("How fast?", f"Latency {asked}")
        return
    claimed = {mode: (s.ratio, s.low, s.high) for mode, s in loaded.speed_ups.items() if s.claimed}
    shippable = [mode for mode, found in loaded.verdicts.items() if found.verdict == "ship"]
    section("How fast?", contrast.fastest(claimed, shippable, len(loaded.speed_ups)))
    base = record.spec.cases[0]
    timed = sorted(
        (taken for taken in record.latencies if taken.arms),
        key=lambda taken: (
            () if taken.case.id == base.id else (taken.case.varied, taken.case.dims.get(taken.case.varied, 0))
        ),
    )
    names = ["base case" if taken.case.id == base.id else plan.describe(taken.case, base) for taken in timed]
    figure(latency_shapes(timed, names, dark), key="shapes")
    st.caption("A curve further left is faster. Colours and dashes are those of the modes above; eager is the ink.")
    disturbed(loaded, latency)


def _move(loaded: Loaded) -> None:
    """What keeps the model from torch.export: the error, its line, the rewrite; or that nothing does."""
    record = loaded.record
    title = "What has to change to move to torch.export?"
    if TARGET not in record.spec.modes:
        section(title, "Not known: this run did not try export. Run all modes tries it.", anchor="move")
        return
    export, causes = record.exports.get(TARGET), record.causes.get(TARGET, ())
    outcomes = loaded.table[loaded.table["mode"] == TARGET]["outcome"]
    judged = outcomes[outcomes != findings.NOT_RUN]
    if export is None or not len(judged):
        section(title, "Not known: export was not reached.", anchor="move")
        return
    wrong = int((~judged.isin(GOOD)).sum())
    section(title, contrast.move(causes, export.error, wrong=wrong, judged=len(judged)), anchor="move")
    if not wrong:
        return
    source = record.spec.model
    failed = next((r for r in record.of(TARGET) if r.exported.error is not None), None)
    error = export.error or (failed.exported.error if failed else None)
    st.html(code_view(source.text, title=source.filename, marks=source_marks(record, causes, export, error)))
    cards(causes, TARGET)
    for note in (warning.message for warning in export.warnings if warning.category == "Note"):
        st.caption(as_markdown(note))
    if error is not None:
        with st.expander(f"What {TARGET} said"):
            st.code(error.traceback or error.message, language=None)
