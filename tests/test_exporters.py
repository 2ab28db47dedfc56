"""The export modes on small real models: what is saved, loaded, kept and refused."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

from tsdash import exporters, graphtext
from tsdash.exporters import EXPORTERS
from tsdash.spec import Export
from tsdash.tracebacks import SourceMap

SOURCES = SourceMap(files={__file__: "net.py"})
MOVING = {"args[0]": {0: "batch", 2: "height"}}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(torch.relu(self.norm(self.conv(x))).mean((2, 3)))


class Counter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls.add_(1)
        return x + self.calls


class Weighted(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        return x + 2 * y + 3 * z


class Pair(NamedTuple):
    first: torch.Tensor
    second: torch.Tensor


class Named(nn.Module):
    def forward(self, x: torch.Tensor) -> Pair:
        return Pair(x, x + 1)


class Ordered(nn.Module):
    def forward(self, x: torch.Tensor) -> dict[str, Any]:
        return OrderedDict(b=x, a=[x + 1, (x + 2,)])


class UntypedDefault(nn.Module):
    def forward(self, x, y=None):  # type: ignore[no-untyped-def]
        return x if y is None else x + y


class Guess(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 if x.sum() > 0 else x


class Quits(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise SystemExit(3)


def run(mode: str, model: nn.Module, folder: Path, *args: Any, dynamic: Any = None, **kwargs: Any) -> Export:
    path = folder / f"artefact{EXPORTERS[mode].suffix}"
    return exporters.run(mode, model, args, kwargs, dynamic=dynamic or {}, path=path, sources=SOURCES)


def loaded(mode: str, model: nn.Module, folder: Path, *args: Any, dynamic: Any = None, **kwargs: Any) -> Any:
    """What a deployment gets: exported, saved and loaded again."""
    export = run(mode, model, folder, *args, dynamic=dynamic, **kwargs)
    assert export.error is None, export.error
    return EXPORTERS[mode].load(folder / f"artefact{EXPORTERS[mode].suffix}", "cpu")


@pytest.mark.parametrize("mode", list(EXPORTERS))
def test_every_mode_gives_an_artefact_that_answers_like_eager(mode: str, tmp_path: Path) -> None:
    """At the sizes it was exported with, and at others, saved and loaded in between."""
    model, x = Net().eval(), torch.randn(2, 3, 6, 5)
    artefact = loaded(mode, model, tmp_path, x, dynamic=MOVING if EXPORTERS[mode].dynamic else None)
    for other in (x, torch.randn(5, 3, 9, 5)):
        torch.testing.assert_close(artefact(other), model(other))


@pytest.mark.parametrize("mode", list(EXPORTERS))
def test_an_export_says_what_it_took_and_gave(mode: str, tmp_path: Path) -> None:
    """Seconds, the bytes on disk, code and graph."""
    export = run(mode, Net().eval(), tmp_path, torch.randn(2, 3, 6, 6))
    assert (export.mode, export.ended, export.error) == (mode, "returned", None)
    assert export.artefact_bytes == (tmp_path / f"artefact{EXPORTERS[mode].suffix}").stat().st_size
    assert export.seconds > 0
    assert "conv" in (export.code or "")
    assert "conv" in (export.graph or "")


@pytest.mark.parametrize("mode", list(EXPORTERS))
def test_exporting_leaves_the_model_alone(mode: str, tmp_path: Path) -> None:
    """The trace check calls forward three times and scripting adds attributes, on a copy."""
    model = Counter().eval()
    before = set(vars(model))
    run(mode, model, tmp_path, torch.zeros(2))
    assert (model.calls.item(), set(vars(model)), type(model)) == (0.0, before, Counter)


@pytest.mark.parametrize("mode", list(EXPORTERS))
def test_exporting_leaves_the_inputs_alone(mode: str, tmp_path: Path) -> None:
    """A model that writes to its input writes to a copy, with the same strides."""

    class Writes(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.add_(1)

    x = torch.zeros(3, 4)[:, ::2]
    run(mode, Writes().eval(), tmp_path, x)
    assert x.sum() == 0


@pytest.mark.parametrize("mode", list(EXPORTERS))
def test_a_mode_has_a_line_for_the_list(mode: str) -> None:
    """One sentence or two, which fit in a line and say what becomes of the mode."""
    summary = EXPORTERS[mode].summary
    assert summary.endswith(".")
    assert len(summary) < 120
    assert ("eprecated" in summary) == EXPORTERS[mode].deprecated


@pytest.mark.parametrize("mode", ["trace+freeze", "script+freeze"])
def test_freezing_a_model_in_training_mode_is_refused(mode: str, tmp_path: Path) -> None:
    """As torch does."""
    export = run(mode, Net().train(), tmp_path, torch.randn(2, 3, 6, 6))
    assert export.error is not None
    assert "eval" in export.error.message
    assert (export.ended, export.artefact_bytes, export.code) == ("raised", None, None)


def test_keyword_inputs_keep_their_names_in_a_trace(tmp_path: Path) -> None:
    """Alone, and beside positional ones, given in another order."""
    x, y, z = torch.ones(2), torch.full((2,), 10.0), torch.full((2,), 100.0)
    mixed = loaded("trace", Weighted().eval(), tmp_path, x, z=z, y=y)
    assert mixed(x, z=z, y=y).tolist() == [321.0, 321.0]
    assert mixed(x, y, z).tolist() == [321.0, 321.0]
    named = loaded("trace", Weighted().eval(), tmp_path, z=z, y=y, x=x)
    assert named(y=y, x=x, z=z).tolist() == [321.0, 321.0]


def test_nested_outputs_survive_torch_export(tmp_path: Path) -> None:
    """An OrderedDict stays one, with the order of its keys."""
    output = loaded("export", Ordered().eval(), tmp_path, torch.zeros(3))(torch.zeros(3))
    assert (type(output), list(output)) == (OrderedDict, ["b", "a"])
    assert (type(output["a"]), type(output["a"][1])) == (list, tuple)


def test_state_survives_torch_export(tmp_path: Path) -> None:
    """A buffer that eager changes is changed by the artefact as well."""
    artefact = loaded("export", Counter().eval(), tmp_path, torch.zeros(2))
    assert [artefact(torch.zeros(2))[0].item() for _ in range(3)] == [1.0, 2.0, 3.0]


def test_two_axes_of_one_size_move_apart(tmp_path: Path) -> None:
    """torch.export does not take equal example sizes for one size."""

    class Sum(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.sum(1)

    moving = {"args[0]": {0: "batch", 1: "width"}}
    artefact = loaded("export", Sum().eval(), tmp_path, torch.ones(3, 3), dynamic=moving)
    assert artefact(torch.ones(4, 5)).tolist() == [5.0] * 4


def test_an_export_that_works_but_cannot_be_saved_says_so(tmp_path: Path) -> None:
    """torch.export takes a NamedTuple and cannot write it; TorchScript cannot write an untyped default of None."""
    for mode, model in (("export", Named()), ("script", UntypedDefault())):
        export = run(mode, model.eval(), tmp_path, torch.zeros(2))
        assert export.error is not None
        assert [warning.message for warning in export.warnings if warning.category == "Note"] == [
            "The export itself worked; it is saving it that failed."
        ]


def test_torch_export_names_the_line_that_depends_on_data(tmp_path: Path) -> None:
    """The branch, not a line of torch."""
    export = run("export", Guess().eval(), tmp_path, torch.ones(3, 4))
    assert export.error is not None
    assert (export.error.file, export.error.line) == ("net.py", Guess.forward.__code__.co_firstlineno + 1)


def test_a_model_that_only_moving_sizes_break_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is that of the export with moving sizes; a note says that fixed sizes work."""
    real = torch.export.export

    def refuses(*args: Any, dynamic_shapes: Any = None, **kwargs: Any) -> Any:
        if dynamic_shapes is not None:
            raise ValueError("cannot move")
        return real(*args, **kwargs)

    monkeypatch.setattr(torch.export, "export", refuses)
    export = run("export", Net().eval(), tmp_path, torch.ones(2, 3, 6, 6), dynamic=MOVING)
    assert export.error is not None
    assert export.error.message == "cannot move"
    assert "moving sizes that fail" in export.warnings[-1].message


def test_a_model_that_ends_the_program_ends_the_export_alone(tmp_path: Path) -> None:
    """SystemExit is an error of the export like any other."""
    export = run("trace", Quits().eval(), tmp_path, torch.zeros(1))
    assert export.error is not None
    assert (export.error.type, export.error.line) == ("SystemExit", Quits.forward.__code__.co_firstlineno + 1)


def test_grad_is_off_while_exporting(tmp_path: Path) -> None:
    """As in the base case; what the process had before is back afterwards."""

    class AsksGrad(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * (2 if torch.is_grad_enabled() else 3)

    artefact = loaded("trace", AsksGrad().eval(), tmp_path, torch.ones(1))
    assert artefact(torch.ones(1)).item() == 3.0
    assert torch.is_grad_enabled()


def test_code_shows_every_kind_of_submodule_once(tmp_path: Path) -> None:
    """With the number of modules that share it."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU()).eval()
    code = run("script", model, tmp_path, torch.zeros(1, 2)).code or ""
    assert code.count("torch.linear") == 1
    assert "# 0, Linear and 1 more like it" in code


def test_code_and_graph_speak_of_the_users_file(tmp_path: Path) -> None:
    """And never of where it was saved."""
    for mode in ("script", "export"):
        export = run(mode, Net().eval(), tmp_path, torch.randn(2, 3, 6, 6))
        assert "net.py" in (export.code or "") + (export.graph or "")
        assert __file__ not in (export.code or "") + (export.graph or "")


def test_a_long_text_is_cut_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its whole length."""
    whole = run("script", Net().eval(), tmp_path, torch.randn(2, 3, 6, 6)).graph or ""
    monkeypatch.setattr(graphtext, "GRAPH_BYTES", 1000)
    graph = run("script", Net().eval(), tmp_path, torch.randn(2, 3, 6, 6)).graph or ""
    assert graph.startswith(whole[:1000])
    assert graph.splitlines()[-1].startswith("… cut here: ")


def test_a_copy_is_made_only_where_it_is_the_same_model() -> None:
    """A closure would go on using the original's weights, and a lock cannot be copied."""
    plain, bound, locked = Net(), Net(), Net()
    plain.pool = torch.nn.functional.max_pool2d  # a closure over functions alone
    bound.forward = lambda x: bound.fc(x)  # type: ignore[method-assign]
    locked.lock = threading.Lock()  # type: ignore[assignment]
    assert isinstance(exporters.own_copy(plain), Net)
    assert exporters.own_copy(bound) is exporters.own_copy(locked) is None


def test_a_model_that_cannot_be_copied_is_exported_itself(tmp_path: Path) -> None:
    """With its closure's weights in the artefact."""
    model = nn.Sequential(nn.Linear(2, 2)).eval()
    model.register_forward_hook(lambda module, args, output: output * model[0].bias.sum())
    x = torch.randn(3, 2)
    torch.testing.assert_close(loaded("trace", model, tmp_path, x)(x), model(x))


def test_a_mode_can_load_on_the_meta_device(tmp_path: Path) -> None:
    """The portability probe: shapes without a second device."""
    x = torch.randn(2, 3, 6, 6)
    for mode in ("trace", "script", "export"):
        loaded(mode, Net().eval(), tmp_path, x)
        artefact: Any = EXPORTERS[mode].load(tmp_path / f"artefact{EXPORTERS[mode].suffix}", "meta")
        output = artefact(x.to("meta"))
        assert (output.device.type, output.shape) == ("meta", (2, 2))
