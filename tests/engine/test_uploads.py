"""Inputs of the user's own go through the same workers as every other case."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.engine.conftest import MODEL, model_file
from tsdash import plan
from tsdash.engine.core import Engine
from tsdash.records import Record
from tsdash.spec import RunSpec, Sweep


def run_on(engine: Engine, *files: Path) -> Record:
    """The base case and one case a file, traced."""
    cases = plan.with_files(plan.cases(Sweep(), {"n": 2}), map(str, files))
    spec = RunSpec(model=model_file(MODEL), modes=("trace",), cases=cases)
    run_id = engine.store.create(spec, {}, {}, engine.owner)
    engine.submit(run_id, spec).result(120)
    return engine.store.load(run_id)


def test_a_file_with_labels_is_a_case_with_classes(engine: Engine, tmp_path: Path) -> None:
    """Five rows give five predictions of each side, beside the labels; a file that does not fit is a case that was not made."""
    good, wrong = tmp_path / "good.npz", tmp_path / "wrong.npz"
    np.savez(good, x=np.arange(20.0).reshape(5, 4), labels=[0, 1, 0, 1, 0])
    np.savez(wrong, x=np.ones((1, 4)), more=np.ones(1))
    base, mine, refused = run_on(engine, good, wrong).results
    assert base.classes is None
    assert mine.eager.ended == mine.exported.ended == "returned"
    assert mine.outputs[0].shape == (5, 2)
    assert mine.classes is not None
    assert mine.classes.labels == (0, 1, 0, 1, 0)
    assert mine.classes.expected == mine.classes.actual
    assert len(mine.classes.actual) == 5
    assert refused.eager.ended == "no_inputs"
    assert "holds 2 tensors" in refused.eager.error.message if refused.eager.error else False
