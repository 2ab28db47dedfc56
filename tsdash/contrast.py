"""The sentences of all modes side by side: what each costs and needs, how far off, how fast, what keeps it from torch.export."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tsdash import formats
from tsdash.findings import SpeedUp
from tsdash.spec import Cause, ErrorFacts


def costs(
    artefacts: Mapping[str, int | None], first_calls: Mapping[str, float], break_even: Mapping[str, int] | None = None
) -> str:
    """The smallest artefact, the soonest first call and the fewest calls that pay for the export, of those that are known."""
    known = {mode: size for mode, size in artefacts.items() if size is not None}
    if not known:
        return "Nothing: no mode could be exported."
    least, most = min(known, key=lambda mode: known[mode]), max(known, key=lambda mode: known[mode])
    text = f"{least} has {'the smallest' if len(known) > 1 else 'an'} artefact"
    text += f"{',' if len(known) > 1 else ' of'} {formats.size(known[least])}"
    text += f" against {formats.size(known[most])} of {most}" if known[most] > known[least] else ""
    if first_calls:
        soonest = min(first_calls, key=lambda mode: first_calls[mode])
        text += f"; {soonest} answers its first call {'soonest, ' if len(first_calls) > 1 else ''}in {formats.duration(first_calls[soonest])}"
    if break_even:
        first = min(break_even, key=lambda mode: break_even[mode])
        text += f"; {first} has paid for itself {'first, ' if len(break_even) > 1 else ''}after {formats.counted(break_even[first], 'call')}"
    return f"{text}."


def needs(free: Sequence[str], maintained: Sequence[str], refused: Sequence[str], modes: int) -> str:
    """How many modes export and run without Python, and what of those that are maintained. `refused` of these do not export."""
    many = (
        f"{formats.count(len(free))} of {formats.counted(modes, 'mode')}"
        if free
        else f"None of {formats.counted(modes, 'mode')}"
    )
    text = f"{many} {'runs' if len(free) < 2 else 'run'} without Python"
    if not maintained:
        return f"{text}; none of them is maintained."
    verb = "is" if len(maintained) == 1 else "are"
    no = [mode for mode in maintained if mode in refused]
    who = "" if no == list(maintained) else f"{formats.joined(no)} "
    rest = f", but {who}cannot take this model" if no else ""
    return f"{text}; {formats.joined(maintained)} {verb} maintained{rest}."


def far_off(worst: Mapping[str, float | None]) -> str:
    """Which mode is furthest from eager and which give the same bits."""
    known = {mode: value for mode, value in worst.items() if value is not None}
    if not known:
        return "Nothing to compare: no mode returned anything beside eager."
    equal = [mode for mode, value in known.items() if value == 0]
    if len(equal) == len(known):
        return (
            f"Nowhere: {formats.joined(equal)} {'gives' if len(equal) == 1 else 'give'} eager's numbers in every case."
        )
    furthest = max(known, key=lambda mode: known[mode])
    text = f"{furthest} is {'furthest ' if len(known) > 1 else ''}off, by at most {formats.delta(known[furthest])}"
    return (
        f"{text}; {formats.joined(equal)} {'is' if len(equal) == 1 else 'are'} not off at all." if equal else f"{text}."
    )


def fastest(claimed: Mapping[str, SpeedUp], shippable: Collection[str], timed: int) -> str:
    """The fastest mode by a speed-up that is more than chance, of those that can be shipped; and one that is faster but wrong."""
    faster = {mode: ratio for mode, ratio in claimed.items() if ratio[0] > 1}
    if not faster:
        return f"None of {formats.counted(timed, 'mode')} is measurably faster than eager."
    best = max(faster, key=lambda mode: faster[mode][0])
    right = max((mode for mode in faster if mode in shippable), key=lambda mode: faster[mode][0], default=None)
    if right == best:
        return f"{best} is fastest, {formats.ratio(*faster[best])} as fast as eager on the base case."
    wrong = f"{best} would be faster, {formats.ratio(faster[best][0])}, and cannot be shipped"
    if right is None:
        return f"None that can be shipped is measurably faster than eager; {wrong}."
    return f"{right} is the fastest that can be shipped, {formats.ratio(*faster[right])} as fast as eager; {wrong}."


def move(causes: Sequence[Cause], error: ErrorFacts | None, *, wrong: int, judged: int) -> str:
    """What stands between a model and torch.export: the cause in words, else its own error; or nothing."""
    if not wrong:
        return f"Nothing: export gives the same answers in {formats.every(judged, 'case')}."
    for cause in causes:
        if cause.cause != "unknown" and cause.message:
            return cause.message if cause.message.endswith(".") else f"{cause.message}."
    if error is not None:
        return f"torch.export refuses the model: {error.type}."
    return f"export goes wrong in {formats.count(wrong)} of {formats.counted(judged, 'case')}, and nothing known explains it."
