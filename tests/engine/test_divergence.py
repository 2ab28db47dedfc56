"""A run follows a wrong answer to the module that gives it."""

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
    return torch.nn.Sequential(torch.nn.Identity(), M()).eval()
def make_inputs(n=2):
    return (torch.ones(n, 4),)
"""


def test_a_wrong_answer_is_followed_to_its_module(check: Callable[..., Record]) -> None:
    """The report lists every module, and the leading cause names the first that answers otherwise."""
    trace = check_report(check(BRANCH, sweep=Sweep(values=("negative",))))["modes"]["trace"]
    found = {module["path"]: (module["accumulated"], module["local"]) for module in trace["divergence"]}
    assert found == {"0": (0.0, 0.0), "1": (1.0, 1.0), "the model": (1.0, 1.0)}
    assert (
        "the first module that answers otherwise is 1 (M), by up to 1.0; inside it eager calls sub at line 7"
        in trace["causes"][0]["evidence"][-1]
    )


ROUNDED = """
import torch
class M(torch.nn.Module):
    def forward(self, x):
        y = x * 2
        n = x.size(0) // 0.1
        return y + n
def make_model():
    return torch.nn.Sequential(torch.nn.Identity(), M()).eval()
def make_inputs(n=2):
    return (torch.ones(n, 4),)
"""


def test_a_script_is_followed_to_the_value_that_it_gets_otherwise(check: Callable[..., Record]) -> None:
    """2 // 0.1 is 19 in Python and 20 in TorchScript."""
    script = check_report(check(ROUNDED, modes=("script",), sweep=Sweep()))["modes"]["script"]
    said = script["causes"][0]["evidence"][-1]
    assert "the first module that answers otherwise is 1 (M), by up to 1.0" in said
    assert "inside it `n` of line 6 is 20. scripted and 19.0 in Python" in said
