"""How far eager itself moves when something changes that should not matter: the noise floor of a case, measured.

Three things are tried: another number of threads, one row of a batch alone, and every float of the inputs moved by one ULP
to a random side. What a model then does otherwise no export can be blamed for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from tsdash import inputs, tree
from tsdash.calling import copy_tensor
from tsdash.compare import compare
from tsdash.facts import Noise

MOST_OUTPUTS = 16
ROWS_APART = 2.0**12  # times the rounding of the dtype: rows that differ by more are not independent of each other
_INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}  # of the size of a float

Call = Callable[[tuple[Any, ...], dict[str, Any]], Any]  # inputs → output, under one seed


def measure(
    call: Call,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    expected: Sequence[torch.Tensor],
    paths: dict[str, int],
    batched: frozenset[str],
) -> tuple[Noise, ...]:
    """The noise of each float output. `expected` are eager's leaves, `paths` says which leaf is where, and `batched` names
    the inputs whose first axis is the batch; empty where there is none, or rows are not drawn alone."""
    outputs = {path: leaf for path, leaf in list(paths.items())[:MOST_OUTPUTS] if _has_noise(expected[leaf])}
    if not outputs:
        return ()
    other = 2 if torch.get_num_threads() == 1 else 1
    with _threads(other):
        moved = tree.flatten(call(args, kwargs))[1]
    words = f"computed by {other} thread{'s' if other > 1 else ''} instead of {torch.get_num_threads()}"
    found = _compared("threads", words, moved, expected, outputs)
    found += _row_alone(call, args, kwargs, expected=expected, outputs=outputs, batched=batched)
    floats = [tensor for tensor in inputs.paths(args, kwargs).values() if _can_move(tensor)]
    if floats:
        generator = torch.Generator().manual_seed(0)
        moved = tree.flatten(call(*inputs.nest(lambda tensor: jittered(tensor, generator), (args, kwargs))))[1]
        found += _compared("jitter", "given inputs moved by 1 ULP", moved, expected, outputs)
    return tuple(found)


def jittered(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A copy in which every finite float other than 0 is the next one above or below, by chance."""
    if not _can_move(tensor):
        return tensor
    moved = copy_tensor(tensor.detach())
    if any(step == 0 and size > 1 for size, step in zip(moved.shape, moved.stride(), strict=True)):
        moved = moved.contiguous()  # an expanded tensor has one place for several elements
    whole = moved.view(_INTEGERS[moved.element_size()])
    step = torch.randint(0, 2, moved.shape, generator=generator, dtype=whole.dtype) * 2 - 1
    top = torch.finfo(moved.dtype).max
    still = ~torch.isfinite(moved) | (moved == 0) | (moved.abs() >= top)
    whole.add_(step.masked_fill(still, 0))
    return moved.requires_grad_(tensor.requires_grad)


def _can_move(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() and tensor.element_size() in _INTEGERS and tensor.layout == torch.strided


def _has_noise(tensor: torch.Tensor) -> bool:
    return (tensor.is_floating_point() or tensor.is_complex()) and tensor.numel() > 0


def _row_alone(
    call: Call,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    expected: Sequence[torch.Tensor],
    outputs: dict[str, int],
    batched: frozenset[str],
) -> list[Noise]:
    """The first row of the batch by itself; nothing where rows turn out to depend on each other."""
    rows = {tensor.shape[0] for path, tensor in inputs.paths(args, kwargs).items() if path in batched}
    if len(rows) != 1 or min(rows) < 2:
        return []
    ids = {id(tensor) for path, tensor in inputs.paths(args, kwargs).items() if path in batched}
    alone = inputs.nest(lambda tensor: tensor[:1] if id(tensor) in ids else tensor, (args, kwargs))
    try:
        moved = tree.flatten(call(*alone))[1]
    except Exception:  # the user's code decides what it raises, and whether it takes a single row
        return []
    (size,) = rows
    own = {path: leaf for path, leaf in outputs.items() if expected[leaf].ndim and expected[leaf].shape[0] == size}
    first = {leaf: expected[leaf][:1] for leaf in own.values()}
    found = _compared("row", "given one row of the batch alone", moved, first, own)
    scale = max((float(tensor.abs().max()) for tensor in first.values()), default=0.0)
    eps = max((torch.finfo(tensor.dtype).eps for tensor in first.values()), default=0.0)
    return found if all(noise.max_abs <= ROWS_APART * eps * scale for noise in found) else []


def _compared(
    kind: str,
    words: str,
    moved: Sequence[torch.Tensor],
    expected: Sequence[torch.Tensor] | dict[int, torch.Tensor],
    outputs: dict[str, int],
) -> list[Noise]:
    found = []
    for path, leaf in outputs.items():
        if (
            leaf < len(moved)
            and moved[leaf].shape == expected[leaf].shape
            and moved[leaf].dtype == expected[leaf].dtype
        ):
            facts = compare(moved[leaf], expected[leaf], path=path)
            noise = Noise(
                kind=kind,
                words=words,
                path=path,
                elements=facts.elements,
                max_abs=facts.max_abs,
                histogram=facts.histogram,
            )
            found.append(noise)
    return found


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
