"""Entry points `package.module:factory` as model files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tsdash import models
from tsdash.errors import ModelError, OptionError
from tsdash.models.loading import load

NETS = '''"""A project's nets."""
import torch


class Scale(torch.nn.Module):
    def forward(self, x):
        if x.shape[0] > 3:
            raise ValueError("too many")
        return 2 * x


def build():
    return Scale()


def pair():
    return Scale(), (torch.ones(2),)


def make_inputs(batch=2, seq=3):
    return (torch.ones(batch, seq),)
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with package nets_of_test, in which tsdash is started."""
    package = tmp_path / "project" / "nets_of_test"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "scale.py").write_text(NETS)
    (package / "lone.py").write_text(NETS.replace("def make_inputs", "def other"))
    monkeypatch.chdir(package.parent)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield package.parent
    for name in [name for name in sys.modules if name.startswith("nets_of_test")]:
        del sys.modules[name]


def test_the_dims_are_those_of_make_inputs_beside_the_factory(project: Path) -> None:
    """Read without importing the project."""
    source = models.find("nets_of_test.scale:build")
    assert (source.kind, models.default_dims(source)) == ("entry_point", {"batch": 2, "seq": 3})
    assert "nets_of_test" not in sys.modules


def test_it_loads_from_any_folder(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker has a working directory of its own."""
    source = models.find("nets_of_test.scale:build")
    monkeypatch.chdir("/")
    loaded = load(source, tmp_path)
    args, kwargs = loaded.inputs({"batch": 3})
    assert torch.equal(loaded.build()(*args, **kwargs), torch.full((3, 3), 2.0))
    assert loaded.description == "A project's nets."


def test_a_factory_may_return_the_module_with_its_inputs(project: Path, tmp_path: Path) -> None:
    """Then there are no dims."""
    loaded = load(models.find("nets_of_test.lone:pair"), tmp_path)
    assert loaded.dims == {}
    assert torch.equal(loaded.build()(*loaded.inputs()[0]), torch.full((2,), 2.0))


def test_a_factory_without_inputs_says_what_is_missing(project: Path, tmp_path: Path) -> None:
    """Neither a pair nor make_inputs."""
    with pytest.raises(
        ModelError, match=r"must return \(module, inputs\), or nets_of_test.lone must define make_inputs"
    ):
        load(models.find("nets_of_test.lone:build"), tmp_path).inputs()


def test_the_text_changes_with_the_users_file(project: Path) -> None:
    """So that a run's hash says which version of the file it judged."""
    before = models.find("nets_of_test.scale:build").sha256
    path = project / "nets_of_test" / "scale.py"
    path.write_text(NETS.replace("2 * x", "3 * x"))
    assert models.find("nets_of_test.scale:build").sha256 != before


def test_errors_name_the_projects_file(project: Path, tmp_path: Path) -> None:
    """Not the generated one."""
    from tsdash.tracebacks import user_error

    loaded = load(models.find("nets_of_test.scale:build"), tmp_path)
    with pytest.raises(ValueError, match="too many") as caught:
        loaded.build()(torch.ones(4))
    facts = user_error(caught.value, loaded.sources)
    assert (facts.file, facts.line) == ("nets_of_test/scale.py", 8)


def test_an_unknown_factory_says_the_nearest(project: Path) -> None:
    """One letter off."""
    with pytest.raises(OptionError, match=r"Unknown factory in nets_of_test.scale 'biuld'. Did you mean build\?"):
        models.find("nets_of_test.scale:biuld")


def test_an_unknown_module_says_where_it_was_looked_for(project: Path) -> None:
    """The part that does not exist is named."""
    with pytest.raises(ModelError, match=r"no module nets_of_test.deep in .*project or on Python's path"):
        models.find("nets_of_test.deep.er:build")


@pytest.mark.parametrize("name", ["a b:c", "nets:", ":build", "nets:a.b"])
def test_what_is_not_an_entry_point_says_how_one_is_written(name: str) -> None:
    """package.module:factory."""
    with pytest.raises(ModelError, match="is not an entry point"):
        models.find(name)
