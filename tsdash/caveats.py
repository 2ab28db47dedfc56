"""What a reader has to know of a verdict beside its outcomes: what was not tried, and how far agreement proves anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath

from tsdash import formats
from tsdash.exporters import EXPORTERS
from tsdash.judge import NOT_RUN, first_line, only_nan
from tsdash.spec import CaseResult, Description, Judgement

EVERYWHERE = ("cpu", "meta")  # devices that no machine lacks
NOT_FINITE = ("nan", "inf")  # values from which NaN is the right answer
MOST_FILES = 5  # that are named

Judged = Sequence[tuple[CaseResult, Judgement]]


def untried_devices(known: Judged) -> list[str]:
    """A sentence for each device that was asked for and on which no case ran. `known`: with the cases that were not run."""
    found = []
    for device in dict.fromkeys(result.case.device for result, _ in known):
        there = [judgement for result, judgement in known if result.case.device == device]
        if device not in EVERYWHERE and all(judgement.outcome == NOT_RUN for judgement in there):
            why = there[0].detail.removeprefix("Not run: ")
            found.append(f"It was not tried on {device}, which was asked for: {why[:1].lower()}{why[1:]}")
    return found


def nothing_but_nan(judged: Judged) -> str:
    """The sentence that no case compared a number, where that is so; else empty."""
    compared = [result for result, _ in judged if result.outputs and not result.structure]
    if not compared or not all(map(only_nan, compared)):
        return ""
    return f"In {formats.every(len(compared), 'compared case')} every output is NaN on both sides: not one number was compared."


def caveats(judged: Judged, description: Description | None, *, agree: bool) -> list[str]:
    """Notes on a mode that leave its verdict as it is. `agree`: every case does."""
    notes = []
    empty = sum(only_nan(result) for result, _ in judged if result.case.values not in NOT_FINITE)
    if empty:
        total = formats.counted(len(judged), "case")
        notes.append(
            f"In {formats.count(empty)} of {total} every output is NaN on both sides: there no number was compared."
        )
    returned = [result for result, _ in judged if result.exported.ended == "returned"]
    if description is not None and description.draws and returned:
        so = "the answers agree because both sides start from one seed" if agree else "both sides start from one seed"
        if (exporter := EXPORTERS.get(returned[0].mode)) is not None and not exporter.seeded:
            so = f"the runtime of {exporter.name} draws its own, which no seed of torch's reaches"
        notes.append(f"Forward draws random numbers from {formats.joined(description.draws)}: {so}.")
    if description is not None and description.switchable and returned:
        notes += _in_training(returned[0].mode)
    return [*notes, *misfits(result for result, _ in judged)]


def misfits(results: Iterable[CaseResult]) -> list[str]:
    """A sentence for each file of the user's own that eager raises on."""
    refused = {
        PurePath(result.case.inputs).name: result.eager.error
        for result in results
        if result.case.inputs and result.eager.ended == "raised"
    }
    left = len(refused) - MOST_FILES
    more = [f"{formats.counted(left, 'more file does', 'more files do')} not fit it either."] if left > 0 else []
    return [
        f"{name} does not fit the model: eager raises on it, {first_line(error)}"
        for name, error in list(refused.items())[:MOST_FILES]
    ] + more


def _in_training(mode: str) -> list[str]:
    """Of a model that is in training mode where it is exported, and would answer otherwise after eval()."""
    exporter = EXPORTERS.get(mode)
    if exporter is None or exporter.frozen:
        return []
    stays = "stays in it until eval() is called" if exporter.switches and exporter.branches else "stays in it"
    return [
        f"The model is exported in training mode, as make_model leaves it, and answers otherwise after eval(): the artefact {stays}."
    ]
