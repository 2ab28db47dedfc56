"""Findings → causes, best explained first."""

from __future__ import annotations

from collections.abc import Iterable

from tsdash import spec
from tsdash.diagnose import catalogue
from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.subject import AXES, Finding, Strength

MAX_CAUSES = 6


def rank(findings: Iterable[Finding], lab: Laboratory) -> tuple[spec.Cause, ...]:
    """One cause for each (cause, line), with all that speaks for it.

    A failing train/eval switch comes first and a lost check last; between them proof before a graph's difference before a
    warning, values before shapes before dtypes, and of two alike the one that runs first.
    """
    merged: dict[tuple[str, str | None, int | None], list[Finding]] = {}
    for finding in sorted(findings, key=_place):
        merged.setdefault((finding.cause, finding.file, finding.line), []).append(finding)
    groups = list(merged.values())
    return tuple(_cause(group, lab) for group in groups[:MAX_CAUSES])


def _place(finding: Finding) -> tuple[object, ...]:
    return (
        finding.cause == "lost_check",
        not (finding.cause == "training_mode" and finding.axis == "training" and finding.strength >= Strength.DIFFERENCE),
        -finding.strength,
        AXES.index(finding.axis),
        finding.line is None,
        finding.order,
    )


def _cause(group: list[Finding], lab: Laboratory) -> spec.Cause:
    first = group[0]
    evidence = tuple(dict.fromkeys(sentence for finding in group for sentence in finding.evidence))
    return spec.Cause(
        cause=first.cause,
        file=first.file,
        line=first.line,
        code=source_line(lab, first.file, first.line),
        message=first.message or catalogue.CAUSES[first.cause].happened,
        evidence=evidence,
        fix=first.fix or catalogue.CAUSES[first.cause].fix,
        proved=first.strength is Strength.PROVED,
    )


def source_line(lab: Laboratory, file: str | None, line: int | None) -> str:
    """The user's source at a line, without its indentation."""
    if file is None or line is None:
        return ""
    if file == lab.loaded.source.filename:
        lines = lab.loaded.source.text.splitlines()
    else:
        path = next((path for path in lab.own_paths if lab.name(path) == file), None)
        lines = open(path, encoding="utf-8").read().splitlines() if path else []
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""
