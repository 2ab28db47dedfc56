"""Model files that tsdash keeps, because they were uploaded or changed in the page: by the name that the user knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.conftest import EQUAL, result
from tsdash.spec import ModelSource
from tsdash.store import Store
from tsdash.ui import controls, mend, service

TEXT = "def make_model():\n    ...\n\n\ndef make_inputs(batch=2, seq=8):\n    ...\n"


def opened(page: str, run: int) -> AppTest:
    """A page that shows the run."""
    shown = AppTest.from_file(f"../../pages/{page}.py", default_timeout=30)
    shown.query_params["run"] = str(run)
    shown.run()
    assert not shown.exception, shown.exception
    return shown


@pytest.fixture
def changed(store: Store, finished: Callable[..., int]) -> Callable[[ModelSource], int]:
    """A run of a model, and one of its changed copy; returns the latter."""

    def make(model: ModelSource) -> int:
        spec = replace(store.load(finished()).spec, model=model)
        before = store.create(spec, {}, {})
        copy = service.keep_model(model.filename, model.text + "\n# changed\n")
        run = store.create(replace(spec, model=copy), {mend.MENDS: before}, {})
        for number in (before, run):
            store.begin(number)
            for case in spec.cases:
                for mode in spec.modes:
                    store.add_case(number, result(case, mode, EQUAL), {})
            store.end(number, "done")
        return run

    return make


def test_a_file_that_is_kept_is_called_by_its_own_name(store: Store) -> None:
    """Without tsdash's own folder, be it that of another home; a path that the user typed stays as it is."""
    kept = service.keep_model("branch.py", TEXT)
    for name in (kept.name, f"/elsewhere/{service.KEPT_MODELS}/8b6e219f510e070a/branch.py"):
        assert controls.called(name) == "branch.py (kept copy)"
    assert [controls.called(name) for name in ("models/branch.py", "early_exit", "nets.mlp:build")] == [
        "models/branch.py", "early_exit", "nets.mlp:build",
    ]  # fmt: skip


@pytest.mark.parametrize(("page", "box"), [("explore", "model"), ("modes", "modes_model")])
def test_the_box_for_a_model_has_that_name_and_stands_for_the_file(
    changed: Callable[[ModelSource], int], store: Store, page: str, box: str
) -> None:
    """What is shown is short, what is run is the kept file."""
    run = changed(ModelSource(name="nets/mine.py", kind="file", filename="mine.py", text=TEXT))
    shown = opened(page, run).selectbox(key=box)
    assert shown.options[0] == "mine.py (kept copy)"
    assert shown.value == store.load(run).spec.model.name


def test_a_run_of_a_changed_copy_says_that_the_own_file_was_left_alone(
    changed: Callable[[ModelSource], int],
) -> None:
    """Of a file of the user's and of a model of the gallery."""
    for kind, name, says in (
        ("file", "nets/mine.py", "your own mine.py is as it was"),
        ("gallery", "early_exit", "the gallery's early_exit is as it was"),
    ):
        run = changed(ModelSource(name=name, kind=kind, filename="mine.py", text=TEXT))
        captions = [caption.value.replace("\\", "") for caption in opened("explore", run).caption]
        assert any(said.startswith("This ran a changed copy") and says in said for said in captions)
