"""Forced replay: eager at the failing case with one value or decision put back to what it was while exporting.

If the export's result appears, that site explains the failure. This is proof, and the strongest evidence there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tsdash import spec
from tsdash.diagnose import classify, numerics, phrases
from tsdash.diagnose.answers import Result, same_answer
from tsdash.diagnose.evidence import evidence, values_groups
from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.recorder import Event, Forced
from tsdash.diagnose.seen import is_python
from tsdash.diagnose.sites import ITERATION, ROUTE, Site
from tsdash.diagnose.subject import Finding, Strength
from tsdash.diagnose.suspects import Suspect, compare

CASES_PER_AXIS = 3  # failing cases of one axis that are replayed before the next axis
ONE_BY_ONE = 10  # suspects that are forced alone; beyond that the whole lot is halved first
SHOWN = 4  # unproved suspects that are reported


@evidence("forced replay", order=50)
def own_replay(lab: Laboratory) -> Iterator[Finding]:
    """Replay with the values and decisions of the user's own source."""
    for axis, failures in values_groups(lab) if not lab.scripting else ():
        yield from _replay_axis(lab, axis, failures)


@evidence("forced replay of library code", order=80)
def library_replay(lab: Laboratory) -> Iterator[Finding]:
    """Replay what is not explained yet with the decisions inside the libraries that the user's lines call."""
    open_groups = [(axis, failures) for axis, failures in values_groups(lab) if axis not in lab.explained]
    if (
        lab.scripting
        or not open_groups
        or (lab.subject.failures and not lab.in_time(0.8))
        or not lab.instrument_libraries()
    ):
        return
    for axis, failures in open_groups:
        found = list(_replay_axis(lab, axis, failures)) if lab.in_time() else []
        yield from (finding for finding in found if finding.strength is Strength.PROVED)


def _replay_axis(lab: Laboratory, axis: str, failures: Sequence[spec.CaseResult]) -> Iterator[Finding]:
    """The proof from the first case that gives one, else what differs at the first case."""
    differing: list[Finding] = []
    for failure in failures[:CASES_PER_AXIS]:
        if not lab.in_time():
            break
        suspects, actual = _suspects(lab, failure.case)
        if actual is None:
            continue
        drawn = _drawn(lab, failure.case, suspects) if axis == "call" else frozenset()
        proved = _explain(lab, failure.case, suspects, actual)
        if proved:
            proved = [_decision_around(suspect, suspects) for suspect in proved]
            for suspect in proved:
                yield _finding(
                    lab, suspect, "seed" if suspect.site.number in drawn else axis, failure.case, actual, proved
                )
            return
        if not differing:
            leading = [suspect for suspect in suspects if suspect.decides] or suspects
            differing = [
                _finding(lab, suspect, axis, failure.case, actual, refuted=_can_be_forced(lab, suspect, actual))
                for suspect in leading[:SHOWN]
            ]
    converted = numerics.converted(lab, axis, failures[0].case)
    yield from differing if converted is None else [converted]


def _suspects(lab: Laboratory, case: spec.Case) -> tuple[list[Suspect], Result | None]:
    """What differs at the case, and the export's result there; None where the failure does not show in this process."""
    expected, actual = lab.eager(case), lab.exported(case)
    if actual is None or not expected.returned or same_answer(actual, expected):
        return [], None
    log, observed = lab.recorded(case)
    if not same_answer(observed, expected):
        lab.notes.append("recording changed what eager returns, so its log was not used")
        return [], None
    return compare(lab.base_log, log, lab.instrumentation), actual


def _drawn(lab: Laboratory, case: spec.Case, suspects: list[Suspect]) -> frozenset[int]:
    """Sites that differ from call to call only because torch draws other random numbers, not because the model remembers."""
    log, _ = lab.observe(case, digests=frozenset(suspect.site.number for suspect in suspects), reseed=True)
    still = {suspect.site.number for suspect in compare(lab.base_log, log, lab.instrumentation)}
    return frozenset(suspect.site.number for suspect in suspects) - still


def _can_be_forced(lab: Laboratory, suspect: Suspect, actual: Result) -> bool:
    """Whether forcing the suspect would have shown the export's result, if it were the cause.

    A list of tensors that the export takes apart into a fixed number of pieces cannot be put back in eager: rounds that there
    are no items for cannot be made, and where the export raises, eager with fewer rounds does not.
    """
    return (
        suspect.site.kind != ROUTE
        and bool(_values(lab, suspect.site))
        and (suspect.site.kind != ITERATION or actual.returned)
    )


def _explain(lab: Laboratory, case: spec.Case, suspects: list[Suspect], actual: Result) -> list[Suspect]:
    """The fewest suspects that give the export's result when they are forced back: one, if one is enough."""
    able = [suspect for suspect in _ordered(suspects) if suspect.site.kind != ROUTE and _values(lab, suspect.site)]

    def appears(some: Sequence[Suspect]) -> bool:
        forced = {suspect.site.number: Forced(values=_values(lab, suspect.site)) for suspect in some}
        return lab.in_time() and same_answer(lab.observe(case, forced=forced)[1], actual)

    for suspect in able[:ONE_BY_ONE]:
        if appears([suspect]):
            return [suspect]
    if len(able) < 2 or not appears(able):
        return []
    return sorted(_fewest(able, appears), key=lambda suspect: suspect.trigger.order)


def _decision_around(suspect: Suspect, suspects: list[Suspect]) -> Suspect:
    """The differing decision in whose expression the value lies, where there is one: it is what the reader has to change."""
    return next((other for other in suspects if other.decides and other.site.number == suspect.site.inside), suspect)


def _ordered(suspects: list[Suspect]) -> list[Suspect]:
    """Decisions before values, the user's own before a library's, then in the order of execution."""
    return sorted(suspects, key=lambda suspect: (not suspect.site.own, not suspect.decides, suspect.trigger.order))


def _fewest(suspects: list[Suspect], appears: object) -> list[Suspect]:
    """Leave out what is not needed, half of them at a time and then one by one."""
    assert callable(appears)
    size = max(1, len(suspects) // 2)
    while True:
        start = 0
        while start < len(suspects):
            fewer = suspects[:start] + suspects[start + size :]
            if fewer and appears(fewer):
                suspects = fewer
            else:
                start += size
        if size == 1:
            return suspects
        size = max(1, size // 2)


def _values(lab: Laboratory, site: Site) -> dict[int, object]:
    """What the site gave while exporting, by occurrence, where that is nothing of the graph."""
    base = lab.base_log
    return {
        event.occurrence: event.value for event in base.of(site.number) if is_python(event.seen) and _forceable(event)
    }


def _forceable(event: Event) -> bool:
    return (
        (event.site.kind == "value" and event.seen.kind != "opaque")
        or event.site.kind in ("test", "choice")
        or (event.site.kind == "iteration" and isinstance(event.value, int) and event.value >= 0 and event.finished)
    )


def _finding(
    lab: Laboratory,
    suspect: Suspect,
    axis: str,
    case: spec.Case,
    actual: Result | None = None,
    proved: Sequence[Suspect] = (),
    *,
    refuted: bool = False,
) -> Finding:
    """What the suspect explains; `actual` is the export's result of the case, where it was run."""
    cause = classify.cause_of(suspect, axis, lab.base_log)
    file, line = classify.place(suspect, cause, lab)
    sentences = [phrases.difference(suspect, case, lab.base)]
    if actual is not None and (guarded := phrases.guard(actual, lab.subject.mode)):
        sentences.append(guarded)
    if actual is not None and proved:
        sentences.append(phrases.proof(suspect, proved, lab.subject.mode, actual))
    return Finding(
        cause=cause,
        strength=Strength.PROVED if proved else Strength.DIFFERENCE if refuted and cause != "rng" else Strength.GRAPH,
        axis=axis,
        file=file,
        line=line,
        message=phrases.message(cause, suspect),
        evidence=tuple(sentences),
        baked=phrases.baked(suspect),
        order=suspect.trigger.order,
    )


@evidence("a second call that takes another way", order=55)
def second_call(lab: Laboratory) -> Iterator[Finding]:
    """Where torch's own check saw two traces differ and no answer does: what the second call reads or decides differently."""
    error = lab.subject.export.error
    if error is None or error.type != "TracingCheckError" or lab.subject.failures:
        return
    again = replace(lab.base, call=2, varied="call")
    suspects = compare(lab.trace_log, lab.recorded(again)[0], lab.instrumentation)
    yield from (_finding(lab, suspect, "call", again) for suspect in _ordered(suspects)[:1])
