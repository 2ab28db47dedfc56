"""A model file that wants what lies beside it: the error has the way out, with the real folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsdash import models
from tsdash.errors import ModelError
from tsdash.models import beside
from tsdash.models.loading import load
from tsdash.spec import ModelSource

MODEL = """import torch
{imports}

def make_model():
    {statement}
    return torch.nn.Linear(2, 2)


def make_inputs(batch=2):
    return (torch.randn(batch, 2),)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder of the user's, whose name a shell would split, with a module, a package and weights."""
    folder = tmp_path / "my nets"
    (folder / "package_beside").mkdir(parents=True)
    (folder / "module_beside.py").write_text("class Net: pass\n")
    (folder / "weights.txt").write_text("1 2 3")
    return folder


def error_of(project: Path, tmp_path: Path, *, imports: str = "", statement: str = "pass") -> str:
    path = project / "net.py"
    path.write_text(MODEL.format(imports=imports, statement=statement))
    source = models.find(str(path))
    worker = tmp_path / "worker"
    worker.mkdir(exist_ok=True)
    with pytest.raises(ModelError) as caught:
        load(source, worker, kept_in=beside.folder_of(source)).build()
    return str(caught.value)


@pytest.mark.parametrize("name", ["module_beside", "package_beside"])
def test_a_module_beside_the_model_file_is_granted_by_pythonpath(project: Path, tmp_path: Path, name: str) -> None:
    """A file or a folder; the command can be pasted as it is."""
    says = error_of(project, tmp_path, imports=f"from {name}.sub import Net")
    assert says.startswith(f"net.py line 2: importing it needs {name!r}, which lies beside the model file")
    assert f"PYTHONPATH='{project}'" in says


def test_a_module_that_is_nowhere_may_be_installed_or_found(project: Path, tmp_path: Path) -> None:
    """No folder is claimed to hold it."""
    says = error_of(project, tmp_path, imports="import zzz_missing")
    assert "needs the package 'zzz_missing', which is not installed here" in says
    assert "PYTHONPATH=" in says
    assert str(project) not in says


def test_a_file_that_is_refused_is_granted_by_readable(project: Path, tmp_path: Path) -> None:
    """What the worker's walls answer: no permission, for a file that is there."""
    path = project / "weights.txt"
    says = error_of(project, tmp_path, statement=f"raise PermissionError(13, 'Permission denied', {str(path)!r})")
    assert says.endswith(f"'{path}'. To let models read it, start tsdash with TSDASH_READABLE='{project}'")


def test_a_refusal_to_write_is_not_told_to_be_readable(project: Path, tmp_path: Path) -> None:
    """Of a file that does not exist nothing can be read."""
    path = project / "new.txt"
    says = error_of(project, tmp_path, statement=f"raise PermissionError(13, 'Permission denied', {str(path)!r})")
    assert "TSDASH_READABLE" not in says


@pytest.mark.parametrize("opens", ["'weights.txt'", "__import__('pathlib').Path(__file__).parent / 'weights.txt'"])
def test_a_file_beside_the_model_file_is_not_found_and_the_error_says_where_it_is(
    project: Path, tmp_path: Path, opens: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker runs in a folder of its own, so a path relative to the model file leads nowhere."""
    (tmp_path / "worker").mkdir()
    monkeypatch.chdir(tmp_path / "worker")
    says = error_of(project, tmp_path, statement=f"open({opens})")
    assert f"start tsdash with TSDASH_READABLE='{project}', and open it as {project / 'weights.txt'}" in says


def test_other_errors_get_no_way_out(project: Path, tmp_path: Path) -> None:
    """A file that is nowhere, and an error that names no file."""
    assert "TSDASH" not in error_of(project, tmp_path, statement="open('nowhere.txt')")
    assert "TSDASH" not in error_of(project, tmp_path, statement="raise PermissionError('no')")


def test_only_a_file_of_the_users_lies_in_a_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its absolute path, however it was named; not a model of the gallery."""
    (project / "net.py").write_text(MODEL.format(imports="", statement="pass"))
    monkeypatch.chdir(project)
    assert beside.folder_of(models.find("net.py")) == str(project)
    assert beside.folder_of(models.find("early_exit")) == ""
    assert beside.folder_of(ModelSource(name="playground.py", kind="file", filename="playground.py", text="")) == ""
