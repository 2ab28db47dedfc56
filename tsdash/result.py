"""What `tsdash.check` returns: a finished run to ask, to show and to take along."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsdash import findings, overview, stats, tables, takeaway
from tsdash import verdicts as verdicts_of
from tsdash.judge import judge
from tsdash.recommendation import Recommendation
from tsdash.records import Record
from tsdash.report import check_report
from tsdash.spec import CaseResult, Cause, Verdict
from tsdash.store import Store
from tsdash.summary import markdown, summary
from tsdash.ui import html
from tsdash.ui.style import STYLE

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Result:
    """A run: verdicts, causes, cases and latency of every mode. `str` and a notebook show it."""

    record: Record
    store: Store = field(repr=False)

    @property
    def id(self) -> int:
        """Its number in the dashboard's History, and for `python -m tsdash runs show`."""
        return self.record.id

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """By mode: `verdict` is "ship", "inconclusive" or "do_not_ship", `outcome` the worst outcome, `reasons` why."""
        return verdicts_of.verdicts(self.record)

    @property
    def ships(self) -> bool:
        """Whether every mode can be shipped."""
        return all(verdict.verdict == "ship" for verdict in self.verdicts.values())

    @property
    def causes(self) -> Mapping[str, tuple[Cause, ...]]:
        """By mode, why it fails, best explained first: `cause`, `file`, `line`, `message`, `fix`."""
        return {mode: self.record.causes.get(mode, ()) for mode in self.record.spec.modes}

    def failures(self, mode: str) -> tuple[CaseResult, ...]:
        """The cases in which the export does not do what eager does."""
        return tuple(
            result for result in self.record.of(mode) if judge(result).outcome not in (*findings.GOOD, findings.NOT_RUN)
        )

    @property
    def speedups(self) -> dict[str, stats.Speedup]:
        """By mode, eager's time ÷ the export's with its 95 % interval; empty where latency was not measured."""
        return verdicts_of.speed_ups(self.record)

    @cached_property
    def recommendation(self) -> Recommendation:
        """The `mode` to ship, None where there is none, and the `reasons`."""
        return verdicts_of.recommendation(self.record, self.verdicts)

    @cached_property
    def as_dict(self) -> dict[str, Any]:
        """The report, schema tsdash.check/1."""
        return check_report(self.record)

    def to_json(self, path: str | Path | None = None) -> str:
        """The report as JSON text, also written to `path` where one is given."""
        text = json.dumps(self.as_dict, indent=1, allow_nan=False)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    def report(self, path: str | Path) -> Path:
        """One HTML file with the figures, to read without a network and to print."""
        takeaway.write("html", self.record, self.store, path)
        return Path(path)

    def to_markdown(self) -> str:
        """A summary to paste into a pull request."""
        return markdown(self.as_dict)

    def to_pandas(self) -> pd.DataFrame:
        """One row a case and mode: its choices, outcome and the facts of its worst output."""
        return tables.cases(self.record)

    def samples(self) -> pd.DataFrame:
        """Every timed call."""
        return tables.samples(self.record.latencies)

    def __str__(self) -> str:
        return summary(self.as_dict)

    def _repr_html_(self) -> str:
        """The verdicts, and the lines that the first cause of each failing mode names, for a notebook."""
        run = overview.overview(self.record)
        parts = [STYLE, f"<h4>{escape(overview.headline(run))}</h4>"]
        parts.append(html.verdict_table(overview.verdict_rows(run), cases=len(self.record.spec.cases)))
        source = self.record.spec.model
        marks: dict[int, html.Mark] = {}
        for mode, causes in self.causes.items():
            for cause in causes[:1]:
                if cause.file == source.filename and cause.line is not None:
                    noted = marks[cause.line].notes if cause.line in marks else ()
                    marks[cause.line] = html.Mark(kind="guilty", notes=(*noted, f"{mode}: {cause.message}"))
        parts += [html.code_view(source.text, title=source.filename, marks=marks)] if marks else []
        return "".join(parts)
