"""Benchmark 1: comparing two outputs, against other tools that compare, plain numpy, and the sum of both arrays.

All are called in turn, round after round, in random order, on one thread; times are of the processor, which is what the
clock would show on an idle machine, and a ratio is the median of the ratios within a round. float32, rows of 1,000 scores of about 1. "close": noise of 1e-6, which torch.testing.assert_close accepts;
"apart": noise of 1e-3, which it does not. Extra memory is the rise of the process's peak while one call runs, in a thread
that has no scratch yet.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import random
import statistics
import sys
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tsdash.compare import compare

SIZES = {10**4: 300, 10**6: 20, 10**7: 7}  # elements: rounds
LARGE = {10**8: 3}
NOISE = {"close": 1e-6, "apart": 1e-3, "bit-equal": 0.0}
OURS, SUM = "tsdash", "sum of both arrays"

# What tsdash may take at most, in times of what the other takes.
GOALS = {
    **{(10**7, kind, "polygraphy simple"): 1 / 20 for kind in ("close", "apart")},
    **{(10**7, kind, "assert_close"): 1 / 3 for kind in ("close", "apart")},
    **{(10**7, kind, SUM): 15.0 for kind in ("close", "apart")},
    **{(elements, kind, "assert_close"): 1.0 for elements in (10**4, 10**6) for kind in NOISE},
    (10**7, "bit-equal", SUM): 3.0,
}
MEMORY_GOAL = (10**7, "close", OURS)  # 1 byte an element

Outputs = tuple[torch.Tensor, torch.Tensor]


def outputs(elements: int, noise: float) -> Outputs:
    """An export's scores and eager's."""
    torch.manual_seed(0)
    expected = torch.randn(elements // 1000, 1000)
    return (expected + noise * torch.randn(expected.shape) if noise else expected.clone()), expected


def assert_close(actual: torch.Tensor, expected: torch.Tensor) -> None:
    with contextlib.suppress(AssertionError):
        torch.testing.assert_close(actual, expected)


def two_sums(actual: torch.Tensor, expected: torch.Tensor) -> None:
    actual.sum(), expected.sum()


def plain_numpy(actual: torch.Tensor, expected: torch.Tensor) -> dict[str, Any]:
    """The same facts, written down without a thought for speed or memory."""
    a, e = actual.numpy().astype(np.float64), expected.numpy().astype(np.float64)
    size = np.abs(a - e)
    steps = np.abs(actual.numpy().view(np.int32).astype(np.int64) - expected.numpy().view(np.int32))
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "nan": int((np.isnan(a) != np.isnan(e)).sum()),
            "inf": int((np.isinf(a) != np.isinf(e)).sum()),
            "max_abs": size.max(),
            "mean_abs": size.mean(),
            "l2": np.sqrt((size**2).sum()),
            "max_rel": np.nanmax(size / np.abs(e)),
            "cosine": (a * e).sum() / np.sqrt((a * a).sum() * (e * e).sum()),
            "max_ulp": steps.max(),
            "over_plain": int((size > 1e-5).sum()),
            "flips": int((a.argmax(axis=-1) != e.argmax(axis=-1)).sum()),
            "worst": np.argsort(size.reshape(-1))[-10:],
            "histogram": np.histogram(np.log10(size[size > 0]), bins=80, range=(-12, 4)) if size.any() else None,
        }


def polygraphy() -> Callable[[torch.Tensor, torch.Tensor], None] | None:
    """polygraphy's comparison by absolute and relative tolerance; None where it is not installed."""
    try:
        from polygraphy.comparator import CompareFunc, IterationResult
        from polygraphy.logger import G_LOGGER
    except ImportError:
        return None
    G_LOGGER.module_severity = G_LOGGER.CRITICAL
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        simple = CompareFunc.simple()

    def call(actual: torch.Tensor, expected: torch.Tensor) -> None:
        simple(IterationResult({"output": actual.numpy()}), IterationResult({"output": expected.numpy()}))

    return call


def contenders() -> dict[str, Callable[[torch.Tensor, torch.Tensor], Any] | None]:
    return {
        OURS: lambda actual, expected: compare(actual, expected, path="output"),
        "assert_close": assert_close,
        "polygraphy simple": polygraphy(),
        "plain numpy": plain_numpy,
        SUM: two_sums,
    }


def seconds(calls: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Each call's processor time in every round."""
    order = list(calls)
    found: dict[str, list[float]] = {name: [] for name in calls}
    for name in order:
        calls[name]()
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            began = time.process_time()
            calls[name]()
            found[name].append(time.process_time() - began)
    return found


def extra_bytes(call: Callable[[], Any]) -> int | None:
    """How far the process's peak memory rises above what it holds, while `call` runs in a new thread. Linux alone tells."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not reset.exists():
        return None
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # or memory that earlier calls freed would be used unseen
    reset.write_text("5")

    def held(name: str) -> int:
        return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith(name))

    before = held("VmRSS")
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    return max(0, held("VmHWM") - before)


def measure(elements: int, kind: str, rounds: int) -> list[dict[str, Any]]:
    """The rows of one size and one pair of outputs."""
    pair = outputs(elements, NOISE[kind])
    present = {name: functools.partial(call, *pair) for name, call in contenders().items() if call}
    extra = {name: extra_bytes(call) for name, call in present.items()} if elements >= 10**6 else {}
    found = seconds(present, rounds)
    label = f"{elements:.0e} {kind}".replace("e+0", "e")
    rows = [_ours(label, elements, found[OURS], extra.get(OURS), (elements, kind, OURS) == MEMORY_GOAL)]
    for name in contenders():
        if name not in found:
            rows.append({"what": f"{label}: tsdash ÷ {name}", "figure": "not installed", "goal": ""})
        elif name != OURS:
            ratio = statistics.median(ours / theirs for ours, theirs in zip(found[OURS], found[name], strict=True))
            rows.append(
                _against(label, name, elements, (found[OURS], found[name]), ratio, GOALS.get((elements, kind, name)))
            )
            rows[-1]["extra_bytes"] = extra.get(name)
    return rows


def _ours(label: str, elements: int, times_s: list[float], extra: int | None, has_goal: bool) -> dict[str, Any]:
    memory = "" if extra is None else f", {extra / elements:.2f} bytes an element beside the outputs"
    figure = f"{_each(times_s, elements)} an element{memory}"
    return {
        "what": f"{label}: tsdash",
        "figure": figure,
        "goal": "≤ 1 byte" if has_goal else "",
        "times_s": times_s,
        "extra_bytes": extra,
    }


def _against(
    label: str, name: str, elements: int, times_s: tuple[list[float], list[float]], ratio: float, goal: float | None
) -> dict[str, Any]:
    ours, theirs = (_each(times, elements) for times in times_s)
    figure = f"{ours} ÷ {theirs} = {ratio:.3g}"
    shown = "" if goal is None else f"≤ {goal:.2g}, {'met' if ratio <= goal else 'missed'}"
    return {"what": f"{label}: tsdash ÷ {name}", "figure": figure, "goal": shown, "ratio": ratio, "times_s": times_s[1]}


def _each(times_s: list[float], elements: int) -> str:
    return f"{1e9 * statistics.median(times_s) / elements:.3g} ns"


def main(large: bool = False) -> list[dict[str, Any]]:
    """About two minutes; with `large` also 1e8 elements, which takes 8 GB and ten minutes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        sizes = {**SIZES, **(LARGE if large else {})}
        return [row for elements, rounds in sizes.items() for kind in NOISE for row in measure(elements, kind, rounds)]
    finally:
        torch.set_num_threads(threads)


if __name__ == "__main__":
    for row in main(large="--large" in sys.argv):
        print(f"{row['what']}: {row['figure']} (goal {row['goal'] or 'none'})")
