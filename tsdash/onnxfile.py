"""An ONNX file: made of what torch.export captures, and run by onnxruntime behind a call with tensors, like any export.

An ONNX file knows a row of named inputs and a row of outputs. Lists and dicts of forward's arguments are taken apart for it, numbers
are constants in it, and of what forward returns it keeps the tensors alone: one by itself, several as a tuple.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
MOST_BYTES = 2**31 - 2**20  # of weights: a file of one piece holds 2 GiB, names and graph included
# onnxruntime 1.32 reports its use to its makers unless this is set before it is imported; tsdash sends nothing anywhere.
NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"
# The one type of a caller's tensors that numpy lacks, as onnxruntime calls it; and its number in ONNX (TensorProto.DataType).
BFLOAT16, BFLOAT16_NUMBER = "tensor(bfloat16)", 16


def missing() -> str:
    """What to install before ONNX files can be made and run; empty where all is there."""
    names = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    return f"Mode onnx needs {', '.join(names)}: pip install -r requirements.txt" if names else ""


def convert(program: torch.export.ExportedProgram) -> bytes:
    """The ONNX file of a program. Raises OnnxExporterError with the operator that ONNX has no word for, and its line."""
    import torch

    if lacking := missing():
        raise ModuleNotFoundError(lacking)
    weights = {tensor.data_ptr(): tensor.nbytes for tensor in program.state_dict.values()}
    if sum(weights.values()) > MOST_BYTES:
        raise ValueError(f"An ONNX file holds at most 2 GiB; the weights have {sum(weights.values()) / 2**30:.1f} GiB.")
    try:
        converted: Any = torch.onnx.export(program, verbose=False)
    except torch.onnx.OnnxExporterError as error:
        raise torch.onnx.OnnxExporterError(reason(error)) from error
    return bytes(converted.model_proto.SerializeToString())


def reason(error: BaseException) -> str:
    """What lies at the root of a failed conversion, and where the operator stands in the source, innermost first."""
    said, stack = str(error), ""
    link: BaseException | None = error
    while link is not None:
        said, step = f"{link}", link.__traceback__
        while step is not None:
            node = step.tb_frame.f_locals.get("node")  # the exporter names it without its line
            stack = getattr(node, "meta", {}).get("stack_trace") or stack
            step = step.tb_next
        link = link.__cause__
    return "\n".join([said, *reversed(re.findall(r'File ".+", line \d+, in .+', stack))])


class Session:
    """An ONNX file, opened when it is first called. `source`: its bytes or its path.

    Runs on as many threads as torch has. What it draws at random is onnxruntime's own, the same in every new session.
    """

    def __init__(self, source: bytes | Path) -> None:
        self.source = source
        self._session: Any = None
        self._threads = 0
        self._names: list[str] = []
        self._plain = True  # numpy has all types of inputs and outputs

    def open(self) -> Session:
        """Have onnxruntime read and prepare the file, which raises what it says of one that it cannot run."""
        import torch

        os.environ[NO_TELEMETRY] = "1"
        import onnxruntime

        onnxruntime.set_seed(0)
        self._threads = torch.get_num_threads()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self._threads, 1
        options.add_session_config_entry("session.force_spinning_stop", "1")  # else they slow what is timed next
        options.log_severity_level = 4  # what goes wrong is raised as well
        source = self.source if isinstance(self.source, bytes) else str(self.source)
        self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        given, returned = self._session.get_inputs(), self._session.get_outputs()
        self._names = [one.name for one in given]
        self._plain = BFLOAT16 not in {one.type for one in (*given, *returned)}
        return self

    def modules(self) -> tuple[()]:
        """None: what forward was made of is gone."""
        return ()

    def may_draw(self) -> bool:
        """Whether the file names an operator that draws random numbers; asked of its bytes, for a yes costs little."""
        raw = self.source if isinstance(self.source, bytes) else self.source.read_bytes()
        return any(name in raw for name in (b"Random", b"Multinomial", b"Bernoulli", b"Dropout"))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        import torch

        if self._session is None or self._threads != torch.get_num_threads():
            self.open()
        values = bind(self._names, args, kwargs)
        if self._plain:
            arrays = {name: array(value) for name, value in zip(self._names, values, strict=True)}
            found = [tensor(one) for one in self._session.run(None, arrays)]
        else:
            wrapped = {name: wrap(value) for name, value in zip(self._names, values, strict=True)}
            found = [unwrap(one) for one in self._session.run_with_ort_values(None, wrapped)]
        return found[0] if len(found) == 1 else tuple(found)


def save(exported: Any, path: Path) -> None:
    """Write the file of a session that `convert` gave the bytes of."""
    path.write_bytes(exported.source)


def load(path: Path, device: str) -> Session:
    """A session on the CPU, whatever the device: an ONNX file names none."""
    return Session(path).open()


def bind(names: Sequence[str], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """What a call gives for each input of the file: keywords by their names, all else in order. Raises TypeError where the call
    has more or fewer tensors than the file has inputs."""
    import torch
    from torch.utils import _pytree

    if not kwargs and len(args) == len(names) and all(isinstance(value, torch.Tensor) for value in args):
        return list(args)  # as nearly always
    # torch calls an input x_orig where it is also an output.
    known = {name.removesuffix("_orig"): name for name in names}
    named = {known[key]: value for key, value in kwargs.items() if key in known}
    unnamed = [*args, *(value for key, value in kwargs.items() if key not in known)]
    rest = [leaf for leaf in _pytree.tree_leaves(unnamed) if isinstance(leaf, (torch.Tensor, int, float))]
    wanted = len(names) - len(named)
    if len(rest) != wanted:  # numbers are constants in a file of torch's
        rest = [leaf for leaf in rest if isinstance(leaf, torch.Tensor)]
    if len(rest) != wanted:
        raise TypeError(f"the file takes {len(names)} inputs ({', '.join(names)}); {len(rest) + len(named)} were given")
    left = iter(rest)
    return [named[name] if name in named else next(left) for name in names]


def array(value: Any) -> Any:
    """A tensor or number as numpy has it; complex numbers as pairs, for ONNX has none."""
    import torch

    value = torch.as_tensor(value)
    return (torch.view_as_real(value.resolve_conj()) if value.is_complex() else value).numpy(force=True)


def tensor(value: Any) -> Any:
    """What onnxruntime returned, as tensors."""
    import torch

    if isinstance(value, (list, tuple)):
        return [tensor(item) for item in value]
    return None if value is None else torch.as_tensor(value)


def wrap(value: Any) -> Any:
    """A tensor or number as onnxruntime's own kind of tensor, which can be of a type that numpy lacks."""
    import onnxruntime
    import torch

    value = torch.as_tensor(value)
    if value.dtype != torch.bfloat16:
        return onnxruntime.OrtValue.ortvalue_from_numpy(array(value))
    raw = value.detach().contiguous().view(torch.uint16).numpy()
    return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(raw, BFLOAT16_NUMBER)


def unwrap(value: Any) -> Any:
    """The tensor in onnxruntime's own kind of tensor."""
    import torch

    return torch.utils.dlpack.from_dlpack(value._get_c_value())
