"""The sentences of past runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsdash import past, plan
from tsdash.cli import main
from tsdash.spec import ModelSource, RunSpec, Sweep
from tsdash.store import Store


def source(name: str, kind: str = "file", filename: str = "net.py", given: str | None = None) -> ModelSource:
    return ModelSource(name=name, kind=kind, filename=filename, text="", given=given)


def test_one_file_under_two_paths_is_one_model_and_two_files_of_one_name_are_two() -> None:
    """What is in a file tells, and its own name is said; a model that has a name goes by it, whatever its text is today."""
    models = past.models(["net.py", "/tmp/x/net.py", "y/net.py", "early_exit", "early_exit"], ["a", "a", "b", "c", "d"])
    assert past.history(models, {("net.py", "a"): 3}) == "5 runs of 3 models; net.py can be shipped, by run 3."
    assert past.history(models, {}) == "5 runs of 3 models; none of them can be shipped."


def test_the_newest_content_is_what_can_be_shipped() -> None:
    """A file that was changed since its run shipped is another model."""
    models = past.models(["net.py", "net.py"], ["new", "old"])
    assert past.history(models, {("net.py", "old"): 1}).endswith("net.py can be shipped, by run 1.")
    assert past.history(models, {("net.py", "new"): 2, ("net.py", "old"): 1}).endswith("by run 2.")


def test_a_changed_copy_is_the_same_model_and_another_file_is_not() -> None:
    """Wherever it lies; of two models of one Python program the class tells."""
    assert past.same_model(source("nets/net.py"), source("/home/me/nets/net.py"))
    assert past.same_model(
        source("early_exit", "gallery", "early_exit.py"), source("/kept/early_exit.py", filename="early_exit.py")
    )
    assert not past.same_model(source("net.py"), source("other.py", filename="other.py"))
    assert not past.same_model(source("One", "given", "train.py", "1"), source("Two", "given", "train.py", "2"))
    assert past.same_model(source("One", "given", "train.py", "1"), source("One", "given", "train.py", "2"))


def test_what_changed_is_a_sentence() -> None:
    """Nothing in common is not nothing changed."""
    assert past.changed({"same": 6}) == "Nothing: all 6 cases came out as before."
    assert past.changed({"same": 6, "new": 2}) == "Nothing: all 6 cases came out as before (2 new)."
    assert past.changed({"worse": 1, "same": 5}) == "1 case got worse and none better."
    assert (
        past.changed({"new": 52, "gone": 59})
        == "Not to be told: the two runs have no case in common (52 new, 59 gone)."
    )


def test_the_command_line_compares_no_runs_of_two_models(tsdash_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says which they are, and finds nothing worse."""
    store = Store()
    for name in ("nets/one.py", "two.py"):
        model = source(name, filename=name.rpartition("/")[2])
        store.create(RunSpec(model=model, modes=("trace",), cases=plan.cases(Sweep(), {})), {}, {})
    assert main(["runs", "compare", "1", "2"]) == 0
    assert capsys.readouterr().out == "Two different models: one.py in run 1, two.py in run 2.\n"
    assert main(["runs", "compare", "1", "1"]) == 0
    assert capsys.readouterr().out == "0 worse, 0 better, 0 same, 0 new, 0 gone\n"
