"""`check` where there is nothing to judge: what it prints, and with which status it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tsdash.cli import main

WRONG_SIZE = """
import torch
def make_model():
    return torch.nn.Linear(4, 2).eval()
def make_inputs(batch=2):
    return (torch.ones(batch, 8),)
"""


@pytest.fixture
def folder(tmp_path: Path, tsdash_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_model_that_refuses_its_own_inputs_is_not_judged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2 and eager's message; the report is written all the same, and the run can be shown."""
    (folder / "wrong.py").write_text(WRONG_SIZE)
    assert main(["check", "wrong.py", "--effort", "quick", "--json", "report.json"]) == 2
    printed = capsys.readouterr()
    assert "Nothing could be judged: eager itself raises on the base inputs: RuntimeError: mat1 and mat2" in printed.err
    assert "export error" not in printed.out
    report = json.loads((folder / "report.json").read_text())
    assert {mode["verdict"] for mode in report["modes"].values()} == {"inconclusive"}
    assert "same answers" not in " ".join(report["recommendation"]["reasons"])
    assert main(["runs", "show", "1"]) == 2


def test_a_model_that_cannot_be_loaded_promises_no_cases(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither how many of them are done nor that anything was finished."""
    (folder / "none.py").write_text("model = 1\n")
    assert main(["check", "none.py"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("tsdash: none.py does not define make_model.")
    (folder / "fails.py").write_text(
        WRONG_SIZE.replace("return torch.nn", "raise ValueError('no')\n    return torch.nn")
    )
    assert main(["check", "fails.py", "--effort", "quick"]) == 2
    said = capsys.readouterr().err
    assert "ValueError: no" in said
    assert "cases" not in said
    assert "finished" not in said
