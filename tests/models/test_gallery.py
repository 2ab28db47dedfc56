"""The teaching models do what their text promises: they fail where they say, and their twins ship.

Checked here by torch.jit alone, without tsdash's own comparison or exporters, so that each can vouch for the other.
"""

from __future__ import annotations

import copy
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from tsdash import models
from tsdash.diagnose.catalogue import CAUSES
from tsdash.models import teaching
from tsdash.models.loading import Loaded, load
from tsdash.seeds import seed_all

GALLERY = {entry.name: models.find(entry.name) for entry in models.names() if entry.kind == "gallery"}
PROMISES = [
    (name, mode, cause) for name, source in GALLERY.items() for mode, cause in teaching.expected(source).items()
]
FAILING = [
    name for name in GALLERY if not name.endswith(teaching.MENDED) and any(teaching.expected(GALLERY[name]).values())
]
CLEAN = [name for name in GALLERY if not name.endswith(teaching.MENDED) and name not in FAILING]
MODES = {
    "trace": lambda model, args: torch.jit.trace(model, args, check_trace=False),
    "script": lambda model, args: torch.jit.script(model),
    "trace+freeze": lambda model, args: torch.jit.freeze(torch.jit.trace(model, args, check_trace=False)),
    "script+freeze": lambda model, args: torch.jit.freeze(torch.jit.script(model)),
}
FREEZE_NOISE = 2e-3  # relative: what folding may move in float16, and far below what half_fold loses


@dataclass(frozen=True, kw_only=True)
class Variation:
    """One respect in which a call differs from the call that was exported."""

    name: str
    dims: dict[str, int]
    change: Callable[[torch.Tensor], torch.Tensor] = torch.Tensor.clone
    dtype: torch.dtype | None = None
    device: str = "cpu"
    grad: bool = False
    calls: int = 1
    seed: int = 0


def strided(tensor: torch.Tensor) -> torch.Tensor:
    """The same values, every second element of a tensor twice as wide."""
    return torch.stack([tensor, tensor], dim=-1)[..., 0]


def with_nan(tensor: torch.Tensor) -> torch.Tensor:
    if not tensor.is_floating_point():
        return tensor
    tensor = tensor.clone()
    tensor.view(-1)[0] = torch.nan
    return tensor


def scaled(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda tensor: tensor * factor if tensor.is_floating_point() else tensor


def variations(loaded: Loaded) -> Iterator[Variation]:
    yield Variation(name="base", dims={})
    for dim, size in loaded.dims.items():
        for other in {1, size + 1, 2 * size + 1} - {size}:
            yield Variation(name=f"{dim}={other}", dims={dim: other})
    for factor in (-1.0, 0.0, 100.0):
        yield Variation(name=f"x{factor}", dims={}, change=scaled(factor))
    yield Variation(name="nan", dims={}, change=with_nan)
    yield Variation(name="strided", dims={}, change=strided)
    for dtype in (torch.float64, torch.float16):
        yield Variation(name=str(dtype), dims={}, dtype=dtype)
    yield Variation(name="grad", dims={}, grad=True)
    yield Variation(name="call 3", dims={}, calls=3)
    yield Variation(name="seed 1", dims={}, seed=1)
    yield Variation(name="meta", dims={}, device="meta")


def call(model: Callable[..., Any], loaded: Loaded, variation: Variation) -> Any:
    """The output, or the exception that was raised."""

    def vary(tensor: torch.Tensor) -> torch.Tensor:
        cast = variation.dtype if tensor.is_floating_point() else None
        return variation.change(tensor.to(device=variation.device, dtype=cast))

    args, _ = loaded.inputs(variation.dims, seed=variation.seed)
    args = tuple(vary(arg) if isinstance(arg, torch.Tensor) else arg for arg in args)
    try:
        with torch.set_grad_enabled(variation.grad):
            for _ in range(variation.calls):
                seed_all(variation.seed)
                output = model(*copy.deepcopy(args))
    except Exception as exc:
        return exc
    return output


def difference(expected: Any, actual: Any) -> float:
    """0 for the same bits, the largest relative |Δ| for values that differ, infinite for anything else. Two errors are the same."""
    if isinstance(expected, Exception) or isinstance(actual, Exception):
        return 0.0 if isinstance(expected, Exception) and isinstance(actual, Exception) else torch.inf
    if isinstance(expected, torch.Tensor):
        return tensor_difference(expected, actual) if isinstance(actual, torch.Tensor) else torch.inf
    if getattr(expected, "_fields", None) != getattr(actual, "_fields", None) or len(expected) != len(actual):
        return torch.inf
    same_kind = isinstance(expected, tuple) == isinstance(actual, tuple)
    return max(map(difference, expected, actual)) if same_kind else torch.inf


def tensor_difference(expected: torch.Tensor, actual: torch.Tensor) -> float:
    kind = ("shape", "dtype", "device")
    if any(getattr(expected, name) != getattr(actual, name) for name in kind):
        return torch.inf
    if expected.device.type == "meta" or torch.allclose(expected, actual, rtol=0, atol=0, equal_nan=True):
        return 0.0
    if not torch.equal(expected.isnan(), actual.isnan()):
        return torch.inf
    delta, scale = (actual.double() - expected.double()).detach(), expected.double().detach()
    return float(delta.abs().nan_to_num(posinf=0).max() / scale.abs().nan_to_num(posinf=0).max())


def artefact(loaded: Loaded, mode: str, folder: Path) -> Path | Exception:
    """The saved export, or the error that exporting raised."""
    args, _ = loaded.inputs()
    path = folder / "artefact.pt"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            MODES[mode](loaded.build(), args).save(path)
        except Exception as exc:
            return exc
    return path


def differences(loaded: Loaded, mode: str, folder: Path) -> dict[str, float]:
    """{variation: difference} between eager and the export, over all variations.

    One eager model and one export meet the same calls in the same order, so that their states should keep in step. Only a dtype
    and a device get a pair of their own.
    """
    path = artefact(loaded, mode, folder)
    if isinstance(path, Exception):
        return {"export": torch.inf}
    shared = loaded.build().eval(), torch.jit.load(path).eval()
    found = {}
    for variation in variations(loaded):
        if variation.dtype is not None and mode.endswith("freeze"):
            continue  # a frozen module has no parameters left to cast
        if variation.device == "meta":
            delta = device_difference(loaded, path, variation)
        else:
            eager, exported = shared if variation.dtype is None else cast_pair(loaded, path, variation.dtype)
            delta = difference(call(eager, loaded, variation), call(exported, loaded, variation))
        found[variation.name] = delta
    return found


def cast_pair(loaded: Loaded, path: Path, dtype: torch.dtype) -> tuple[torch.nn.Module, torch.nn.Module]:
    return loaded.build().eval().to(dtype), torch.jit.load(path).eval().to(dtype)


def device_difference(loaded: Loaded, path: Path, variation: Variation) -> float:
    """Infinite where eager runs on meta and the export says that a tensor is on the wrong device.

    Other errors there are the probe's own: `.item()` and operators without a meta kernel.
    """
    try:
        actual = call(torch.jit.load(path, map_location=variation.device), loaded, variation)
    except NotImplementedError:  # a constant that is compared while loading
        return 0.0
    expected = call(loaded.build().to(variation.device), loaded, variation)
    wrong_device = isinstance(actual, Exception) and "is not on the expected device" in str(actual)
    return torch.inf if wrong_device and not isinstance(expected, Exception) else 0.0


@pytest.mark.parametrize(("name", "mode", "cause"), PROMISES, ids=lambda value: str(value))
def test_a_model_does_what_it_promises(name: str, mode: str, cause: str | None, tmp_path: Path) -> None:
    """A mode with a cause differs from eager somewhere; a mode without differs nowhere, to the bit where nothing is folded."""
    if cause == "process_crash":
        pytest.skip("has a test of its own: it would end this process")
    found = differences(load(GALLERY[name], tmp_path), mode, tmp_path)
    allowed = FREEZE_NOISE if mode.endswith("freeze") else 0.0
    different = {variation: delta for variation, delta in found.items() if delta > allowed}
    assert bool(different) == (cause is not None), found


def test_the_scripted_remainder_kills_its_process(tmp_path: Path) -> None:
    """SIGFPE at width 1, where eager raises."""
    loaded = load(GALLERY["pad_to_patch"], tmp_path)
    path = artefact(loaded, "script", tmp_path)
    code = f"import torch; torch.jit.load({str(path)!r})(torch.ones(2, 6, 1))"
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, check=False)
    assert ended.returncode == -signal.SIGFPE
    with pytest.raises(ZeroDivisionError):
        loaded.build()(torch.ones(2, 6, 1))


def test_a_trace_that_bakes_a_device_fails_on_another_and_only_there(tmp_path: Path) -> None:
    """The meta device shows it without a GPU."""
    found = differences(load(GALLERY["time_embedding"], tmp_path), "trace", tmp_path)
    assert {variation for variation, delta in found.items() if delta} == {"meta"}


def test_folding_in_half_precision_loses_what_eager_keeps(tmp_path: Path) -> None:
    """The frozen net is at least twenty times further from float64 than eager is; its mended twin is not."""
    errors = {}
    for name in ("half_fold", "half_fold_mended"):
        loaded = load(GALLERY[name], tmp_path)
        path = artefact(loaded, "trace+freeze", tmp_path)
        assert isinstance(path, Path)
        args, _ = loaded.inputs()
        exact = loaded.build().double()(args[0].double())
        sides = (loaded.build()(*args), torch.jit.load(path)(*args))
        eager, frozen = ((side.double() - exact).square().mean().sqrt().item() for side in sides)
        errors[name] = frozen / eager
    assert errors["half_fold"] > 20
    assert errors["half_fold_mended"] < 3


@pytest.mark.parametrize("cause", sorted(set(CAUSES) - {"unknown"}))
def test_every_cause_has_a_model_and_its_mended_twin(cause: str) -> None:
    """A reader of any cause can open a model that shows it, and one that does not have it any more."""
    shown = [name for name in FAILING if cause in teaching.expected(GALLERY[name]).values()]
    assert shown
    assert all(f"{name}{teaching.MENDED}" in GALLERY for name in shown)


def test_mended_twins_promise_to_ship_in_every_mode_of_theirs() -> None:
    """And in at least those in which the other fails."""
    for name in FAILING:
        twin = teaching.expected(GALLERY[f"{name}{teaching.MENDED}"])
        assert not any(twin.values())
        assert set(twin) >= set(teaching.expected(GALLERY[name]))


def test_there_are_clean_models_too() -> None:
    """At least eight, so that a tool that always finds fault is found out."""
    assert len(CLEAN) >= 8


@pytest.mark.parametrize("name", GALLERY)
def test_the_text_of_a_model_is_fit_to_be_shown(name: str) -> None:
    """A first line that says what it shows, short lines, a name that TorchScript can save, nothing of tsdash."""
    source = GALLERY[name]
    first = models.description(source).partition("\n")[0]
    assert first.endswith(".")
    assert len(first) <= 120
    assert max(map(len, source.text.splitlines())) <= 130
    assert re.fullmatch(r"[a-z][a-z_]*", name)
    assert "tsdash" not in source.text.replace(models.description(source), "")


@pytest.mark.parametrize("name", FAILING)
def test_the_line_to_blame_is_in_the_file_once(name: str) -> None:
    """For every mode that fails there."""
    source = GALLERY[name]
    lines = [line.strip() for line in source.text.splitlines()]
    for number in teaching.blamed(source).values():
        assert lines.count(lines[number - 1]) == 1
    failing = {mode for mode, cause in teaching.expected(source).items() if cause}
    assert set(teaching.blamed(source)) <= failing
    assert teaching.blamed(source)
