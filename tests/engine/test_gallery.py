"""The whole path on every teaching model: what fails is named with its cause and line, and its mended twin ships."""

from __future__ import annotations

import pytest

from tests.engine.conftest import LIMITS
from tests.showing import base_case, showing
from tsdash import models, plan
from tsdash.engine.core import Engine
from tsdash.models import teaching
from tsdash.records import Record
from tsdash.spec import ModelSource, RunSpec
from tsdash.ui import answers, trying
from tsdash.verdicts import verdicts

GALLERY = {entry.name: models.find(entry.name) for entry in models.names() if entry.kind == "gallery"}
PAIRS = [
    (name, mode, cause)
    for name, source in GALLERY.items()
    for mode, cause in teaching.expected(source).items()
    if cause is not None
]


def _spec(name: str, source: ModelSource, modes: tuple[str, ...]) -> RunSpec:
    """The base case, and the one that shows the failure where the base case does not."""
    dims = models.default_dims(source)
    planned = plan.cases(plan.own_plan(dims, "standard"), dims)
    wanted = {plan.identity(case) for case in (base_case(source), showing(name, source))}
    cases = tuple(case for case in planned if plan.identity(case) in wanted)
    return RunSpec(model=source, modes=modes, cases=cases, limits=LIMITS)


@pytest.fixture(scope="module")
def records(engine: Engine) -> dict[str, Record]:
    """Every failing model and its twin on the same few cases, in the modes in which the one fails."""
    failing: dict[str, list[str]] = {}
    for name, mode, _ in PAIRS:
        failing.setdefault(name, []).append(mode)
    specs = {
        name + twin: _spec(name, GALLERY[name + twin], tuple(modes))
        for name, modes in failing.items()
        for twin in ("", teaching.MENDED)
    }
    runs = {name: engine.store.create(spec, {}, {}, engine.owner) for name, spec in specs.items()}
    for done in [engine.submit(runs[name], spec) for name, spec in specs.items()]:
        done.result(240)
    return {name: engine.store.load(run) for name, run in runs.items()}


@pytest.mark.parametrize(("name", "mode", "cause"), PAIRS)
def test_a_failing_model_is_stopped_for_its_cause(name: str, mode: str, cause: str, records: dict[str, Record]) -> None:
    """The first cause is the promised one, at the promised line."""
    record = records[name]
    assert verdicts(record)[mode].verdict == "do_not_ship"
    first = record.causes[mode][0]
    assert first.cause == cause
    assert first.line == teaching.blamed(GALLERY[name]).get(mode, first.line)


@pytest.mark.parametrize(("name", "mode", "cause"), PAIRS)
def test_its_mended_twin_ships(name: str, mode: str, cause: str, records: dict[str, Record]) -> None:
    """In the mode in which the other fails."""
    verdict = verdicts(records[name + teaching.MENDED])[mode]
    assert verdict.verdict == "ship", verdict.reasons


@pytest.mark.parametrize("name", sorted({name for name, _, _ in PAIRS}))
def test_the_plan_of_tsdash_has_the_case_that_shows_the_failure(name: str) -> None:
    """Nobody has to think of it."""
    dims = models.default_dims(GALLERY[name])
    planned = plan.cases(plan.own_plan(dims, "standard"), dims)
    assert plan.identity(showing(name, GALLERY[name])) in set(map(plan.identity, planned))


def test_every_teaching_model_answers_in_the_playground(engine: Engine) -> None:
    """On the playground's own inputs, each that promises to ship gives eager's answers; the others give theirs, or say why not."""
    asked = {name: engine.study(trying.study_of(source, ("trace", "script"))) for name, source in GALLERY.items()}
    for name, future in asked.items():
        study = future.result(240)
        assert study.eager, name
        assert not study.lost, name
        for mode, kept in study.modes.items():
            assert kept.answers or kept.lost or (kept.export.error and kept.export.error.message), (name, mode)
            if teaching.expected(GALLERY[name]).get(mode, "") is None:
                assert answers.wrong(study, mode) == 0, (name, mode)
