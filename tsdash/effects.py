"""What a call does beside what it returns: inputs that it writes to, memory that its outputs share, how they lie in memory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from tsdash import formats, inputs, tree
from tsdash.calling import Called, observe, same_bits
from tsdash.compare import compare
from tsdash.contract import LEFT_ALONE, OWN_MEMORY, WRITTEN_TO
from tsdash.facts import ContractChange
from tsdash.judge import within_noise
from tsdash.nodes import Node
from tsdash.spec import Case

MOST_TENSORS = 256  # outputs times inputs that are looked at for shared memory, squared


@dataclass(frozen=True, kw_only=True)
class Effects:
    """One call as its caller sees it afterwards. The tensors themselves are the leaves of `read`, in this order."""

    structure: Node  # of the output
    strides: dict[str, tuple[int, ...]]  # by path, dims of one index left out: their stride means nothing
    shared: tuple[str, ...]  # "output[0] and args[0]"
    changed: tuple[str, ...]  # inputs with other values than before; these follow the outputs among the leaves


Seen = tuple[Effects, list[torch.Tensor]]  # a call and its leaves


def read(called: Called, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Seen:
    """The effects of a call that was given copies of these inputs, and its leaves: outputs first, then changed inputs.

    Raises NotATree as `tree.flatten` does.
    """
    structure, leaves = tree.flatten(called.output)
    before, after = inputs.paths(args, kwargs), inputs.paths(called.args, called.kwargs)
    outputs = {path: leaves[leaf] for path, leaf in tree.leaves(structure)}
    changed = [path for path, tensor in after.items() if path in before and _differs(before[path], tensor)]
    effects = Effects(
        structure=structure,
        strides={path: _strides(tensor) for path, tensor in outputs.items() if _lies_in_memory(tensor)},
        shared=tuple(_shared(outputs, after)),
        changed=tuple(changed),
    )
    return effects, [*leaves, *(after[path].detach() for path in changed)]


def answer(called: Called, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[torch.Tensor]:
    """All that a caller sees of a call in one list, equal for two calls that differ in nothing that counts: the outputs, what
    became of the inputs, and a row of letters for the pairs that share memory."""
    seen, leaves = read(called, args, kwargs)
    return [*leaves, torch.tensor(list("; ".join((*seen.changed, *sorted(seen.shared))).encode()))]


def changes(actual: Seen, expected: Seen) -> tuple[ContractChange, ...]:
    """Everything in which the two calls differ, values and structure of the outputs aside; and inputs that both write to."""
    return (*_changes(actual[0], expected[0]), *_other_values(actual, expected))


def _other_values(actual: Seen, expected: Seen) -> Iterator[ContractChange]:
    """Inputs that both calls have written to: otherwise, where it is more than rounding, or alike."""
    sides = [
        dict(zip(seen.changed, leaves[len(leaves) - len(seen.changed) :], strict=True))
        for seen, leaves in (actual, expected)
    ]
    for path in (path for path in sides[0] if path in sides[1]):
        tensor, other = sides[0][path], sides[1][path]
        if other.shape != tensor.shape:
            yield ContractChange(what="input", path=path, expected=WRITTEN_TO, actual="given another shape")
        elif not within_noise(facts := compare(tensor, other, path=path)):
            off = f"written to otherwise (max |Δ| {formats.delta(facts.max_abs)})"
            yield ContractChange(what="input", path=path, expected=WRITTEN_TO, actual=off)
        else:
            yield ContractChange(what="alike", path=path, expected=WRITTEN_TO, actual=WRITTEN_TO)


def saved(
    exported: Any, load: Callable[[], Any], given: tuple[tuple[Any, ...], dict[str, Any]], case: Case
) -> ContractChange | None:
    """How an export answers in memory and once it is loaded, where that differs by more than rounding."""
    sides: list[tuple[str, list[torch.Tensor]]] = []
    makes: tuple[Callable[[], Any], ...] = (functools.partial(_in_memory, exported), load)
    for get in makes:
        try:
            leaves = tree.flatten(observe(get(), *given, case).output)[1]
            sides.append(("an answer", leaves))
        except Exception as error:  # an export raises what it likes
            sides.append((f"{type(error).__name__} raised", []))
    (before, expected), (after, actual) = sides
    pairs = list(zip(actual, expected, strict=False))
    if before == after == "an answer" and len(actual) == len(expected):
        if all(a.shape == e.shape and within_noise(compare(a, e, path="")) for a, e in pairs if _lies_in_memory(e)):
            return None
        after = "another one"
    return (
        None if before == after else ContractChange(what="saved", path="the base case", expected=before, actual=after)
    )


def _in_memory(exported: Any) -> Any:
    return exported.module() if isinstance(exported, torch.export.ExportedProgram) else exported


def _changes(actual: Effects, expected: Effects) -> Iterator[ContractChange]:
    for path in sorted({*actual.changed} ^ {*expected.changed}):
        words = (LEFT_ALONE, WRITTEN_TO) if path in actual.changed else (WRITTEN_TO, LEFT_ALONE)
        yield ContractChange(what="input", path=path, expected=words[0], actual=words[1])
    for pair in sorted({*actual.shared} ^ {*expected.shared}):
        path, _, other = pair.partition(" and ")
        words = (OWN_MEMORY, f"the memory of {other}")
        words = words if pair in actual.shared else words[::-1]
        yield ContractChange(what="memory", path=path, expected=words[0], actual=words[1])
    for path, strides in expected.strides.items():
        other_strides = actual.strides.get(path, strides)
        if other_strides != strides and len(other_strides) == len(strides):
            yield ContractChange(what="strides", path=path, expected=str(strides), actual=str(other_strides))


def _lies_in_memory(tensor: torch.Tensor) -> bool:
    return tensor.layout == torch.strided and tensor.device.type != "meta" and tensor.numel() > 0


def _differs(before: torch.Tensor, after: torch.Tensor) -> bool:
    if not (_lies_in_memory(before) and _lies_in_memory(after)) or before.is_quantized:
        return False
    return not same_bits([before], [after])


def _strides(tensor: torch.Tensor) -> tuple[int, ...]:
    return tuple(step for size, step in zip(tensor.shape, tensor.stride(), strict=True) if size > 1)


def _shared(outputs: dict[str, torch.Tensor], given: dict[str, torch.Tensor]) -> Iterator[str]:
    """Pairs of an output and an input, or of two outputs, that lie in the same bytes."""
    reach = {path: span for path, tensor in given.items() if (span := _bytes(tensor)) is not None}
    for path, tensor in list(outputs.items())[:MOST_TENSORS]:
        own = _bytes(tensor)
        if own is None:
            continue
        for other, span in list(reach.items())[-MOST_TENSORS:]:
            if own[0] == span[0] and own[1] < span[2] and span[1] < own[2]:
                yield f"{path} and {other}"
        reach[path] = own


def _bytes(tensor: torch.Tensor) -> tuple[int, int, int] | None:
    """The storage of a tensor and the first byte in it and the one after the last; None where it has none."""
    if not _lies_in_memory(tensor):
        return None
    span = 1 + sum((int(size) - 1) * int(step) for size, step in zip(tensor.shape, tensor.stride(), strict=True))
    first = int(tensor.storage_offset()) * tensor.element_size()
    return tensor.untyped_storage().data_ptr(), first, first + span * tensor.element_size()
