"""A timed sweep of real sizes: the share of pure forwards, and several modes in one round-robin against one run each."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torchvision

from tsdash import timing
from tsdash.spec import CONTROL, EAGER, Case

CALLS = 50
SHAPES = 12


class _Counted:
    """A call that adds up the time spent in it."""

    total_s = 0.0

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call

    def __call__(self) -> object:
        began = time.perf_counter()
        output = self._call()
        _Counted.total_s += time.perf_counter() - began
        return output


def _encoder() -> torch.nn.Module:
    """Twelve layers, 768 wide: the size of BERT base."""
    layer = torch.nn.TransformerEncoderLayer(768, 12, 3072, batch_first=True)
    return torch.nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)


MODELS: dict[str, tuple[Callable[[], torch.nn.Module], Callable[[int], torch.Tensor]]] = {
    "ResNet-50": (
        lambda: torchvision.models.resnet50(weights=None),
        lambda i: torch.randn(1 + i % 2, 3, 64 + 16 * (i // 2), 64 + 16 * (i // 2)),
    ),
    "BERT-size encoder": (_encoder, lambda i: torch.randn(1 + i % 2, 8 * (1 + i // 2), 768)),
}


def _measured_s(arms: list[tuple[str, Callable[[], object]]], calls: int) -> tuple[float, float]:
    """Seconds of a measurement of exactly `calls` rounds, and of those the seconds in forwards."""
    _Counted.total_s = 0.0
    began = time.perf_counter()
    timing.measure(arms, case=Case(id="c1", dims={}), budget_s=0.001, min_samples=calls, max_samples=calls)
    return time.perf_counter() - began, _Counted.total_s


def _sweep(name: str, shapes: int, calls: int) -> list[dict[str, Any]]:
    build, make_inputs = MODELS[name]
    torch.manual_seed(0)
    eager, twin = build().eval(), build().eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        trace = torch.jit.trace(eager, make_inputs(0))
        modes = {"trace": trace, "script": torch.jit.script(eager), "trace+freeze": torch.jit.freeze(trace)}
        together_s = alone_s = forward_s = 0.0
        for i in range(shapes):
            x = make_inputs(i)
            fixed = [(EAGER, _Counted(lambda x=x: eager(x))), (CONTROL, _Counted(lambda x=x: twin(x)))]
            timed = [(mode, _Counted(lambda call=call, x=x: call(x))) for mode, call in modes.items()]
            wall, pure = _measured_s([*fixed, *timed], calls)
            together_s, forward_s = together_s + wall, forward_s + pure
            alone_s += sum(_measured_s([*fixed, arm], calls)[0] for arm in timed)
    k = len(modes)
    return [
        {
            "what": f"{name}, {shapes} shapes, {calls} calls: share of pure forwards",
            "figure": f"{100 * forward_s / together_s:.1f} %",
            "goal": "≥ 90 %",
        },
        {
            "what": f"{name}: {k} modes together ÷ one run each",
            "figure": f"{together_s:.1f} s ÷ {alone_s:.1f} s = {together_s / alone_s:.3f}",
            "goal": f"≤ {(k + 1) / (2 * k):.3f}",
        },
    ]


def main(shapes: int = SHAPES, calls: int = CALLS) -> list[dict[str, Any]]:
    """Both models; several minutes on two cores."""
    torch.set_num_threads(1)
    return [row for name in MODELS for row in _sweep(name, shapes, calls)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", type=int, default=SHAPES)
    parser.add_argument("--calls", type=int, default=CALLS)
    options = parser.parse_args(sys.argv[1:])
    for row in main(options.shapes, options.calls):
        print(f"{row['what']}: {row['figure']} (goal {row['goal']})")
