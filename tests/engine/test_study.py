"""A study: what the Learn page and the playground ask of a model, in one request."""

from __future__ import annotations

import pytest

from tsdash.engine.core import Engine
from tsdash.errors import ModelError
from tsdash.spec import ModelSource
from tsdash.study import Study, StudySpec, asked

BRANCH = """import torch


class Branch(torch.nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            y = x * 2
        else:
            y = x - 1
        return y


def make_model():
    return Branch()


def make_inputs():
    return (torch.tensor([1.0]),)
"""
SLIDER = [i / 10 - 10 for i in range(200)]


def source(text: str) -> ModelSource:
    return ModelSource(name="branch.py", kind="file", filename="branch.py", text=text)


@pytest.fixture(scope="module")
def branch(engine: Engine) -> Study:
    """Trace, script and torch.export of a branch, at 200 positions of a slider."""
    questions = tuple(asked([value]) for value in SLIDER)
    return engine.study(StudySpec(model=source(BRANCH), modes=("trace", "script"), questions=questions)).result(60)


def test_every_side_answers_every_question(branch: Study) -> None:
    """Eager and script compute x * 2 or x - 1 by the sign, the trace of a positive example x * 2 everywhere."""
    eager = [value * 2 if value > 0 else value - 1 for value in SLIDER]
    assert [answer.value[0] for answer in branch.eager] == pytest.approx(eager)
    assert [answer.value[0] for answer in branch.modes["script"].answers] == pytest.approx(eager)
    assert [answer.value[0] for answer in branch.modes["trace"].answers] == pytest.approx([2 * v for v in SLIDER])


def test_the_lines_that_eager_runs_come_in_order(branch: Study) -> None:
    """The example is positive: the other branch is not among the steps."""
    assert branch.steps == (6, 7, 10)


def test_code_and_graph_are_tied_to_the_lines_they_come_from(branch: Study) -> None:
    """The trace has the multiplication from line 7 and nothing from line 9; the script has both, and the test of line 6."""
    for kept in (branch.modes["trace"].code, branch.modes["trace"].graph):
        lines = {tied.line: tied.text for tied in kept if "mul" in tied.text}
        assert list(lines) == [7]
        assert 9 not in {tied.line for tied in kept}
    for kept in (branch.modes["script"].code, branch.modes["script"].graph):
        assert {6, 7, 9} <= {tied.line for tied in kept}


def test_the_warning_has_its_line(branch: Study) -> None:
    """The tracer warns at the branch."""
    assert {warning.line for warning in branch.modes["trace"].export.warnings} == {6}


def test_an_answer_may_be_an_error(engine: Engine) -> None:
    """What a side raises on one question is its answer to it, with the line; the next question is answered."""
    text = BRANCH.replace("y = x - 1", 'raise ValueError("negative")')
    spec = StudySpec(model=source(text), modes=("script",), questions=(asked([-1.0]), asked([1.0])))
    study = engine.study(spec).result(60)
    assert [answer.ended for answer in study.eager] == ["raised", "returned"]
    assert (study.eager[0].error.message, study.eager[0].error.line) == ("negative", 9)
    assert [answer.ended for answer in study.modes["script"].answers] == ["raised", "returned"]


def test_an_export_that_fails_says_why(engine: Engine) -> None:
    """Scripting a lambda fails at its line, and eager has answered all the same."""
    text = BRANCH.replace("y = x * 2", "y = (lambda a: a * 2)(x)")
    study = engine.study(StudySpec(model=source(text), modes=("script",), questions=(asked([1.0]),))).result(60)
    export = study.modes["script"].export
    assert (export.ended, export.error.line, study.eager[0].value) == ("raised", 7, [2.0])


def test_labelled_examples_are_asked_one_by_one(engine: Engine) -> None:
    """LABELLED adds one question for each example, and its label."""
    text = BRANCH + "\n\nLABELLED = (torch.tensor([[3.0], [-3.0]]), torch.tensor([1, 0]))\n"
    study = engine.study(StudySpec(model=source(text), modes=("trace",), labelled=True)).result(60)
    assert study.labels == (1, 0)
    assert [answer.value for answer in study.eager] == [[[6.0]], [[-4.0]]]
    assert [answer.value for answer in study.modes["trace"].answers] == [[[6.0]], [[-6.0]]]


def test_a_model_that_cannot_be_loaded_is_an_error(engine: Engine) -> None:
    """A syntax error names its line."""
    with pytest.raises(ModelError, match="line 5"):
        engine.study(StudySpec(model=source(BRANCH.replace("(self, x):", "(self, x:")))).result(60)


def test_an_endless_loop_ends_at_the_limit(engine: Engine) -> None:
    """Eager that never returns costs its limit; the study says that no answer came."""
    from dataclasses import replace

    from tsdash.study import LIMITS

    text = BRANCH.replace("y = x - 1", "while True: pass")
    limits = replace(LIMITS, case_s=1.0)
    spec = StudySpec(model=source(text), modes=(), questions=(asked([-1.0]),), limits=limits)
    assert "no answer within 1 s" in engine.study(spec).result(60).lost


def test_a_study_can_be_cancelled(engine: Engine) -> None:
    """A cancelled Future ends the study, and the engine takes the next one."""
    text = BRANCH.replace("y = x - 1", "while True: pass")
    endless = engine.study(StudySpec(model=source(text), modes=(), questions=(asked([-1.0]),)))
    assert endless.cancel()
    again = engine.study(StudySpec(model=source(BRANCH), modes=(), questions=(asked([1.0]),)))
    assert again.result(60).eager[0].value == [2.0]


def test_timing_shows_both_ways(engine: Engine) -> None:
    """With a time for it, each mode has its naive blocks, eager twice among them, and paired samples of the same three."""
    study = engine.study(StudySpec(model=source(BRANCH), modes=("trace",), questions=(asked([1.0]),), latency_s=0.5))
    trace = study.result(60).modes["trace"]
    assert [block.name for block in trace.naive] == ["eager", "eager again", "trace"]
    assert [arm.name for arm in trace.latency.arms] == ["eager", "eager again", "trace"]
