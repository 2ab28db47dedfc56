"""A run says how much of the user's forward its sweep ran, and judges by it."""

from __future__ import annotations

from collections.abc import Callable

from tsdash.records import Record
from tsdash.report import check_report
from tsdash.spec import Sweep

BRANCH = """
import torch
class M(torch.nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x * 3
        return x - 1
def make_model():
    return M().eval()
def make_inputs(n=2):
    return (torch.ones(n, 4),)
"""


def test_a_side_that_no_case_took_leaves_the_trace_undecided(check: Callable[..., Record]) -> None:
    """Both exports agree with eager everywhere: the script ships, the trace was never asked."""
    report = check_report(check(BRANCH, modes=("trace", "script"), sweep=Sweep(values=("x3",))))
    modes = report["modes"]
    assert {mode: modes[mode]["verdict"] for mode in modes} == {"trace": "inconclusive", "script": "ship"}
    coverage = modes["script"]["coverage"]
    assert (coverage["lines"], coverage["branches"]) == ({"run": 2, "total": 3}, {"run": 1, "total": 2})
    assert [line["code"] for line in coverage["not_run"]] == ["return x - 1"]


def test_a_sweep_that_takes_both_sides_is_complete(check: Callable[..., Record]) -> None:
    """Nothing is left that the verdict does not speak for."""
    record = check(BRANCH, modes=("script",), sweep=Sweep(values=("negative",)))
    assert record.description is not None
    assert record.description.reach is not None
    assert not record.description.reach.not_run


def test_a_mode_that_cannot_be_exported_hides_no_case_from_the_others(check: Callable[..., Record]) -> None:
    """torch.export refuses the branch; what eager ran for the script counts all the same."""
    record = check(BRANCH, modes=("script", "export"), sweep=Sweep(values=("negative",)))
    assert record.description is not None
    assert record.description.reach is not None
    assert not record.description.reach.not_run
