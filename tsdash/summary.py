"""The report for a reader, as plain text for a terminal and as Markdown for a pull request."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any

from tsdash import formats
from tsdash.spec import SEARCH
from tsdash.tokens import ANSI, OUTCOMES, VERDICTS

GLYPHS = {name: f"{look.glyph} {look.label}" for name, look in VERDICTS.items()}
MOST_CAUSES = 3
_MARKDOWN = re.compile(r"([\\*_{}\[\]<>#|~])")


def summary(report: dict[str, Any], *, coloured: bool = False) -> str:
    """A paragraph a mode, the recommendation last; `coloured` for a terminal that shows colours."""
    lines = [_headline(report)]
    if report.get("tolerance") is not None:
        lines.append(f"judged again by |Δ| ≤ {formats.delta(report['tolerance'])}")
    for name, mode in report["modes"].items():
        verdict = GLYPHS[mode["verdict"]]
        lines.append(f"\n{name}: {_coloured(verdict, VERDICTS[mode['verdict']].badge) if coloured else verdict}")
        lines += _outcomes([case for case in mode["cases"] if case["varied"] != SEARCH], coloured)
        lines += [f"  {reason}" for reason in mode["reasons"]]
        lines += [f"  cause: {_cause(cause)}" for cause in mode["causes"][:MOST_CAUSES]]
        lines += [f"  {sentence}" for sentence in mode["search"]["sentences"]]
        speedup = mode["latency"].get("speedup")
        if speedup:
            same = mode["latency"].get("same_as")
            lines.append(f"  speed-up: {_speed(speedup)}" + (f"; the same program as {same}" if same else ""))
        if "break_even" in mode["latency"]:
            lines.append(f"  {mode['latency']['break_even']['sentence']}")
        lines += _by_threads(mode["latency"])
        lines += [f"  {said}" for said in mode.get("contract", {}).get("notable", ())]
    lines += _measured(report["modes"].values())
    lines.append(f"\n{_advice(report)}")
    return "\n".join(lines)


def markdown(report: dict[str, Any]) -> str:
    """A heading, a table of the modes, the causes with their fixes, and where it was run."""
    lines = [f"### tsdash: {_plain(_headline(report))}", "", f"**{_plain(_advice(report))}**", ""]
    lines += ["| mode | verdict | because | worst \\|Δ\\| | speed-up [95 %] |", "| --- | --- | --- | --- | --- |"]
    for name, mode in report["modes"].items():
        speedup = mode["latency"].get("speedup")
        speed = formats.ratio(speedup["ratio"], speedup["low"], speedup["high"]) if speedup else formats.ABSENT
        because = _plain(mode["reasons"][0]) if mode["reasons"] else formats.ABSENT
        lines.append(f"| `{name}` | {GLYPHS[mode['verdict']]} | {because} | {formats.delta(_worst(mode))} | {speed} |")
    for name, mode in report["modes"].items():
        causes = [cause for cause in mode["causes"] if cause["cause"] != "unknown"][:MOST_CAUSES]
        sentences = mode["search"]["sentences"] if mode["verdict"] != "ship" else ()
        lines += ["", *(f"- **{name}**: {_plain(sentence)}" for sentence in sentences)] if sentences else []
        for cause in causes:
            lines += ["", f"**{name}**: {_plain(_cause(cause))}"]
            lines += ["", "```python", cause["code"], "```"] if cause["code"] else []
            lines += ["", f"Fix: {_plain(cause['fix'])}"] if cause["fix"] and "\n" not in cause["fix"] else []
            lines += ["", "```diff", cause["fix"], "```"] if "\n" in cause["fix"] else []
    paid = {
        name: mode["latency"]["break_even"] for name, mode in report["modes"].items() if "break_even" in mode["latency"]
    }
    lines += ["", *(f"- **{name}**: {_plain(found['sentence'])}" for name, found in paid.items())] if paid else []
    for line in _measured(report["modes"].values()):
        lines += ["", _plain(line)]
    environment = report["environment"]
    shown = [f"{name} {environment[name]}" for name in ("tsdash", "torch", "python", "cpu") if environment.get(name)]
    lines += ["", f"<sub>{_plain(', '.join(shown))}; model sha256 {report['model']['sha256'][:12]}</sub>"]
    return "\n".join(lines) + "\n"


def shows_colours() -> bool:
    """Whether standard output is a terminal, and the user wants colours there (NO_COLOR, no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _by_threads(latency: dict[str, Any]) -> list[str]:
    """What other numbers of threads make of it."""
    timed = [taken for taken in latency.get("by_threads", ()) if "exported" in taken]
    return [
        f"  with {formats.counted(taken['threads'], 'thread')}: {formats.duration(taken['exported']['median_s'])}, eager {formats.duration(taken['eager']['median_s'])}"
        for taken in timed
    ]


def _measured(modes: Iterable[dict[str, Any]]) -> list[str]:
    """What is to be known of the timing as a whole, whichever the mode."""
    latency: dict[str, Any] = next((mode["latency"] for mode in modes if mode["latency"].get("notes") is not None), {})
    noisy = ["the machine was busy, measure again:"] if latency.get("noisy") else []
    machine = [latency["machine"]["sentence"]] if "machine" in latency else []
    said = [*noisy, *latency.get("notes", ()), *machine]
    return [f"\nLatency: {' '.join(said)}"] if said else []


def _outcomes(cases: list[dict[str, Any]], coloured: bool) -> list[str]:
    """The cases by outcome, mildest first, with the signs of the page."""
    counts = Counter(case["outcome"] for case in cases)
    present = [(look, f"{look.glyph} {counts[name]} {look.label}") for name, look in OUTCOMES.items() if counts[name]]
    parts = [_coloured(text, look.badge) if coloured else text for look, text in present]
    return [f"  {'  '.join(parts)}"] if parts else []


def _coloured(text: str, badge: str) -> str:
    """Text in the terminal's own colour of that name."""
    return f"\033[{ANSI[badge]}m{text}\033[0m"


def _headline(report: dict[str, Any]) -> str:
    model = report["model"]
    parameters = formats.counted(model["parameters"] or 0, "parameter")
    modes = formats.counted(len(report["modes"]), "mode")
    name = f"{model['artefact']['name']} against {model['name']}" if "artefact" in model else model["name"]
    return f"{name}: {parameters}, {modes}, {formats.counted(report['sweep']['done'], 'case')}"


def _cause(cause: dict[str, Any]) -> str:
    place = f" {cause['file']} line {cause['line']}" if cause["line"] else ""
    return f"{cause['cause']}{place}: {cause['message']}"


def _speed(speedup: dict[str, Any]) -> str:
    shown = formats.ratio(speedup["ratio"], speedup["low"], speedup["high"])
    return shown + ("" if speedup["claimed"] else ", not more than eager differs from itself")


def _advice(report: dict[str, Any]) -> str:
    best = report["recommendation"]
    return f"{'Ship ' + best['mode'] if best['mode'] else 'Ship none'}: {' '.join(best['reasons'])}"


def _worst(mode: dict[str, Any]) -> float | None:
    """The largest |Δ| of all outputs of all cases."""
    found = [output["max_abs"] for case in mode["cases"] for output in case["outputs"] if output["max_abs"] is not None]
    return max(found, default=None)


def _plain(text: str) -> str:
    """Text whose signs mean nothing to Markdown, on one line; backticks still set code."""
    parts = " ".join(text.split()).split("`")
    return "`".join(part if i % 2 else _MARKDOWN.sub(r"\\\1", part) for i, part in enumerate(parts))
