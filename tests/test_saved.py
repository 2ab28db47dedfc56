"""A saved artefact held against a model: judged as it is, kept with the run, refused where it is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tsdash import archive, onnxfile, plan, saved
from tsdash.cli import main
from tsdash.engine.core import Engine
from tsdash.errors import OptionError
from tsdash.exporters import EXPORTERS
from tsdash.judge import judge
from tsdash.records import Record
from tsdash.spec import ModelSource, RunSpec, Sweep
from tsdash.store import Store

MODEL = """
import torch
class Doubled(torch.nn.Module):
    def forward(self, x):
        if x.shape[0] == 3:
            return x * 3
        return x * 2
def make_model():
    return Doubled()
def make_inputs(n=2):
    return (torch.ones(n, 4),)
"""


class Plain(torch.nn.Module):
    """What the model is but for its branch."""

    def __init__(self, factor: float = 2.0) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor


def script(path: Path, factor: float = 2.0) -> Path:
    torch.jit.script(Plain(factor)).save(str(path))
    return path


def program(path: Path) -> Path:
    sizes = ({0: torch.export.Dim.AUTO},)
    torch.export.save(torch.export.export(Plain(), (torch.ones(2, 4),), dynamic_shapes=sizes), path)
    return path


def onnx(path: Path, factor: float = 2.0, **options: bool) -> Path:
    sizes = ({0: torch.export.Dim.AUTO},)
    torch.onnx.export(Plain(factor).eval(), (torch.ones(2, 4),), path, dynamic_shapes=sizes, verbose=False, **options)
    return path


def held(engine: Engine, path: Path, mode: str, devices: tuple[str, ...] = ()) -> Record:
    """The artefact at `path` against the model, on three sizes."""
    spec = RunSpec(
        model=ModelSource(name="m.py", kind="file", filename="m.py", text=MODEL),
        modes=(mode,),
        cases=plan.cases(Sweep(dims={"n": (2, 3, 4)}, devices=devices), {"n": 2}),
        saved=saved.keep(str(path), engine.store),
    )
    run = engine.store.create(spec, {}, {}, engine.owner)
    engine.submit(run, spec).result(120)
    return engine.store.load(run)


@pytest.mark.parametrize(
    ("make", "mode"),
    [(script, "script"), (program, "export"), (onnx, "onnx")],
    ids=["TorchScript", "torch.export", "ONNX"],
)
def test_an_artefact_is_judged_as_it_is(engine, tmp_path, make, mode):
    """It lacks the branch of the model, which an export made here would have, or be refused for."""
    record = held(engine, make(tmp_path / f"plain{EXPORTERS[mode].suffix}"), mode)
    assert [judge(result).outcome for result in record.of(mode)][:3] == ["identical", "mismatch", "identical"]
    export = record.exports[mode]
    assert "exported elsewhere" in export.warnings[0].message
    assert "mul" in export.graph.lower()
    assert record.causes[mode]


def test_an_artefact_of_other_weights_agrees_nowhere(engine, tmp_path):
    record = held(engine, script(tmp_path / "other.pt", factor=5.0), "script")
    assert {judge(result).outcome for result in record.of("script")} == {"mismatch"}


def test_a_file_that_is_no_artefact_fails_in_every_case(engine, tmp_path):
    """With what torch says of it."""
    (tmp_path / "none.pt").write_bytes(b"no archive")
    record = held(engine, tmp_path / "none.pt", "trace")
    assert record.state == "done"
    assert {judge(result).outcome for result in record.of("trace")} == {"runtime_error"}


def test_an_onnx_file_is_kept_with_the_weights_beside_it(engine, tmp_path):
    """As torch.onnx.export leaves them unless it is told otherwise; without them it is refused."""
    path = tmp_path / "m.onnx"
    torch.onnx.export(torch.nn.Linear(64, 64).eval(), (torch.ones(1, 64),), path, verbose=False)
    assert len((engine.store.artefacts / saved.keep(str(path), engine.store).sha256).read_bytes()) > 64 * 64 * 4
    Path(f"{path}.data").unlink()
    with pytest.raises(OptionError, match=r"The weights beside m\.onnx"):
        saved.keep(str(path), engine.store)


def test_an_onnx_file_without_its_runtime_is_no_verdict(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(onnxfile, "PACKAGES", ("no_such_runtime",))
    with pytest.raises(OptionError, match="needs no_such_runtime: pip install"):
        saved.keep(str(tmp_path / "m.onnx"), engine.store)


def test_what_is_no_onnx_file_is_refused_at_once(engine, tmp_path):
    """In place of a run in which every case fails to read it."""
    path = tmp_path / "junk.onnx"
    path.write_text("garbage")
    with pytest.raises(OptionError, match=r"junk\.onnx is no ONNX file"):
        saved.keep(str(path), engine.store)


def test_an_onnx_file_names_no_device(engine, tmp_path):
    """So cases on another one are not run, and count neither way."""
    record = held(engine, onnx(tmp_path / "m.onnx"), "onnx", devices=("cpu", "meta"))
    elsewhere = [result.exported for result in record.of("onnx") if result.case.device == "meta"]
    assert [side.ended for side in elsewhere] == ["not_run"]
    assert "names no device" in elsewhere[0].error.message


def test_the_artefact_moves_with_its_run(engine, tmp_path):
    """Also where the store removes what no run names."""
    path = script(tmp_path / "moved.pt")
    record = held(engine, path, "script")
    archive.export_run(engine.store, record.id, tmp_path / "run.tsdash")
    other = Store(tmp_path / "other")
    taken = other.load(archive.import_run(other, tmp_path / "run.tsdash"))
    other.purge()
    assert (other.artefacts / taken.spec.saved.sha256).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("name", "modes", "mode"),
    [
        ("m.pt", (), "trace"),
        ("m.pt", ("script+freeze",), "script+freeze"),
        ("m.ts", (), "trace"),
        ("m.pt2", (), "export"),
        ("m.onnx", (), "onnx"),
    ],
)
def test_the_mode_is_what_the_user_or_the_suffix_says(name, modes, mode):
    assert saved.mode_of(name, modes) == mode


@pytest.mark.parametrize(
    ("name", "modes", "words"),
    [
        ("m.onnx", ("export",), "no artefact of 'export'"),
        ("m.pt", ("onnx",), "no artefact of 'onnx'"),
        ("m.pt", ("trace", "script"), "one mode"),
        ("m.pt", ("export",), "no artefact of 'export'"),
        ("m.pt2", ("trace",), "no artefact of 'trace'"),
    ],
)
def test_a_mode_that_does_not_fit_is_refused(name, modes, words):
    with pytest.raises(OptionError, match=words):
        saved.mode_of(name, modes)


def test_the_command_line_holds_an_artefact_against_a_model(tmp_path, monkeypatch, capsys):
    """Exit status, report and the repro that it cannot give; --reference is for artefacts alone."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.py").write_text(MODEL)
    script(tmp_path / "m.pt")
    options = ["--modes", "script", "--dim", "n=2,3", "--json", "-"]
    assert main(["check", "m.pt", "--reference", "m.py", *options]) == 1
    report = json.loads(capsys.readouterr().out)
    assert list(report["modes"]) == ["script"]
    assert (report["model"]["artefact"]["name"], report["model"]["name"]) == ("m.pt", "m.py")
    assert main(["runs", "repro", "1", "script", "c2"]) == 2
    assert main(["check", "m.py", "--reference", "m.py"]) == 2
    assert "m.py is none" in capsys.readouterr().err


def test_the_command_line_tells_a_right_onnx_file_from_a_wrong_one(tmp_path, monkeypatch, capsys):
    """By its exit status; and that a file made here would be right."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.py").write_text(MODEL.replace("shape[0] == 3", "dim() == 3"))
    onnx(tmp_path / "right.onnx")
    onnx(tmp_path / "wrong.onnx", factor=2.01, external_data=False)
    options = ["--reference", "m.py", "--dim", "n=2,4", "--effort", "quick", "--json", "-"]
    assert main(["check", "right.onnx", *options]) == 0
    right = json.loads(capsys.readouterr().out)["modes"]["onnx"]
    assert main(["check", "wrong.onnx", *options]) == 1
    wrong = json.loads(capsys.readouterr().out)["modes"]["onnx"]
    assert (right["outcome"], wrong["outcome"]) == ("identical", "mismatch")
    assert "A file converted here is right" in wrong["causes"][0]["message"]
