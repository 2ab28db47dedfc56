"""For the suites of users: a test that fails as long as a model cannot be exported, and says why.

def test_the_model_can_be_traced():
    assert_exports(Net().eval(), torch.randn(2, 8), mode="trace")
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tsdash import plan
from tsdash.api import check
from tsdash.judge import judge
from tsdash.result import Result
from tsdash.summary import GLYPHS

MOST_CAUSES = 3


def assert_exports(
    model: Any, inputs: Any = None, mode: str | Sequence[str] = "trace", *, inconclusive: bool = False, **options: Any
) -> Result:
    """Raise AssertionError unless the model can be shipped in the mode, or in every one of several.

    The message has the verdict, the case that fails, the cause with its line, and the fix. `inconclusive` lets a mode pass that
    nothing speaks against and too little for. All other options are those of `tsdash.check`.
    """
    __tracebackhide__ = True  # pytest shows the caller's line
    result = check(model, inputs, modes=mode, **options)
    allowed = ("ship", "inconclusive") if inconclusive else ("ship",)
    failed = [name for name, verdict in result.verdicts.items() if verdict.verdict not in allowed]
    if failed:
        raise AssertionError("\n\n".join(message(result, name) for name in failed))
    return result


def message(result: Result, mode: str) -> str:
    """Why the mode does not pass, for a terminal."""
    return "\n".join(_lines(result, mode))


def _lines(result: Result, mode: str) -> Iterator[str]:
    record, verdict = result.record, result.verdicts[mode]
    yield f"{record.spec.model.name} in mode {mode}: {GLYPHS[verdict.verdict]}"
    yield from (f"  {reason}" for reason in verdict.reasons)
    for failure in result.failures(mode)[:1]:
        yield f"  case: {plan.describe(failure.case, record.spec.cases[0])}: {judge(failure).detail}"
    for cause in result.causes[mode][:MOST_CAUSES]:
        place = f", {cause.file} line {cause.line}" if cause.line else ""
        yield f"  cause: {cause.cause}{place}"
        yield from [f"    {cause.code.strip()}"] if cause.code else []
        yield f"    {cause.message}"
        yield from (
            f"    fix: {line}" if number == 0 else f"         {line}"
            for number, line in enumerate(cause.fix.splitlines())
        )
    yield f"  all of it: python -m tsdash runs show {result.id}"
