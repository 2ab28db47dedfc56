"""How the time for latency is shared, and what is not measured twice."""

import pytest
import torch

from tsdash.engine import budget
from tsdash.engine.budget import Job
from tsdash.sameness import fingerprint

BASE = Job(name="1 threads", round_s=0.01)


def test_the_base_case_gets_half_and_all_where_it_is_alone():
    others = [Job(name="batch 2", round_s=0.01)]
    assert budget.base_share(BASE, others, 10.0) == 5.0
    assert budget.base_share(BASE, [], 10.0) == 10.0


def test_others_get_the_same_time_whatever_they_cost():
    """So a cheap one gets more calls; what the first leaves goes to the others."""
    cheap, dear = Job(name="batch 1", round_s=0.001), Job(name="batch 64", round_s=0.1)
    assert budget.share(cheap, [dear], 6.0) == 3.0
    assert budget.share(dear, [], 5.5) == 5.5


def test_no_job_gets_less_than_a_median_needs():
    assert budget.share(Job(name="batch 64", round_s=1.0), [], 0.5) == 9.0


def test_the_dearest_are_given_up_where_they_do_not_fit():
    """Rather than timing all of them badly; the base case stays whatever it costs."""
    jobs = [Job(name=f"batch {n}", round_s=n / 100) for n in (1, 8, 64)]
    kept, dropped = budget.affordable(BASE, jobs, 4.0)
    assert ([job.name for job in kept], [job.name for job in dropped]) == (["batch 1", "batch 8"], ["batch 64"])
    assert budget.affordable(Job(name="base", round_s=100.0), jobs, 4.0)[0] == []


class Plain(torch.nn.Module):
    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 2)
        torch.nn.init.constant_(self.layer.weight, weight)
        torch.nn.init.zeros_(self.layer.bias)

    def forward(self, x):
        return torch.relu(self.layer(x))


@pytest.mark.filterwarnings("ignore")
def test_two_exports_are_one_where_program_and_weights_are():
    """A frozen trace and a frozen script of plain layers; not with other weights, and not another program."""
    x = torch.ones(1, 3)
    traced = torch.jit.freeze(torch.jit.trace(Plain().eval(), x))
    scripted = torch.jit.freeze(torch.jit.script(Plain().eval()))
    assert fingerprint(traced) == fingerprint(scripted) != ""
    assert fingerprint(torch.jit.freeze(torch.jit.script(Plain(2.0).eval()))) != fingerprint(scripted)
    assert fingerprint(torch.jit.script(Plain().eval())) != fingerprint(scripted)
    assert fingerprint(torch.export.export(Plain().eval(), (x,)).module()) not in ("", fingerprint(scripted))


def test_what_cannot_be_looked_into_is_like_nothing_else():
    assert fingerprint(lambda x: x) == ""
