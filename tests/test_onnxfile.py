"""ONNX files: what a session takes and gives, what converting refuses, and what onnxruntime must not do."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from tsdash import exporters, graph, mutation, onnxfile
from tsdash.onnxfile import Session, bind
from tsdash.spec import Export
from tsdash.tracebacks import SourceMap

SOURCES = SourceMap(files={__file__: "net.py"})
ELEMENTS = {
    torch.float32: TensorProto.FLOAT,
    torch.float16: TensorProto.FLOAT16,
    torch.bfloat16: TensorProto.BFLOAT16,
    torch.int32: TensorProto.INT32,
    torch.bool: TensorProto.BOOL,
}
SENDS = "import sys; from pathlib import Path; from tsdash.onnxfile import Session; Session(Path(sys.argv[1])).open()"


class Nested(nn.Module):
    def forward(self, pair: list[Any], times: int, *, bias: Any = None) -> dict[str, Any]:
        return {"sum": pair[0] * times + pair[1] * 10 + bias, "positive": pair[0] > 0}


class Branch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cond(x.sum() > 0, lambda t: t * 2, lambda t: t - 1, (self.fc(x),))


class Singular(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.svd(x)[1]


def session(model: nn.Module, *args: Any, **kwargs: Any) -> Session:
    return Session(onnxfile.convert(torch.export.export(model.eval(), args, kwargs)))


def identity(dtype: torch.dtype) -> Session:
    """A file that gives back what it is given, made without torch."""
    kind = ELEMENTS[dtype]
    x, y = (helper.make_tensor_value_info(name, kind, None) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "identity", [x], [y])
    opsets = [helper.make_opsetid("", 20)]
    return Session(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())


def exported(model: nn.Module, folder: Path, x: torch.Tensor) -> Export:
    return exporters.run("onnx", model, (x,), {}, dynamic={}, path=folder / "m.onnx", sources=SOURCES)


def test_a_session_takes_the_arguments_of_forward_and_gives_what_the_file_knows() -> None:
    """Lists are taken apart, numbers are constants, keywords go by name; of a dict the tensors remain, in its order."""
    one, two, bias = torch.tensor([1.0, -1.0]), torch.tensor([2.0, 3.0]), torch.tensor([100.0, 200.0])
    output = session(Nested(), [one, two], 3, bias=bias)([one, two], 3, bias=bias)
    assert type(output) is tuple
    assert [part.tolist() for part in output] == [[123.0, 227.0], [True, False]]


def test_inputs_are_found_by_name_or_by_place() -> None:
    """Also numbers, where the file has inputs for them, and an input that torch has renamed because it is also an output."""
    x, y, z = (torch.tensor(float(n)) for n in range(3))
    assert bind(["x", "y", "z"], (x,), {"z": z, "y": y}) == [x, y, z]
    assert bind(["x", "n"], (x, 3), {}) == [x, 3]
    assert bind(["a", "b_orig"], (), {"b": y, "other": {"deep": [x]}}) == [x, y]
    with pytest.raises(TypeError, match=r"takes 2 inputs \(x, y\); 1 were given"):
        bind(["x", "y"], (x, None), {})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int32, torch.bool])
def test_every_dtype_goes_in_and_comes_out(dtype: torch.dtype) -> None:
    """numpy lacks bfloat16."""
    x = torch.tensor([[1.5, -3.0, 0.0], [2.0, 4.0, 0.5]]).to(dtype)
    output = identity(dtype)(x)
    assert output.dtype == dtype
    assert output.float().equal(x.float())


def test_another_dtype_of_the_same_width_is_refused() -> None:
    """The bits of a float16 are never taken for a bfloat16."""
    with pytest.raises(Exception, match=r"tensor\(float16\)"):
        identity(torch.bfloat16)(torch.ones(2, dtype=torch.float16))


def test_inputs_may_be_strided_and_need_gradients() -> None:
    """As eager takes them."""
    x = torch.arange(12.0).reshape(3, 4)[:, ::2].requires_grad_()
    assert identity(torch.float32)(x).equal(x.detach())


def test_a_session_runs_on_as_many_threads_as_torch() -> None:
    """Also when torch is told another number later, for a latency that is fair."""
    x, threads = torch.ones(2), torch.get_num_threads()
    artefact = identity(torch.float32)
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            artefact(x)
            assert artefact._session.get_session_options().intra_op_num_threads == number
    finally:
        torch.set_num_threads(threads)


def test_random_numbers_are_seen_in_the_file_and_repeat_in_a_new_session() -> None:
    """A session of them is not used for a second case; others are."""
    x, drops = torch.ones(64), nn.Dropout(0.5)
    program = torch.export.export(drops.train(), (x,))
    raw = onnxfile.convert(program)
    assert mutation.mutable(Session(raw))
    assert Session(raw)(x).equal(Session(raw)(x))
    assert not mutation.mutable(identity(torch.float32))


def test_an_operator_that_onnx_lacks_is_named_with_its_line(tmp_path: Path) -> None:
    """Without the exporter's advice on how to file an issue."""
    error = exported(Singular(), tmp_path, torch.ones(2, 2)).error
    assert error is not None
    assert error.message.startswith("No ONNX function found for <OpOverload(op='aten._linalg_svd'")
    assert (error.file, error.line) == ("net.py", Singular.forward.__code__.co_firstlineno + 1)


def test_a_missing_package_is_an_export_error_that_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxscript" else sys.modules[__name__].__spec__
    )
    error = exported(nn.ReLU(), tmp_path, torch.ones(2)).error
    assert error is not None
    assert error.message == "Mode onnx needs onnxscript: pip install -r requirements.txt"


def test_weights_that_no_file_can_hold_are_refused_before_they_are_converted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words: protobuf says that it failed, and no more."""
    monkeypatch.setattr(onnxfile, "MOST_BYTES", 10)
    error = exported(nn.Linear(2, 2), tmp_path, torch.ones(1, 2)).error
    assert error is not None
    assert "at most 2 GiB" in error.message


def test_the_text_of_a_file_has_branches_modules_and_lines(tmp_path: Path) -> None:
    """In the graph that is drawn and in the code that is read."""
    export = exported(Branch().eval(), tmp_path, torch.ones(2, 3))
    read = graph.parse(export.graph or "")
    gemm, branch = (
        next(node for node in read.operators if node.operator == f"onnx::{name}") for name in ("Gemm", "If")
    )
    line = f"net.py:{Branch.forward.__code__.co_firstlineno + 1}"
    assert (gemm.module, gemm.user_line, branch.where) == ("fc", line, line)
    assert [read.nodes[child].operator for child in read.children[branch.id]] == ["then", "else"]
    assert f"# File: {line} in forward\n" in (export.code or "")
    assert "= Gemm(x, fc.weight, fc.bias" in (export.code or "")
    assert __file__ not in (export.code or "") + (export.graph or "")


def test_onnxruntime_reports_to_nobody(tmp_path: Path) -> None:
    """Its telemetry would leave an identifier in the user's home."""
    (tmp_path / "m.onnx").write_bytes(identity(torch.float32).source)
    home = tmp_path / "home"
    home.mkdir()
    environment = {k: v for k, v in os.environ.items() if k not in (onnxfile.NO_TELEMETRY, "XDG_CACHE_HOME")}
    environment |= {"HOME": str(home), "TMPDIR": str(home)}
    subprocess.run([sys.executable, "-c", SENDS, str(tmp_path / "m.onnx")], env=environment, check=True)
    assert not list(home.rglob("*"))
