"""Reach: which lines and branches of the user's forward ran, and which decisions on inputs always went one way."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

from tsdash import inputs, models, plan, reach
from tsdash.models import teaching
from tsdash.models.loading import load
from tsdash.spec import Case, ModelSource, Reach

HEAD = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self, wide=False):
        super().__init__()
        if wide:
            self.size = 9
        self.kind = "mean"
        self.calls = 0

"""
TAIL = """

def make_model():
    return Model().eval()

def make_inputs(batch=2):
    return (torch.ones(batch, 3),)
"""
CLEAN = [
    listing.name
    for listing in models.names()
    if listing.kind == "gallery" and teaching.expected(models.find(listing.name)).get("trace", "") is None
]


def _measure(source: ModelSource, folder: Path, cases: Sequence[Case], budget_s: float = 60.0) -> Reach | None:
    loaded = load(source, folder)

    def call(case: Case) -> object:
        args, kwargs = inputs.build(loaded, case)
        return loaded.build()(*args, **kwargs)

    return reach.measure(loaded, folder, cases, call, budget_s)


def _forward(body: str, folder: Path, *sizes: int) -> Reach:
    text = HEAD + textwrap.indent(textwrap.dedent(body), "    ") + TAIL
    source = ModelSource(name="m.py", kind="file", filename="m.py", text=text)
    cases = [Case(id=f"c{n}", dims={"batch": size}) for n, size in enumerate(sizes or (2,), 1)]
    found = _measure(source, folder, cases)
    assert found is not None
    return found


BRANCH = """
def forward(self, x):
    if x.size(0) > 2:
        return -x
    return x
"""


def test_lines_and_branches_are_those_of_forward_alone(tmp_path: Path) -> None:
    """Neither the module, nor __init__, nor the functions that make model and inputs are counted."""
    found = _forward(BRANCH, tmp_path)
    assert (found.lines, found.lines_run, found.branches, found.branches_run) == (3, 2, 2, 1)
    assert [line.code for line in found.not_run] == ["return -x"]
    assert [(line.file, line.code) for line in found.one_sided] == [("m.py", "if x.size(0) > 2:")]


def test_a_case_that_takes_the_other_side_completes_it(tmp_path: Path) -> None:
    """Two cases reach what one does not, and a third is not run any more."""
    found = _forward(BRANCH, tmp_path, 2, 3, 4)
    assert (found.lines_run, found.branches_run, found.not_run, found.one_sided) == (3, 2, (), ())
    assert found.cases == 2


@pytest.mark.parametrize(
    "test",
    [
        "self.training",
        "self.kind == 'sum'",
        "mask is not None",
        "deep",
        "isinstance(x, list)",
        "torch.jit.is_scripting()",
    ],
)
def test_a_decision_on_how_the_model_was_built_is_none_on_the_inputs(test: str, tmp_path: Path) -> None:
    """Its other side is a line that was not reached, and no doubt about a trace."""
    found = _forward(
        f"def forward(self, x, mask=None, deep=False):\n    if {test}:\n        return -x\n    return x\n", tmp_path
    )
    assert len(found.not_run) == 1
    assert not found.one_sided


@pytest.mark.parametrize("test", ["x.sum() < 0", "n > 2", "self.calls > 3", "self.kind == 'mean' and n > 2"])
def test_a_decision_on_values_sizes_or_state_is_one_on_the_inputs(test: str, tmp_path: Path) -> None:
    """A trace keeps the side that it met."""
    found = _forward(
        f"def forward(self, x):\n    n = x.size(0)\n    self.calls += 1\n    if {test}:\n        x = -x\n    return x\n",
        tmp_path,
    )
    assert [line.code for line in found.one_sided] == [f"if {test}:"]


def test_a_defence_that_raises_is_not_missed(tmp_path: Path) -> None:
    """No valid input reaches it."""
    found = _forward(
        "def forward(self, x):\n    if x.size(0) > 9:\n        raise ValueError('too long')\n    return x\n", tmp_path
    )
    assert not found.not_run
    assert not found.one_sided
    assert found.branches_run == found.branches


def test_a_loop_over_layers_is_no_doubt(tmp_path: Path) -> None:
    """It was entered and left."""
    found = _forward("def forward(self, x):\n    for _ in range(3):\n        x = x + 1\n    return x\n", tmp_path)
    assert not found.not_run
    assert not found.one_sided


def test_a_function_that_forward_calls_counts(tmp_path: Path) -> None:
    """Once it is entered; one that only an unreached line calls does not."""
    body = (
        "def forward(self, x):\n    return self.halve(x)\n\n"
        "def halve(self, x):\n    return x / 2\n\ndef unused(self, x):\n    return x\n"
    )
    assert _forward(body, tmp_path).lines == 2


def test_what_is_not_measured_in_time_is_unknown(tmp_path: Path) -> None:
    """A sweep that was cut short does not say that a line was not reached."""
    source = ModelSource(name="m.py", kind="file", filename="m.py", text=HEAD + textwrap.indent(BRANCH, "    ") + TAIL)
    cases = [Case(id="c1", dims={"batch": 2})]
    assert _measure(source, tmp_path, cases, budget_s=-1.0) is None


def test_code_of_a_library_is_not_the_users(tmp_path: Path) -> None:
    """A model file that only calls another package has no forward of its own."""
    text = (
        "import torch\n\ndef make_model():\n    return torch.nn.Linear(3, 3)\n"
        + TAIL.partition("\n\ndef make_model")[0]
    )
    text += "\n\ndef make_inputs(batch=2):\n    return (torch.ones(batch, 3),)\n"
    source = ModelSource(name="m.py", kind="file", filename="m.py", text=text)
    assert _measure(source, tmp_path, [Case(id="c1", dims={"batch": 2})]) is None


@pytest.mark.parametrize("name", CLEAN)
def test_the_sweep_decides_every_clean_teaching_model(name: str, tmp_path: Path) -> None:
    """None of its decisions on inputs goes one way only in the sweep that tsdash plans, so none is inconclusive."""
    source = models.find(name)
    dims = models.default_dims(source)
    cases = [
        case
        for case in plan.cases(plan.own_plan(dims, "standard"), dims)
        if case.device == "cpu" and case.dtype == "given"
    ]
    found = _measure(source, tmp_path, cases)
    assert found is None or not found.one_sided


def test_a_choice_inside_an_expression_that_always_went_one_way_is_one_sided(tmp_path: Path) -> None:
    """coverage.py sees no branch there, and a trace keeps one all the same."""
    body = "def forward(self, x):\n    y = x if x.size(0) < 9 else -x\n    return y * (2 if self.kind else 3)"
    found = _forward(body, tmp_path, 2, 3)
    assert [line.code for line in found.one_sided] == ["y = x if x.size(0) < 9 else -x"]
    assert _forward(body, tmp_path, 2, 9).one_sided == ()


def test_what_is_computed_from_the_model_alone_decides_nothing_about_inputs(tmp_path: Path) -> None:
    """Neither a choice among layers nor a local copy of an option; but what is computed from an input does."""
    body = "def forward(self, x):\n    kind = self.kind\n    if kind == 'max':\n        x = x + 1\n    return [x for k in self.kind if k in 'maen'][0]"
    assert _forward(body, tmp_path).one_sided == ()
    body = "def forward(self, x):\n    peak = x.max()\n    if peak > 9:\n        x = x + 1\n    return x"
    assert [line.code for line in _forward(body, tmp_path).one_sided] == ["if peak > 9:"]


def test_a_function_on_one_line_has_no_branches(tmp_path: Path) -> None:
    """coverage.py takes defining and running it for two ways."""
    found = _forward("def forward(self, x): return x * 2", tmp_path)
    assert (found.lines, found.branches) == (1, 0)
