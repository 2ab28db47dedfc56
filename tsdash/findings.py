"""The sentences that head a section: facts in, one finding out, with a number or a name in each.

Pure functions of results; nothing is rounded here that `formats` does not round the same way everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from tsdash import formats
from tsdash.judge import GOOD as GOOD
from tsdash.judge import NOT_RUN as NOT_RUN
from tsdash.spec import PLAIN_TOLERANCE, Case, Cause, Latency, OutputFacts, Reach, Verdict
from tsdash.stats import BreakEven

MOST_PARTS = 3  # clauses in one heading
SHOWN_REASONS = 2
SpeedUp = tuple[float, float, float]  # eager ÷ exported: median, low, high of its 95 % interval
Cell = tuple[str, Case, str]  # mode, case, outcome


def recommendation(
    verdicts: Mapping[str, Verdict],
    cells: Sequence[Cell],
    *,
    recommended: str | None = None,
    speed_ups: Mapping[str, SpeedUp] | None = None,
) -> str:
    """Which mode to ship, with the share of cases that agree and the speed-up; or that none can be shipped."""
    if not verdicts:
        return "No verdict yet: no mode has run all of its cases."
    shippable = [mode for mode, verdict in verdicts.items() if verdict.verdict == "ship"]
    chosen = recommended or (shippable[0] if shippable else None)
    if chosen is not None and chosen in shippable:
        return f"Ship {chosen}: {_agreement(chosen, cells, verdicts[chosen].raised)}{_speed_clause((speed_ups or {}).get(chosen))}."
    unsure = [mode for mode, verdict in verdicts.items() if verdict.verdict == "inconclusive"]
    if unsure and len(unsure) == len(verdicts):
        return f"Inconclusive: {_lowered(verdicts[unsure[0]].reasons, 'nothing could be judged')}"
    if len(verdicts) == 1:
        mode, verdict = next(iter(verdicts.items()))
        return f"Do not ship {mode}: {_lowered(verdict.reasons, 'it failed')}"
    failed = len(verdicts) - len(unsure)
    rest = f" {formats.joined(unsure)} could not be judged." if unsure else ""
    if failed == len(verdicts):
        return f"Ship none of them: {formats.word(failed) if failed > 2 else 'both'} modes fail."
    return f"Ship none of them: {formats.counted(failed, 'mode')} {'fails' if failed == 1 else 'fail'}.{rest}"


def _agreement(mode: str, cells: Sequence[Cell], raised: int) -> str:
    """`raised`: in so many cases both raise, and neither gives an answer."""
    outcomes = Counter(outcome for name, _, outcome in cells if name == mode and outcome != NOT_RUN)
    total, same = sum(outcomes.values()), outcomes["identical"] - raised
    refused = f", both raise in {formats.count(raised)}" if raised else ""
    if same + raised == total:
        return f"same bits in {formats.count(same)} of {formats.counted(total, 'case')}{refused}"
    good = same + outcomes["within_noise"]
    bits = f", bit for bit in {formats.count(same)}" if same else ""
    return f"same answers in {formats.count(good)} of {formats.counted(total, 'case')}{bits}{refused}"


def _speed_clause(speed_up: SpeedUp | None) -> str:
    return f", {formats.ratio(speed_up[0])} as fast" if speed_up else ""


def _lowered(reasons: Sequence[str], otherwise: str) -> str:
    """The decisive reason as the second half of a sentence. A name or a code keeps its capitals."""
    text = reasons[0] if reasons else otherwise
    first = text.split(" ", 1)[0]
    lowered = text[0].lower() + text[1:] if first[1:].islower() and ":" not in first else text
    return lowered if lowered.endswith((".", "!", "?")) else f"{lowered}."


def reasons(verdict: Verdict) -> tuple[str, tuple[str, ...]]:
    """The decisive facts of a verdict: the first two as one text, and the others."""
    ended = tuple(f"{text.rstrip(' .:;,')}." for text in verdict.reasons)
    return " ".join(ended[:SHOWN_REASONS]), ended[SHOWN_REASONS:]


def so_far(cells: Sequence[Cell]) -> str:
    """A run in progress: which modes agree up to now, which do not."""
    run = [(mode, outcome) for mode, _, outcome in cells if outcome != NOT_RUN]
    if not run:
        return "The model is being loaded and exported."
    wrong, fine = [], []
    for mode in dict.fromkeys(mode for mode, _ in run):
        outcomes = [outcome for name, outcome in run if name == mode]
        bad = sum(outcome not in GOOD for outcome in outcomes)
        if bad:
            wrong.append((mode, bad, len(outcomes)))
        else:
            fine.append((mode, len(outcomes)))
    parts = [f"{mode} fails in {bad} of {n}" for mode, bad, n in wrong[: MOST_PARTS + 1]]
    parts += [
        f"{formats.count(left)} more {'fails' if left == 1 else 'fail'}"
        for left in [len(wrong) - MOST_PARTS - 1]
        if left > 0
    ]
    if fine and not wrong:
        n = sum(count for _, count in fine)
        who = _few([mode for mode, _ in fine])
        return f"{who} {'agrees' if len(fine) == 1 else 'agree'} with eager in {formats.every(n, 'case')} so far."
    if fine:
        parts.append(f"{_few([mode for mode, _ in fine])} {'agrees' if len(fine) == 1 else 'agree'} so far")
    return f"{'; '.join(parts)}."


def _few(modes: Sequence[str]) -> str:
    """The names of modes, of many the first few and how many more there are."""
    left = len(modes) - MOST_PARTS - 1
    return formats.joined([*modes[: MOST_PARTS + 1], *([f"{formats.count(left)} more"] if left > 0 else [])])


def why(causes: Sequence[Cause], outcome: str, detail: str, *, altered: bool = False, raised: bool = False) -> str:
    """The best explained cause, or that there is nothing to explain, or that nothing known explains it. `altered`: whatever the
    answers, a caller sees a difference beside them. `raised`: both sides raise."""
    if outcome == "identical" and raised:
        return "Both raise: eager refuses this input, and so does the export."
    if outcome == "identical" and not altered:
        return "Nothing to explain: this case gives the same bits."
    if outcome == "within_noise" and not altered:
        return f"Nothing is wrong: {_lowered([detail], 'the difference is rounding')}"
    if outcome == NOT_RUN:
        return "This case has not run."
    for cause in causes:
        if cause.cause != "unknown" and cause.message:
            return cause.message if cause.message.endswith(".") else f"{cause.message}."
    return detail or "The difference is real, and nothing known explains it."


def reached(reach: Reach) -> str:
    """How much of the user's own forward the cases of a sweep ran."""
    lines = f"{formats.count(reach.lines_run)} of {formats.counted(reach.lines, 'line')}"
    branches = f" and {formats.count(reach.branches_run)} of {formats.counted(reach.branches, 'branch', 'branches')}"
    whole = reach.lines_run == reach.lines and reach.branches_run == reach.branches
    start = "The verdict speaks for all of forward" if whole else "The verdict speaks for a part of forward"
    return f"{start}: the cases ran {lines}{branches if reach.branches else ''}."


def turned(before: Mapping[str, Verdict], after: Mapping[str, Verdict]) -> str:
    """What a change of the model did to the verdicts of the modes that both runs have."""
    both = [mode for mode in after if mode in before]
    moved = [mode for mode in both if after[mode].verdict != before[mode].verdict]
    if not both:
        return "The two runs have no mode in common."
    words = {"ship": "ship", "do_not_ship": "do not ship", "inconclusive": "inconclusive"}
    parts = [f"{m} turned from {words[before[m].verdict]} to {words[after[m].verdict]}" for m in moved[:MOST_PARTS]]
    same = [mode for mode in both if mode not in moved]
    if not moved:
        verdicts = {after[mode].verdict for mode in same}
        stays = words[after[same[0]].verdict] if len(verdicts) == 1 else "as before"
        return f"No verdict turned: {formats.joined(same)} {'is' if len(same) == 1 else 'are'} still {stays}."
    rest = [f"{formats.joined(same)} {'is' if len(same) == 1 else 'are'} as before"] if same else []
    return f"{'; '.join([*parts, *rest])}."


def elements(facts: OutputFacts) -> str:
    """How many elements of an output are off, and by how much at most."""
    total = formats.counted(facts.elements, "element")
    if facts.elements == 0:
        return "Nothing to compare: the output has no elements."
    if facts.only_nan:
        return f"All {total} are NaN on both sides: no number was compared."
    if facts.identical:
        return f"All {total} are equal, bit for bit."
    broken = facts.nan_disagree + facts.inf_disagree
    if broken:
        return f"{formats.count(broken)} of {total} are NaN or infinite on one side only.{_flips(facts)}"
    if facts.over_plain == 0:
        return f"None of {total} differs by more than {formats.power(-5)}; the largest |Δ| is {formats.delta(facts.max_abs)}.{_flips(facts)}"
    verb = "differs" if facts.over_plain == 1 else "differ"
    return (
        f"{formats.count(facts.over_plain)} of {total} {verb} by more than {formats.power(-5)}, "
        f"at most by {formats.delta(facts.max_abs)}.{_flips(facts)}"
    )


def _flips(facts: OutputFacts) -> str:
    if not facts.argmax_flips or not facts.argmax_rows:
        return ""
    return f" The predicted class changes in {formats.count(facts.argmax_flips)} of {formats.counted(facts.argmax_rows, 'row')}."


def plain_rule(facts: OutputFacts) -> str:
    """The rule that every learner meets first, on one output: max |Δ| < 10⁻⁵ and the same predicted class."""
    broken = facts.nan_disagree + facts.inf_disagree
    small = facts.max_abs < PLAIN_TOLERANCE and not broken
    first = (
        f"max |Δ| {formats.delta(facts.max_abs)} {'<' if small else '≥'} {formats.power(-5)}"
        if not broken
        else "NaN or ∞ on one side"
    )
    if not facts.argmax_rows:
        return f"Plain rule {'holds' if small else 'fails'}: {first}."
    same = facts.argmax_rows - (facts.argmax_flips or 0)
    holds = small and same == facts.argmax_rows
    return f"Plain rule {'holds' if holds else 'fails'}: {first}, same class in {formats.count(same)} of {formats.counted(facts.argmax_rows, 'row')}."


def faster(mode: str, *, mode_s: float, eager_s: float, speed_up: SpeedUp, claimed: bool, warmup: int = 0) -> str:
    """How the medians compare, and whether the difference is more than eager shows against itself."""
    after = f", after {formats.counted(warmup, 'warm-up call')}" if warmup else ""
    times = f"{mode} answers in {formats.duration(mode_s)}, eager in {formats.duration(eager_s)}"
    if not claimed:
        return f"{times}: {formats.ratio(*speed_up)}, no more than eager differs from itself{after}."
    return f"{times}: {formats.ratio(*speed_up)} as fast{after}."


def paid_back(found: BreakEven) -> str:
    """After how many calls an export has paid for itself, and from what that follows."""
    cost = f"exporting, loading and the first call take {formats.duration(found.cost_s)}"
    if found.calls is None:
        return f"It does not pay for itself: {cost}, and no call is known to save any of it."
    return f"It pays for itself after {formats.counted(found.calls, 'call')}: {cost}, and each later call saves {formats.duration(found.saving_s)}."


def machine(latency: Latency) -> str:
    """What the machine did while latency was measured, as far as the system tells."""
    parts = []
    if latency.load_average is not None:
        on = f" on {formats.counted(latency.cpus, 'processor')}" if latency.cpus else ""
        parts.append(f"load average {latency.load_average:.1f}{on}")
    if latency.involuntary_switches is not None:
        parts.append(
            formats.counted(latency.involuntary_switches, "involuntary context switch", "involuntary context switches")
        )
    if latency.frequency_mhz is not None:
        before, after = latency.frequency_mhz
        parts.append(f"clock {formats.count(round(before))} MHz before, {formats.count(round(after))} MHz after")
    else:
        parts.append("clock rate not readable")
    return f"While measuring: {', '.join(parts)}."


def progress(*, done: int, planned: int, current: str = "", left_s: float | None = None) -> str:
    """One line for a run in progress: done of all, what runs now, time left."""
    parts = [f"{formats.count(done)} of {formats.counted(planned, 'case')}"]
    parts += [current] if current else []
    parts += [f"about {formats.waiting(left_s)} left"] if left_s is not None else []
    return " · ".join(parts)


def agreement(predictions: Mapping[str, Sequence[int]], labels: Sequence[int]) -> str:
    """How often eager, which comes first, and the exports predict the right class, or else the same one."""
    (eager, expected), *exports = predictions.items()
    rows = len(expected)
    if labels:
        parts = [f"{name} in {formats.count(right(classes, labels))}" for name, classes in exports[:MOST_PARTS]]
        return f"{eager} is right in {formats.count(right(expected, labels))} of {formats.counted(rows, 'row')}, {formats.joined(parts)}."
    parts = [f"{name} in {formats.count(right(classes, expected))}" for name, classes in exports[:MOST_PARTS]]
    return f"The same class as {eager} predicts: {formats.joined(parts)} of {formats.counted(rows, 'row')}."


def right(classes: Sequence[int], labels: Sequence[int]) -> int:
    """In how many rows two lists of classes agree."""
    return sum(one == other for one, other in zip(classes, labels, strict=True))


def title(state: str, model: str, recommended: str | None, verdicts: Collection[str]) -> str:
    """What the tab of the browser says: it is seen while something else is looked at."""
    if state in ("queued", "running"):
        return f"… {model} is running"
    if state != "done":
        return f"{model}: {state}"
    if recommended:
        return f"✓ {model}: ship {recommended}"
    return f"? {model}: inconclusive" if "do_not_ship" not in verdicts else f"✗ {model}: ship none"


def cancelled(*, done: int, planned: int) -> str:
    """What a run that was stopped has and lacks."""
    return f"{formats.count(done)} of {formats.counted(planned, 'case')} ran; no verdict for modes that did not finish."


def plan(cases: int, modes: int, seconds: float | None = None) -> str:
    """What Run would do: cases, modes and the time it will take."""
    time = f", about {formats.waiting(seconds)}" if seconds is not None else ""
    each = "" if modes == 1 else f" for each of {formats.counted(modes, 'mode')}"
    return f"{formats.counted(cases, 'planned case')}{each}{time}."
