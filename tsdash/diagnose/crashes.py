"""Exports that kill or hang their process: never run again in this one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tsdash import plan, spec
from tsdash.diagnose import scripted
from tsdash.diagnose.evidence import evidence, groups
from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.sites import ITERATION, Site
from tsdash.diagnose.subject import Finding, Strength
from tsdash.tracebacks import user_error

DEADLY = ("crash", "timeout")
TWIN_S = 4.0  # for the scripted twin to reach the place where the export hangs


@evidence("how the export dies", order=46)
def died(lab: Laboratory) -> Iterator[Finding]:
    """The line at which the first deadly case of each axis ends, as far as the twin, eager's error or the loops tell."""
    if lab.subject.export.ended in DEADLY:
        yield _finding(
            lab, "base", _longest_loop(lab, lab.base), f"Exporting itself ended in a {lab.subject.export.ended}.", ()
        )
        return
    for axis, failures in groups(lab):
        failure = next(
            (f for f in failures if f.exported.ended in DEADLY and f.eager.ended in ("returned", "raised")), None
        )
        if failure is not None:
            yield _died(lab, axis, failure)
            return


def _died(lab: Laboratory, axis: str, failure: spec.CaseResult) -> Finding:
    where = plan.describe(failure.case, lab.base)
    message = f"At {where} the export {'hangs' if failure.exported.ended == 'timeout' else 'kills its process'}."
    raised = lab.eager(failure.case).error
    if raised is not None:
        error = user_error(raised, lab.loaded.sources)
        return _finding(
            lab, axis, (error.file, error.line), message, (f"Eager at {where}: {error.type}: {error.message[:200]}",)
        )
    if lab.scripting and scripted.has_twin(lab):
        parting, ended = scripted.deadly(lab, failure.case, TWIN_S)
        if parting is not None:
            told = f"The scripted twin agrees with eager up to here ({parting.same_so_far} values compared), then: {ended}."
            return _finding(lab, axis, (lab.loaded.source.filename, parting.probe.line), message, (told,))
    return _finding(lab, axis, _longest_loop(lab, failure.case), message, ())


def _finding(
    lab: Laboratory, axis: str, place: tuple[str | None, int | None], message: str, evidence_: tuple[str, ...]
) -> Finding:
    return Finding(
        cause="process_crash",
        strength=Strength.STATED,
        axis=axis,
        file=place[0],
        line=place[1],
        message=message,
        evidence=evidence_,
    )


def _longest_loop(lab: Laboratory, case: spec.Case) -> tuple[str | None, int | None]:
    """The loop that goes round most often: a trace has every round of it as operators of its own."""
    log, _ = lab.recorded(case) if not lab.tracing else lab.observe(case)
    rounds: Counter[int] = Counter()
    sites: dict[int, Site] = {}
    for event in log.events:
        if event.site.kind == ITERATION and isinstance(event.value, int):
            rounds[event.site.number] += event.value
        elif event.site.statement == "while":
            rounds[event.site.number] += 1
        sites[event.site.number] = event.site
    if not rounds:
        return None, None
    site = sites[rounds.most_common(1)[0][0]]
    return lab.name(site.path), site.line
