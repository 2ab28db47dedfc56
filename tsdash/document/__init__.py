"""A run as one HTML file: the page's sentences, tables and figures, to read without a network, to print, to send.

The figures are drawn by plotly.js, which is inside the file; both appearances are there. Of a very large run the file has the
cases that fail, and says how many it leaves out.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from tsdash import failures, figures, findings, formats, judge, overview, plan, stats, tables
from tsdash.elements import ElementView
from tsdash.overview import Overview
from tsdash.plots import Figure, alt_text, delta_histogram, latency_histogram, outcome_grid, paired_ratio
from tsdash.plots.bundle import packed, plotly_js
from tsdash.records import Record
from tsdash.spec import EAGER, CaseResult, Cause, Latency, OutputFacts, from_json
from tsdash.tokens import DARK, LIGHT, OUTCOMES
from tsdash.ui import html
from tsdash.ui.marks import source_marks
from tsdash.ui.style import STYLE, pair

FOLDER = Path(__file__).parent
MOST_BYTES = 5_000_000
MOST_ROWS = 400  # of the table of cases
MOST_CELLS = 6000  # of the grid of outcomes; beyond them it has the failing cases alone
MOST_CAUSES = 3
ELEMENTS = (3, 1, 0)  # failing cases of each mode whose elements are shown, the fewer the larger the file would be
UNKNOWN = "unknown"

Views = Callable[[str, str], dict[str, Any]]  # mode, case → what the store keeps for its element view


@dataclass(kw_only=True)
class _Gallery:
    """The figures of one document, each drawn light and dark."""

    specs: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, draw: Callable[[bool], Figure]) -> Markup:
        """The place of a figure in the document."""
        light, dark = draw(False), draw(True)
        key = f"f{len(self.specs)}"
        self.specs[key] = [json.loads(light.to_json()), json.loads(dark.to_json())]
        alt = Markup.escape(alt_text(light))
        height = int(light.layout.height or 300)
        return Markup(f'<div class="figure" id="{key}" role="img" aria-label="{alt}" style="height:{height}px"></div>')


def document(record: Record, views: Views) -> str:
    """The file, under 5 MB whatever the sweep."""
    run = overview.overview(record)
    for most_elements in ELEMENTS:
        text = _rendered(run, views, most_elements)
        if len(text.encode()) < MOST_BYTES:
            break
    return text


def _rendered(run: Overview, views: Views, most_elements: int) -> str:
    gallery = _Gallery()
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.globals |= {"code": lambda text: Markup(html.inline(text)), "look": lambda name: pair(_pair(name))}
    record = run.record
    shown, left_out = _grid_table(run)
    content = environment.get_template("run.html.jinja").render(
        title=f"{formats.model(record.spec.model.name)}: {overview.headline(run)}",
        model=formats.model(record.spec.model.name),
        headline=overview.headline(run),
        icon=logo(),
        style=Markup(STYLE),
        verdicts=Markup(html.verdict_table(overview.verdict_rows(run), cases=len(record.spec.cases))),
        where_it_fails=failures.where_it_fails(run.cells),
        grid=gallery.add(lambda dark: outcome_grid(shown, dark)),
        left_out=left_out,
        legend=Markup(html.outcome_legend(sorted({*run.table["outcome"], *findings.GOOD}, key=list(OUTCOMES).index))),
        modes=[_mode(run, mode, views, gallery, most_elements) for mode in record.spec.modes],
        cases=_case_rows(run),
        cases_left=max(0, len(run.table) - MOST_ROWS),
        facts=_facts(record),
        confinement=[str(entry) for entry in record.environment.get("confinement", ())],
        notes=record.description.notes if record.description else (),
        reach=findings.reached(record.description.reach) if record.description and record.description.reach else "",
        figures=packed(json.dumps(gallery.specs)),
        plotly=plotly_js(),
        script=Markup((FOLDER / "run.js").read_text("utf-8")),
    )
    return str(content)


def _pair(name: str) -> tuple[str, str]:
    return getattr(LIGHT, name), getattr(DARK, name)


def _grid_table(run: Overview) -> tuple[Any, int]:
    """The cells that the grid draws, and how many cases it leaves out."""
    table = run.table
    if len(table) <= MOST_CELLS:
        return table, 0
    failing = table.loc[~table["outcome"].isin((*findings.GOOD, findings.NOT_RUN)), "case"].drop_duplicates()
    base = run.record.spec.cases[0].id
    kept = {base, *failing[: MOST_CELLS // len(run.record.spec.modes)]}
    return table[table["case"].isin(kept)], len(run.record.spec.cases) - len(kept)


def _mode(run: Overview, mode: str, views: Views, gallery: _Gallery, most_elements: int) -> dict[str, Any]:
    """What the document says of one mode: why it fails, where, and how fast it is."""
    record = run.record
    results = record.of(mode)
    failing = [result for result in results if judge.judge(result).outcome not in (*findings.GOOD, findings.NOT_RUN)]
    causes = record.causes.get(mode, ())
    export = record.exports.get(mode)
    first = judge.judge(failing[0]) if failing else None
    marks = source_marks(record, causes if failing else (), export, failing[0].exported.error if failing else None)
    source = record.spec.model
    return {
        "name": mode,
        "why": findings.why(causes, first.outcome, first.detail) if first else "",
        "causes": list(_causes(causes)) if failing else [],
        "source": Markup(html.code_view(source.text, title=f"{source.filename} in mode {mode}", marks=marks))
        if marks
        else "",
        "elements": [
            found for result in _worst(failing)[:most_elements] if (found := _elements(record, result, views, gallery))
        ],
        "faster": _faster(run, mode, gallery),
        "export": f"Exported in {formats.duration(export.seconds)}, {formats.size(export.artefact_bytes)}."
        if export and export.error is None
        else "",
    }


def _causes(causes: tuple[Cause, ...]) -> Iterator[dict[str, Any]]:
    known = [cause for cause in causes if cause.cause != UNKNOWN]
    for cause in (known or list(causes))[:MOST_CAUSES]:
        is_diff = cause.fix.startswith(("--- ", "@@", "-", "+"))
        view = html.diff_view if is_diff else html.code_view
        yield {
            "cause": cause.cause,
            "place": f"{cause.file} line {cause.line}" if cause.line else "",
            "proved": cause.proved,
            "message": cause.message,
            "evidence": [" ".join(sentence.split()) for sentence in cause.evidence],
            "fix": "" if is_diff or "\n" in cause.fix else cause.fix,
            "fix_view": Markup(view(cause.fix, title="Fix")) if is_diff or "\n" in cause.fix else "",
        }


def _worst(failing: list[CaseResult]) -> list[CaseResult]:
    """The failing cases with something to compare, the first of each axis before the second of any."""
    compared = [result for result in failing if result.outputs]
    seen: dict[str, int] = {}
    ranks = []
    for result in compared:
        seen[result.case.varied] = seen.get(result.case.varied, -1) + 1
        ranks.append(seen[result.case.varied])
    return [result for _, result in sorted(zip(ranks, compared, strict=True), key=lambda pair: pair[0])]


def _elements(record: Record, result: CaseResult, views: Views, gallery: _Gallery) -> dict[str, Any] | None:
    facts = max(result.outputs, key=lambda output: (output.nan_disagree + output.inf_disagree, output.max_abs))
    raw = views(result.mode, result.case.id).get(facts.path)
    view = from_json(ElementView, raw) if raw else None
    noise = judge.noise_floor(facts) or None
    moved = [kind for kind in result.noise if kind.path == facts.path]
    drawn = [gallery.add(lambda dark: delta_histogram(facts.histogram, noise, dark, moved=moved))]
    if view is not None and view.profiles:
        block = view.maps[0] if view.maps else None
        drawn.append(gallery.add(lambda dark: figures.element_map(view, block, view.profiles[0], dark)))
    return {
        "case": f"{result.case.id}: {plan.describe(result.case, record.spec.cases[0])}",
        "output": facts.path,
        "finding": findings.elements(facts),
        "facts": Markup(html.facts_view(figures.facts_rows(facts))),
        "figures": drawn,
        "worst": _worst_elements(facts),
    }


def _worst_elements(facts: OutputFacts) -> list[tuple[str, ...]]:
    worst = tables.worst_elements(facts).head(5)
    return [
        (
            row.index_ or "the only one",
            formats.element(row.eager),
            formats.element(row.exported),
            formats.delta(row.delta),
        )
        for row in worst.rename(columns={"index": "index_"}).itertuples(index=False)
    ]


def _faster(run: Overview, mode: str, gallery: _Gallery) -> dict[str, Any] | None:
    """The medians and what stands behind them; None where the mode was not timed."""
    latency, speed_up = run.latency, run.speed_ups.get(mode)
    arms = {arm.name: arm for arm in latency.arms} if latency else {}
    if latency is None or speed_up is None or mode not in arms:
        return None
    ratio = (speed_up.ratio, speed_up.low, speed_up.high)
    control = (speed_up.control_low, speed_up.control_high)
    medians = {name: stats.median(arms[name].samples_s) for name in (EAGER, mode)}
    return {
        "finding": findings.faster(
            mode,
            mode_s=medians[mode],
            eager_s=medians[EAGER],
            speed_up=ratio,
            claimed=speed_up.claimed,
            warmup=len(arms[mode].warmup_s),
        ),
        "figures": [
            gallery.add(lambda dark: paired_ratio(latency, mode, dark, speed_up=ratio, control=control)),
            gallery.add(lambda dark: latency_histogram(latency, mode, dark, medians_s=medians)),
        ],
        "notes": [
            *_paid_back(run.record, latency, mode),
            *latency.notes,
            *stats.disturbances(latency),
            findings.machine(latency),
        ],
    }


def _paid_back(record: Record, latency: Latency, mode: str) -> list[str]:
    """After how many calls the export has paid for itself, where that was measured."""
    export = record.exports.get(mode)
    found = stats.break_even(latency, mode, export_s=export.seconds) if export else None
    return [findings.paid_back(found)] if found else []


def _case_rows(run: Overview) -> list[dict[str, Any]]:
    """The cases, those that fail first."""
    good = run.table["outcome"].isin((*findings.GOOD, findings.NOT_RUN))
    table = run.table.assign(good=good).sort_values("good", kind="stable").head(MOST_ROWS)
    rows = []
    for row in table.itertuples(index=False):
        look = OUTCOMES[row.outcome]
        words = str(row.hover).partition("\n")[0].partition(": ")[2]
        rows.append(
            {
                "mode": row.mode,
                "case": row.case,
                "words": words,
                "outcome": f"{look.glyph} {look.label}",
                "ink": pair(look.ink),
                "detail": row.detail,
                "max_abs": formats.delta(None if row.max_abs != row.max_abs else row.max_abs),
            }
        )
    return rows


def _facts(record: Record) -> list[tuple[str, str]]:
    """Where, when and of what the run was made."""
    source, description = record.spec.model, record.description
    facts = [("run", str(record.id)), ("model", source.filename), ("SHA-256 of its source", source.sha256)]
    if description is not None:
        facts.append(("parameters", formats.count(description.parameters)))
    shown = {name: value for name, value in record.environment.items() if name != "confinement"}
    return facts + [
        (name, ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))
        for name, value in shown.items()
    ]


def logo() -> str:
    """The mark of tsdash as a data address, for the file's icon."""
    raw = (FOLDER.parent / "ui" / "logo.svg").read_bytes()
    return f"data:image/svg+xml;base64,{base64.b64encode(raw).decode()}"
