"""Finding a model by the name that the user gave."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tsdash import models
from tsdash.errors import ModelError, OptionError

MODEL = '"""A model.\n\nMore."""\ndef make_model(): ...\ndef make_inputs(batch=2): ...\n'


def test_a_gallery_name_gives_its_file() -> None:
    """The text is the file's own."""
    source = models.find("early_exit")
    assert (source.kind, source.filename) == ("gallery", "early_exit.py")
    assert "def make_model" in source.text


def test_a_path_gives_the_file(tmp_path: Path) -> None:
    """The name is what the user wrote, the filename its last part."""
    path = tmp_path / "decoder.py"
    path.write_text(MODEL)
    source = models.find(str(path))
    assert (source.name, source.kind, source.filename, source.text) == (str(path), "file", "decoder.py", MODEL)


def test_a_relative_path_is_looked_up_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a shell would."""
    (tmp_path / "decoder.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    assert models.find("decoder.py").text == MODEL


def test_a_torchvision_name_gives_a_generated_file() -> None:
    """Its dims can be read like those of any model file."""
    source = models.find("torchvision:resnet18")
    assert (source.kind, models.default_dims(source)) == ("torchvision", {"batch": 1, "height": 224, "width": 224})


def test_an_unknown_name_says_the_nearest() -> None:
    """One letter off."""
    with pytest.raises(OptionError, match=r"Unknown model 'early_exot'. Did you mean early_exit\?"):
        models.find("early_exot")


def test_a_torchvision_name_without_its_prefix_says_the_whole_name() -> None:
    """The prefix is easily forgotten."""
    with pytest.raises(OptionError, match=r"Did you mean torchvision:resnet18\?"):
        models.find("resnet18")


def test_an_unknown_torchvision_name_says_the_nearest() -> None:
    """One digit off."""
    with pytest.raises(OptionError, match=r"Unknown torchvision model 'resnet19'. Did you mean resnet18\?"):
        models.find("torchvision:resnet19")


def test_a_file_without_its_suffix_is_suggested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """decoder for decoder.py."""
    (tmp_path / "decoder.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError, match=r"Did you mean the file decoder\.py\?"):
        models.find("decoder")


def test_a_missing_file_says_the_nearest_beside_it(tmp_path: Path) -> None:
    """A misspelt path."""
    (tmp_path / "decoder.py").write_text(MODEL)
    with pytest.raises(ModelError, match=r"no file .*decodr\.py.* Did you mean .*decoder\.py\?"):
        models.find(str(tmp_path / "decodr.py"))


def test_a_folder_is_not_a_model_file(tmp_path: Path) -> None:
    """Reading it fails with a reason."""
    with pytest.raises(ModelError, match="cannot be read: Is a directory"):
        models.find(f"{tmp_path}/")


def test_a_binary_file_is_not_source(tmp_path: Path) -> None:
    """Bytes that are not text."""
    (tmp_path / "decoder.py").write_bytes(b"\x80\x81\xff")
    with pytest.raises(ModelError, match="not Python source"):
        models.find(str(tmp_path / "decoder.py"))


def test_a_coding_line_is_honoured(tmp_path: Path) -> None:
    """Latin-1 source is read as Python would read it."""
    (tmp_path / "decoder.py").write_bytes(b"# coding: latin-1\nNAME = '\xe9'\n")
    assert "é" in models.find(str(tmp_path / "decoder.py")).text


def test_an_artefact_says_to_give_the_model_file() -> None:
    """A saved archive alone cannot be compared with eager."""
    with pytest.raises(OptionError, match=r"saved artefact.*check model\.pt --reference MODEL"):
        models.find("model.pt")


@pytest.mark.parametrize("name", ["decoder.py", "nets.mlp:build", "/etc/passwd"])
def test_code_of_the_users_own_can_be_switched_off(name: str) -> None:
    """A shared server does not run files and entry points."""
    with pytest.raises(OptionError, match="switched off"):
        models.find(name, allow_code=False)


def test_the_gallery_is_open_where_code_is_switched_off() -> None:
    """Its files are tsdash's own."""
    assert models.find("early_exit", allow_code=False).kind == "gallery"


def test_the_listing_holds_gallery_and_torchvision_with_a_line_each() -> None:
    """Every name in it can be found, and says what it is."""
    listing = models.names()
    assert {entry.kind for entry in listing} == {"gallery", "torchvision"}
    assert all(entry.description and "\n" not in entry.description for entry in listing)
    assert {entry.description for entry in listing if entry.name == "torchvision:r3d_18"} == {"torchvision, video"}


def test_every_listed_name_is_found() -> None:
    """What `models` prints can be given to `check`."""
    assert [models.find(entry.name).name for entry in models.names()] == [entry.name for entry in models.names()]


def test_finding_imports_neither_torch_nor_torchvision() -> None:
    """The server finds models, and must stay without torch."""
    code = (
        "import sys; from tsdash import models; models.names(); models.default_dims(models.find('torchvision:resnet18'));"
        "assert not {'torch', 'torchvision', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
