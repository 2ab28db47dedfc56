"""What an export complains of, at the line of the user's own that is to blame."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch

from tsdash import complaints, exporters
from tsdash.models.loading import Loaded, load
from tsdash.spec import Export, ExportWarning, ModelSource
from tsdash.tracebacks import SourceMap

MAKERS = """

def make_model():
    return M().eval()


def make_inputs(batch=3):
    return (torch.rand(batch, 4),)
"""


def export(mode: str, text: str, folder: Path) -> Export:
    """A model file exported: `text` is its classes, `M` among them."""
    source = ModelSource(name="net.py", kind="file", filename="net.py", text=text + MAKERS)
    loaded: Loaded = load(source, folder)
    args, kwargs = loaded.inputs()
    path = folder / "artefact"
    return exporters.run(mode, loaded.build(), args, kwargs, dynamic={}, path=path, sources=loaded.sources)


def lines(export: Export) -> list[tuple[str | None, int | None]]:
    return [(warning.file, warning.line) for warning in export.warnings]


def test_a_warning_of_the_tracer_is_at_the_users_line(tmp_path: Path) -> None:
    """Once, though the trace check runs forward three times."""
    text = """import torch
class M(torch.nn.Module):
    def forward(self, x):
        if x.sum() > 100:
            return x
        return x[:, : int(x.mean())]
"""
    found = export("trace", text, tmp_path)
    assert lines(found) == [("net.py", 4), ("net.py", 6)]
    assert {warning.category for warning in found.warnings} == {"TracerWarning"}


def test_a_warning_located_in_torch_is_followed_to_the_users_call(tmp_path: Path) -> None:
    """Python hides it by default, for it comes from torch's own file."""
    text = """import torch
import torch.nn.functional as F
class M(torch.nn.Module):
    def forward(self, x):
        theta = x.new_ones(x.shape[0], 2, 3)
        size = [x.size(0), 1, 2, 2]
        return F.affine_grid(theta, size)
"""
    assert ("net.py", 7) in lines(export("trace", text, tmp_path))


def test_a_warning_in_a_helper_is_at_the_deepest_line_of_the_user(tmp_path: Path) -> None:
    """Not where forward calls the helper."""
    text = """import torch
def size(x):
    return len(x)
class M(torch.nn.Module):
    def forward(self, x):
        return x.sum() / size(x)
"""
    assert lines(export("trace", text, tmp_path)) == [("net.py", 3)]


def test_a_warning_that_the_file_silences_on_import_is_heard(tmp_path: Path) -> None:
    """Filters set outside forward do not hide what exporting has to say."""
    text = """import torch, warnings
warnings.simplefilter("ignore")
class M(torch.nn.Module):
    def forward(self, x):
        return x / len(x)
"""
    with warnings.catch_warnings():
        assert lines(export("trace", text, tmp_path)) == [("net.py", 5)]


def test_a_warning_that_torch_gives_once_is_heard_every_time(tmp_path: Path) -> None:
    """Whatever the process warned of before; that the trace warns of it again when it is run adds nothing."""
    text = """import torch
class M(torch.nn.Module):
    def forward(self, x):
        return x.new_ones(2, 3, 4).T.sum() + x
"""
    assert [lines(export("trace", text, tmp_path)) for _ in range(2)] == [[("net.py", 4)]] * 2


def test_the_deprecation_of_torchscript_is_not_the_models(tmp_path: Path) -> None:
    """torch.jit warns of itself at every call; the model's own deprecation is kept."""
    text = """import torch, warnings
class M(torch.nn.Module):
    def forward(self, x):
        warnings.warn("old layer", DeprecationWarning)
        return x
"""
    found = export("trace+freeze", text, tmp_path)
    assert [(warning.message, warning.line) for warning in found.warnings] == [("old layer", 4)]


def test_a_flood_of_warnings_is_cut(tmp_path: Path) -> None:
    """Some hundred distinct ones are kept, the rest are counted."""
    text = """import torch, warnings
class M(torch.nn.Module):
    def forward(self, x):
        for number in range(1000):
            warnings.warn(f"number {number}")
        return x
"""
    found = export("trace", text, tmp_path)
    assert len(found.warnings) == complaints.MAX_WARNINGS + 1
    assert found.warnings[-1].message == f"{3 * (1000 - complaints.MAX_WARNINGS)} more warnings were not kept."


def test_hearing_leaves_no_trace() -> None:
    """Filters, hooks and torch's own switch are as before."""
    before = (warnings.showwarning, list(warnings.filters), torch.is_warn_always_enabled())
    functions = (torch.jit._recursive.try_compile_fn, torch.jit._script._recursive_compile_class)
    with pytest.raises(ZeroDivisionError), complaints.heard(SourceMap()):
        _ = 1 / 0
    assert (warnings.showwarning, list(warnings.filters), torch.is_warn_always_enabled()) == before
    assert (torch.jit._recursive.try_compile_fn, torch.jit._script._recursive_compile_class) == functions


HEAD = "import torch\n"
REFUSED = {
    "a construct that the parser refuses": (
        HEAD
        + """class M(torch.nn.Module):
    def forward(self, x):
        y = x + 1
        try:
            return y
        except ValueError:
            return x
""",
        5,
    ),
    "an attribute that has no TorchScript type": (
        HEAD
        + """class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = {}
    def forward(self, x):
        y = x + 1
        return y * self.table["k"]
""",
        8,
    ),
    "a method with variable arguments": (
        HEAD
        + """class M(torch.nn.Module):
    def helper(self, *parts):
        return parts[0]
    def forward(self, x):
        return self.helper(x)
""",
        3,
    ),
    "a lambda, which the message places nowhere": (
        HEAD
        + """double = lambda v: v * 2
class M(torch.nn.Module):
    def forward(self, x):
        y = x + 1
        return double(y)
""",
        6,
    ),
    "a function without source": (
        HEAD
        + """exec("def made(v): return v")
class M(torch.nn.Module):
    def forward(self, x):
        y = x + 1
        return made(y)
""",
        6,
    ),
    "a dataclass, refused where it is made": (
        HEAD
        + """from dataclasses import dataclass
@dataclass
class Result:
    logits: torch.Tensor
class M(torch.nn.Module):
    def forward(self, x):
        y = x + 1
        return Result(logits=y)
""",
        9,
    ),
}


@pytest.mark.parametrize("what", list(REFUSED))
def test_what_the_compiler_refuses_is_named_by_line(what: str, tmp_path: Path) -> None:
    """In the user's file, whether the compiler's message says it or not."""
    text, line = REFUSED[what]
    error = export("script", text, tmp_path).error
    assert error is not None
    assert (error.file, error.line) == ("net.py", line)
    assert str(tmp_path) not in error.message + error.traceback


def test_a_failed_trace_check_is_at_a_line_that_changed(tmp_path: Path) -> None:
    """Among all lines of the two graphs, one in which they differ."""
    text = """import torch
class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.step = 0
    def forward(self, x):
        y = torch.relu(x) + 1
        self.step += 1
        z = y * float(self.step)
        return torch.relu(z)
"""
    error = export("trace", text, tmp_path).error
    assert error is not None
    assert (error.type, error.file, error.line) == ("TracingCheckError", "net.py", 9)


def test_an_error_in_forward_is_where_it_was_raised(tmp_path: Path) -> None:
    """As in eager."""
    text = """import torch
class M(torch.nn.Module):
    def forward(self, x):
        return x.reshape(7, 7, 7)
"""
    for mode in ("trace", "export"):
        error = export(mode, text, tmp_path).error
        assert error is not None
        assert (error.file, error.line) == ("net.py", 4)


def test_a_warning_is_a_plain_record(tmp_path: Path) -> None:
    """Message, file, line and the name of its class, ready for JSON."""
    text = """import torch, warnings
class M(torch.nn.Module):
    def forward(self, x):
        warnings.warn("slow path")
        return x
"""
    assert export("trace", text, tmp_path).warnings == (
        ExportWarning(message="slow path", file="net.py", line=4, category="UserWarning"),
    )
