"""The range constraints of torch.export, in the dims of a model file."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from tsdash import inputs
from tsdash.spec import SizeRange


def allowed(
    exported: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    dynamic: Mapping[str, Mapping[int, str]],
    dims: Mapping[str, int],
) -> tuple[SizeRange, ...]:
    """The sizes that torch.export allows for each dim that is itself the size of an axis of the inputs, all its axes together."""
    import torch
    from torch.utils import _pytree

    if not isinstance(exported, torch.export.ExportedProgram):
        return ()
    names = {id(tensor): path for path, tensor in inputs.paths(args, kwargs).items()}
    nodes = {node.name: node for node in exported.graph.nodes if node.op == "placeholder"}
    found: dict[str, tuple[int, int | None]] = {}
    for leaf, name in zip(_pytree.tree_leaves((args, kwargs)), exported.graph_signature.user_inputs, strict=False):
        for axis, dim in dynamic.get(names.get(id(leaf), ""), {}).items():
            if leaf.shape[axis] != dims.get(dim) or name not in nodes:
                continue
            size = nodes[str(name)].meta["val"].shape[axis]
            limits = (size, size) if isinstance(size, int) else _limits(exported.range_constraints.get(size.node.expr))
            if limits is not None:
                low, high = found.get(dim, (0, None))
                ends = [end for end in (high, limits[1]) if end is not None]
                found[dim] = max(low, limits[0]), min(ends, default=None)
    return tuple(SizeRange(dim=dim, low=low, high=high) for dim, (low, high) in found.items())


def _limits(constraint: Any) -> tuple[int, int | None] | None:
    """The whole numbers of a range constraint; None where it is not one of a single symbol."""
    if constraint is None:
        return None
    low, high = (int(end) if end.is_Integer else None for end in (constraint.lower, constraint.upper))
    return low or 0, None if high is not None and high >= sys.maxsize - 1 else high
