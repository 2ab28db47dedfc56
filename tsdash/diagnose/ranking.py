"""Findings → causes, best explained first."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tsdash import spec
from tsdash.diagnose import catalogue, fixes, moving
from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.subject import AXES, Finding, Strength

MAX_CAUSES = 6
NOTHING = Finding(
    cause="unknown",
    strength=Strength.AXIS,
    axis="base",
    message="The difference is real, and no kind of evidence explains it.",
)


def rank(findings: Iterable[Finding], lab: Laboratory) -> tuple[spec.Cause, ...]:
    """One cause for each (cause, line), with all that speaks for it."""
    merged: dict[tuple[str, str | None, int | None], list[Finding]] = {}
    for finding in sorted(findings, key=_place):
        merged.setdefault((finding.cause, finding.file, finding.line), []).append(finding)
    named = [group for group in merged.values() if group[0].cause != "unknown"]
    groups = named or list(merged.values())[:1] or [[NOTHING]]
    return tuple(_cause(group, lab) for group in groups[:MAX_CAUSES])


def _place(finding: Finding) -> tuple[object, ...]:
    """Where a finding stands: by tier, then by strength, then values before shapes before dtypes, then what runs first."""
    return _tier(finding), -finding.strength, AXES.index(finding.axis), finding.line is None, finding.order


def _tier(finding: Finding) -> int:
    """A failing train/eval switch leads. A check that is lost comes after what makes answers wrong, for a wide sweep finds
    inputs that many a model refuses; but before dtypes and devices, which few models are made for. Hints come last."""
    told = finding.strength >= Strength.GRAPH
    special = finding.axis in ("dtype", "device")
    if finding.cause == "training_mode" and finding.axis == "training" and finding.strength >= Strength.DIFFERENCE:
        return 0
    if finding.cause == "lost_check":
        return 2 if told else 4
    if told:
        return 3 if special else 1
    return 6 if finding.cause == "unknown" else 5


def _cause(group: list[Finding], lab: Laboratory) -> spec.Cause:
    first = group[0]
    evidence = tuple(dict.fromkeys(sentence for finding in group for sentence in finding.evidence))
    path = next((path for path in lab.own_paths if lab.name(path) == first.file), None)
    tree = lab.instrumentation.trees.get(path or "")
    to_export = "" if lab.tracing or lab.scripting else moving.rewrite(first.cause, tree, first.line)
    return spec.Cause(
        cause=first.cause,
        file=first.file,
        line=first.line,
        code=_source_line(lab, path, first.line),
        message=first.message or catalogue.CAUSES[first.cause].happened,
        evidence=evidence,
        fix=to_export or first.fix or fixes.fix(first.cause, tree, first.line),
        proved=first.strength is Strength.PROVED,
        baked=tuple(dict.fromkeys(value for finding in group for value in finding.baked)),
    )


def _source_line(lab: Laboratory, path: str | None, line: int | None) -> str:
    """The user's source at a line, without its indentation."""
    if path is None or line is None:
        return ""
    own = path == str(lab.loaded.path)
    lines = (lab.loaded.source.text if own else Path(path).read_text("utf-8")).splitlines()
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""
