"""The sentences of a cause card that depend on what was seen."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tsdash import plan, spec
from tsdash.diagnose.answers import Result
from tsdash.diagnose.recorder import Event
from tsdash.diagnose.sites import ITERATION, ROUTE, TEST, Site
from tsdash.diagnose.suspects import Suspect
from tsdash.tracebacks import message_of

_POINTER = re.compile(r"[~^\s<\-HERE]+")  # the compiler's underlining
_GUARD = "Guard failed"  # how a program of torch.export refuses inputs
MAX_CODE = 90
MAX_VALUE = 60

_WHAT = {
    "baked_control_flow": "was decided while exporting and stays decided",
    "unrolled_loop": "was unrolled to the length it had while exporting",
    "baked_shape": "became a Python number, so the size of the example inputs is a constant of the export",
    "baked_constant": "became a Python value, so the values of the example inputs are constants of the export",
    "baked_layout": "reads how the example input lies in memory, and the answer is a constant of the export",
    "dtype_baked": "reads the dtype, and the answer is a constant of the export",
    "device_baked": "reads the device, and the answer is a constant of the export",
    "training_mode": "depends on the training flag, which was read while exporting",
    "python_state": "changes from call to call in eager, and is frozen in the export",
    "rng": "draws a random number outside torch, and the number drawn while exporting stays",
}


def shortened(code: str, limit: int = MAX_CODE) -> str:
    line = " ".join(code.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def construct(suspect: Suspect) -> str:
    """The suspect as a reader sees it in the source: `if x.sum() > 0`."""
    site = suspect.site
    code = shortened(site.code)
    if site.kind == ITERATION:
        return f"the loop over `{code}`"
    if site.kind == TEST:
        return (
            f"`{site.statement} {code}`" if site.statement in ("if", "while", "assert") else f"the decision on `{code}`"
        )
    return f"`{code}`"


def message(cause: str, suspect: Suspect) -> str:
    """One sentence: what happened to which expression."""
    return f"{_capital(construct(suspect))} {_WHAT.get(cause, 'differs between the export and eager')}."


def difference(suspect: Suspect, case: spec.Case, base: spec.Case) -> str:
    """What the suspect was while exporting and what eager has at the failing case."""
    site = suspect.site
    where = plan.describe(case, base)
    if site.kind == ROUTE:
        return f"`{shortened(site.code)}` is entered in one of the two runs only: while exporting or at {where}."
    exporting, eager = (f"{shown(event)}{_unit(site, event)}" for event in (suspect.base, suspect.trigger))
    return f"{_capital(construct(suspect))}: {exporting} while exporting, {eager} in eager at {where}."


def baked(suspect: Suspect) -> tuple[spec.Baked, ...]:
    """Both values of the suspect, to stand beside its line; none where one run never came by."""
    site = suspect.site
    if site.kind == ROUTE:
        return ()
    exporting, eager = (f"{shown(event)}{_unit(site, event)}" for event in (suspect.base, suspect.trigger))
    return (spec.Baked(code=shortened(site.code), exporting=exporting, eager=eager),)


def proof(suspect: Suspect, proved: Sequence[Suspect], mode: str, actual: Result) -> str:
    same = f"returns exactly what {mode} returns" if actual.returned else f"raises as {mode} does"
    if len(proved) == 1:
        return f"Proved: with this put back to what it was while exporting, eager {same}."
    others = ", ".join(f"line {other.site.line}" for other in proved if other is not suspect)
    return f"Proved: with this and {others} put back to what they were while exporting, eager {same}."


def guard(actual: Result, mode: str) -> str:
    """What an export does that checks its inputs and refuses them; empty for any other."""
    said = opening(message_of(actual.error)) if actual.error is not None else ""
    if not said.startswith(_GUARD):
        return ""
    return f"{mode} checks this in every call and raises where it does not hold, `{said}`: no wrong answer, and none at all."


def _unit(site: Site, event: Event) -> str:
    """What the value of an event counts."""
    if site.kind != ITERATION:
        return ""
    return " round" if event.value == 1 else " rounds"


def shown(event: Event) -> str:
    """The value of an event in a few characters."""
    seen = event.seen
    if event.site.kind == ITERATION:
        return str(event.value)
    if seen.kind == "python":
        text = str(seen.key[-1]) if len(seen.key) == 2 else f"{seen.key[0]} {seen.key[1:3]}"
        return shortened(text, MAX_VALUE)
    if seen.kind == "sequence":
        return (
            f"a {seen.key[0]} of {seen.key[1]}"
            if seen.items and seen.items[0].kind not in ("python",)
            else shortened(
                f"{seen.key[0]} ["
                + ", ".join(str(item.key[-1]) if item.kind == "python" else item.kind for item in seen.items[:8])
                + "]",
                MAX_VALUE,
            )
        )
    return {"tensor": "a constant tensor", "traced": "a tensor", "mapping": "a dict"}.get(seen.kind, "an object")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def opening(message: str) -> str:
    """The first lines of an error that say something."""
    lines = [line.strip() for line in message.splitlines() if line.strip() and not _POINTER.fullmatch(line)]
    return " ".join(lines[:3])[:300]
