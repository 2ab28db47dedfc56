"""A repro says by itself what tsdash found: the same tensors, the same failure, in an interpreter that knows no tsdash."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.showing import base_case, showing
from tsdash import cli, inputs, models, repro
from tsdash.models import teaching
from tsdash.seeds import seed_all
from tsdash.spec import Case, CaseResult, ModelSource, OutputFacts, RunSpec, Side
from tsdash.store import Store
from tsdash.transforms import LAYOUTS, TRANSFORMS

RETURNED = Side(ended="returned")
FAILING = [
    (listing.name, mode)
    for listing in models.names()
    if listing.kind == "gallery"
    for mode, cause in teaching.expected(models.find(listing.name)).items()
    if cause
]
APART = [("early_exit", "trace"), ("patched_layer", "script"), ("pad_to_patch", "script")]
NOISY_TWINS = ("half_fold", "tied_classes")  # folding moves their twins too, by what only a referee can excuse
RECORDER = """
import torch
from torch import nn

SEEN = []


class Recorder(nn.Module):
    def forward(self, images, ids, lengths, mask, pair, options):
        SEEN.append((images, ids, lengths, mask, pair, options))
        return images.sum() + options["scale"].sum()


def make_model():
    return Recorder()


def make_inputs(batch=2, seq=5):
    images = torch.randn(batch, 3, 4, seq)
    ids = torch.randint(0, 9, (batch, seq))
    lengths = torch.arange(batch) + 1
    mask = torch.rand(batch, seq) > 0.5
    pair = (torch.randn(1, seq).expand(batch, seq), torch.randn(seq, batch).t())
    return images, ids, lengths, mask, pair, {"scale": torch.randn(seq).half(), "flags": torch.randn(batch).double()}
"""
DRIVER = """
import contextlib, io, json, runpy, sys
statuses = {}
for path in sys.argv[1:]:
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            runpy.run_path(path, run_name="__main__")
    except SystemExit as ended:
        statuses[path] = ended.code, said.getvalue()
    except BaseException as error:
        statuses[path] = -1, repr(error)
print(json.dumps(statuses))
"""


class Inputs:
    """The recorder's inputs as tsdash makes them."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        exec(RECORDER, self.names)
        self.dims = {"batch": 2, "seq": 5}

    def inputs(self, dims: dict[str, int] | None = None, *, seed: int = 0) -> tuple[tuple[Any, ...], dict[str, Any]]:
        seed_all(seed)
        return self.names["make_inputs"](**(dims or {})), {}


def _result(name: str, mode: str) -> CaseResult:
    case = replace(showing(name, models.find(name)), id="c2")
    ended = "crash" if name == "pad_to_patch" else "returned"
    return CaseResult(case=case, mode=mode, eager=RETURNED, exported=Side(ended=ended))


def _write(folder: Path, name: str, mode: str, twin: str = "") -> Path:
    """The repro of a model's failure, or of the same case of its mended twin."""
    source = models.find(name + twin)
    result = replace(_result(name, mode), case=replace(showing(name, source), id="c2"))
    path = folder / f"{name}{twin}_{mode.replace('+', '_')}.py"
    path.write_text(repro.script(source, base_case(source), result), encoding="utf-8")
    return path


def _run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter in which no tsdash can be found."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def statuses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """How every repro ended, by the name of its file; all but those that need it in one interpreter."""
    folder = tmp_path_factory.mktemp("repros")
    paths = []
    for name, mode in FAILING:
        if (name, mode) not in APART:
            paths.append(_write(folder, name, mode))
            if name not in NOISY_TWINS:
                paths.append(_write(folder, name, mode, teaching.MENDED))
    ended = _run("-c", DRIVER, *paths, cwd=folder)
    assert ended.returncode == 0, ended.stderr
    return {Path(path).stem: tuple(status) for path, status in json.loads(ended.stdout.splitlines()[-1]).items()}


def _seen(case: Case) -> Any:
    """What the repro of a case gives to the model in eager."""
    source = ModelSource(name="recorder.py", kind="file", filename="recorder.py", text=RECORDER)
    result = CaseResult(case=case, mode="script", eager=RETURNED, exported=RETURNED)
    text = repro.script(source, Case(id="c1", dims=case.dims), result)
    names: dict[str, Any] = {"__name__": "recorder"}
    exec(text, names)
    names["reproduce"]()
    return names["SEEN"][-1]


CASE = Case(id="c2", dims={"batch": 3, "seq": 4}, seed=2)
CASES = [
    *(replace(CASE, values=name) for name in TRANSFORMS),
    *(replace(CASE, layout=name) for name in LAYOUTS),
    *(replace(CASE, dtype=name) for name in inputs.DTYPES),
    replace(CASE, values="shuffled", dtype="float16", layout="strided", grad=True, call=2),
    replace(CASE, values="nan", device="meta"),
    replace(CASE, values="negative", toward="x3", share=0.25),
    replace(CASE, elements={"args[0]": (-0.5,), "args[1]": tuple(range(12)), "args[4][0]": (float("nan"),)}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.values} {case.dtype} {case.layout} {case.device}")
def test_a_repro_makes_the_tensors_of_tsdash(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bits, dtypes and strides of every input are those that tsdash's own inputs have."""
    monkeypatch.setattr(torch.jit, "script", lambda model: torch.jit.trace(torch.nn.Identity(), torch.ones(1)))
    expected, _ = inputs.build(Inputs(), case)
    assert inputs.same(_seen(case), expected)


@pytest.mark.parametrize(("name", "mode"), [pair for pair in FAILING if pair not in APART])
def test_the_repro_of_a_failure_shows_it(name: str, mode: str, statuses: dict[str, tuple[int, str]]) -> None:
    """Its exit status is 1, and it says what differs."""
    status, said = statuses[f"{name}_{mode.replace('+', '_')}"]
    assert status == 1, said
    assert said.strip()


@pytest.mark.parametrize(("name", "mode"), [p for p in FAILING if p not in APART and p[0] not in NOISY_TWINS])
def test_the_same_case_of_a_mended_model_shows_nothing(
    name: str, mode: str, statuses: dict[str, tuple[int, str]]
) -> None:
    """Its exit status is 0: a repro tells a failure from none."""
    status, said = statuses[f"{name}_mended_{mode.replace('+', '_')}"]
    assert status == 0, said


@pytest.mark.parametrize(("name", "mode"), APART)
def test_a_repro_needs_nothing_but_a_fresh_interpreter(name: str, mode: str, tmp_path: Path) -> None:
    """Also where the failure ends its process, or depends on what the process compiled before."""
    ended = _run(_write(tmp_path, name, mode), cwd=tmp_path)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "tsdash" not in (tmp_path / f"{name}_{mode}.py").read_text()


def test_the_repro_of_an_onnx_file_runs_without_tsdash(tmp_path: Path) -> None:
    """With the class that runs such a file written out."""
    source = models.find("call_counter")
    case = replace(base_case(source), id="c2", call=3)
    result = CaseResult(case=case, mode="onnx", eager=RETURNED, exported=RETURNED)
    path = tmp_path / "repro.py"
    path.write_text(repro.script(source, base_case(source), result), encoding="utf-8")
    ended = _run(path, cwd=tmp_path)
    assert ended.returncode == 1, ended.stderr
    assert "elements differ by more than" in ended.stdout


def test_the_pytest_file_fails_as_long_as_the_failure_is_there(tmp_path: Path) -> None:
    """And passes with the mended model: it can be kept."""
    for twin in ("", teaching.MENDED):
        source = models.find(f"early_exit{twin}")
        base = base_case(source)
        text = repro.pytest_file(
            source, base, replace(_result("early_exit", "trace"), case=replace(base, values="x100"))
        )
        (tmp_path / f"test_early_exit{twin}.py").write_text(text)
    ended = _run("-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path, cwd=tmp_path)
    assert "1 failed, 1 passed" in ended.stdout


def test_what_the_arithmetic_explains_is_no_failure() -> None:
    """The judge's limit for the output goes into the file; a wrong output has half of what was measured at most."""
    facts = OutputFacts(path="output", shape=(2,), dtype="float32", elements=2, identical=False, max_abs=3e-6)
    result = CaseResult(case=CASE, mode="trace", eager=RETURNED, exported=RETURNED, outputs=(facts,))
    source = models.find("mlp")
    base = base_case(source)
    assert "limits = {'output': 1e-05}" in repro.script(source, base, replace(result, case=base))
    wrong = replace(result, case=base, outputs=(replace(facts, max_abs=1.0, max_rel=1.0),))
    assert "limits = {'output': 1e-05}" in repro.script(source, base, wrong)


def test_a_name_of_the_model_file_is_never_taken() -> None:
    """A file with its own `reproduce`, and with code for running it, keeps the one and loses the other."""
    text = RECORDER + "\n\ndef reproduce():\n    pass\n\n\nif __name__ == '__main__':\n    train()\n"
    source = ModelSource(name="m.py", kind="file", filename="m.py", text=text)
    result = CaseResult(case=CASE, mode="trace", eager=RETURNED, exported=RETURNED)
    made = repro.script(source, CASE, result)
    assert "def reproduce_():" in made
    assert "train()" not in made


@pytest.mark.parametrize("name", ["torchvision:resnet18", "torchvision:raft_small", "torchvision:s3d"])
def test_a_model_of_torchvision_is_built_without_tsdash(name: str) -> None:
    """Its repro is whole, and every dim of the case is an argument of its make_inputs."""
    source = models.find(name)
    base = base_case(source)
    result = CaseResult(case=base, mode="script", eager=RETURNED, exported=RETURNED)
    made = repro.script(source, base, result)
    names: dict[str, Any] = {"__name__": "m"}
    exec(made, names)
    seed_all(0)
    (first, *_) = names["make_inputs"](**base.dims)
    assert "tsdash" not in made
    assert first.shape[0] == base.dims["batch"]


Boxes = namedtuple("Boxes", ["scores"])


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        ((torch.ones(2),), [torch.ones(2)]),
        ({"a": torch.ones(1), "b": 1}, {"b": 1, "a": torch.ones(1)}),
        ((torch.ones(2),), Boxes(torch.ones(2))),
        (torch.ones(2), torch.ones(2, dtype=torch.float64)),
        (torch.tensor([1.0, float("nan")]), torch.tensor([1.0, 2.0])),
        (torch.tensor([1.0, 2.0]), torch.tensor([float("nan"), 2.0])),
        (torch.tensor(float("inf")), torch.tensor(float("-inf"))),
        ([torch.tensor([1, 2])], [torch.tensor([1, 3])]),
        (1.5, 2.5),
    ],
)
def test_outputs_that_differ_are_told_apart(actual: Any, expected: Any) -> None:
    """One sentence for a difference of kind, keys, dtype, value, NaN or sign of Inf."""
    assert len(list(repro.differences(actual, expected, {}))) == 1


@pytest.mark.parametrize(
    "output",
    [torch.tensor([float("nan"), float("inf"), 1.0]), {"a": (1, None, "x")}, Boxes(torch.ones(0)), 2.0],
)
def test_equal_outputs_show_nothing(output: Any) -> None:
    """NaN equals NaN, Inf equals Inf, nothing equals nothing."""
    assert not list(repro.differences(output, output, {}))


def test_the_command_line_writes_the_repro_of_a_stored_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To standard output or a file, as a program or a test; a case that is not there is refused by name."""
    source = models.find("early_exit")
    result = _result("early_exit", "trace")
    base = base_case(source)
    store = Store()
    run = str(store.create(RunSpec(model=source, modes=("trace",), cases=(base, result.case)), {}, {}))
    store.add_case(int(run), result, {})
    assert cli.main(["runs", "repro", run, "trace", "c2"]) == 0
    assert capsys.readouterr().out == repro.script(source, base, result)
    assert cli.main(["runs", "repro", run, "trace", "c2", str(tmp_path / "test_it.py"), "--pytest"]) == 0
    assert (tmp_path / "test_it.py").read_text() == repro.pytest_file(source, base, result)
    assert cli.main(["runs", "repro", run, "trace", "c9"]) == 2
    assert "Unknown case 'c9'" in capsys.readouterr().err
