"""Differential retracing: trace once more from the failing case, and every node that changed was decided while tracing."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from tsdash import plan, spec
from tsdash.diagnose import isolation
from tsdash.diagnose.answers import quiet
from tsdash.diagnose.evidence import evidence, values_groups
from tsdash.diagnose.laboratory import Laboratory, trace
from tsdash.diagnose.seen import contents
from tsdash.diagnose.subject import Finding, Strength
from tsdash.seeds import seed_all

MAX_NODES = 6000
RETRACE_S = 5.0
_PLUMBING = ("prim::Constant", "prim::GetAttr", "prim::ListConstruct", "prim::TupleConstruct", "prim::NumToTensor")
AFTER_LOGS = 10**9  # a graph names where a constant is used, a log where it was made: of two alike the log leads
_TRAINING = (
    "It was exported in the mode that the module was in, training or evaluation, and what it does here stays so."
)
_FRAME = re.compile(r"^(.+)\((\d+)\): ", re.MULTILINE)
_BY_AXIS = {
    "training": "training_mode",
    "dtype": "dtype_baked",
    "device": "device_baked",
    "layout": "baked_layout",
    "call": "python_state",
    "dims": "baked_shape",
    "values": "baked_constant",
    "seed": "baked_constant",
}


@dataclass(frozen=True, kw_only=True)
class Operator:
    """A node of a trace without its numbering: what is computed, with every constant that goes in."""

    kind: str
    constants: tuple[tuple[str, str], ...]  # argument name and value
    file: str | None
    line: int | None

    @property
    def key(self) -> tuple[Any, ...]:
        return self.kind, self.constants


@evidence("tracing again from the failing case", order=60)
def retraced(lab: Laboratory) -> Iterator[Finding]:
    """The first operators that differ between a trace of the base and one of the failing case, for each axis."""
    base: list[Operator] | None = None
    for axis, failures in values_groups(lab):
        if axis in lab.explained or not lab.in_time() or not _tells(lab, axis):
            continue
        base = base or _operators(lab, lab.base)
        other = _operators(lab, failures[0].case)
        if not base or not other:
            continue
        for before, after in _changed(base, other):
            finding = _finding(lab, axis, failures[0].case, before, after)
            if finding is not None:
                yield finding
                break


def _tells(lab: Laboratory, axis: str) -> bool:
    """Whether a trace shows what the export did: torch.export captures the mode of the module as a trace does, and no more."""
    return lab.tracing or (lab.subject.mode, axis) == ("export", "training")


def _finding(
    lab: Laboratory, axis: str, case: spec.Case, before: list[Operator], after: list[Operator]
) -> Finding | None:
    placed = next((operator for operator in (*before, *after) if operator.line is not None), None)
    if placed is None and axis not in ("dtype", "device", "training"):
        return None
    constants = {
        name
        for one, two in zip(before, after, strict=False)
        if one.kind == two.kind
        for name in {n for n, _ in set(one.constants) ^ set(two.constants)}
    }
    same_kinds = [one.kind for one in before] == [two.kind for two in after]
    if same_kinds and constants <= {"training", "train", "use_input_stats", "cudnn_enabled"} and constants:
        cause = "training_mode"
    elif axis in ("values", "dims", "seed", "base", "grad") and not same_kinds:
        cause = "baked_control_flow"
    else:
        cause = _BY_AXIS.get(axis, "baked_control_flow")
    shown = (_shown(before), _shown(after))
    return Finding(
        cause=cause,
        strength=Strength.GRAPH,
        axis=axis,
        file=placed.file if placed else None,
        line=placed.line if placed else None,
        message=_TRAINING
        if cause == "training_mode"
        else "Exporting from the failing inputs gives another graph here.",
        order=AFTER_LOGS,
        evidence=(
            f"Traced from the example inputs: {shown[0]}; traced from {plan.describe(case, lab.base)}: {shown[1]}.",
        ),
    )


def _shown(operators: list[Operator]) -> str:
    if not operators:
        return "nothing"
    first = operators[0]
    constants = ", ".join(f"{name}={value[:40]}" for name, value in first.constants[:6])
    return f"{first.kind.removeprefix('aten::')}({constants})" + (
        f" and {len(operators) - 1} more" if len(operators) > 1 else ""
    )


def _changed(one: list[Operator], other: list[Operator]) -> Iterator[tuple[list[Operator], list[Operator]]]:
    matcher = difflib.SequenceMatcher(
        None, [operator.key for operator in one], [operator.key for operator in other], autojunk=False
    )
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "equal":
            yield one[a:b], other[c:d]


def _operators(lab: Laboratory, case: spec.Case) -> list[Operator]:
    """The operators of a trace made at the case, in order; empty where it cannot be traced.

    Traced in a child: where an operator raises and the model catches it, the tracer's own state is broken.
    """
    return list(isolation.apart(lambda tell: _trace(lab, case, tell), RETRACE_S).items)


def _trace(lab: Laboratory, case: spec.Case, tell: isolation.Tell) -> None:
    model = lab.model(case)
    args, kwargs = lab.inputs(case)
    with quiet(), torch.set_grad_enabled(case.grad):
        seed_all(case.seed)
        for _ in range(case.call - 1):
            model(*args, **kwargs)
        graph = trace(model, args, kwargs).inlined_graph
    nodes = (node for node in graph.nodes() if node.kind() not in _PLUMBING)
    for node in itertools.islice(nodes, MAX_NODES):
        tell(_operator(lab, node))


def _operator(lab: Laboratory, node: Any) -> Operator:
    file, line = next(
        (
            (lab.name(path), int(number))
            for path, number in _FRAME.findall(node.sourceRange())
            if lab.name(path) is not None
        ),
        (None, None),
    )
    names = (
        re.findall(r"(\w+)(?:=[^,)]*)?(?=[,)])", node.schema().partition("->")[0])
        if node.schema() != "(no schema)"
        else []
    )
    constants = []
    for index, source in enumerate(node.inputs()):
        value = _constant(source)
        if value is not None:
            constants.append((names[index] if index < len(names) else str(index), value))
    return Operator(kind=node.kind(), constants=tuple(constants), file=file, line=line)


def _constant(source: Any) -> str | None:
    """A constant input as text, tensors by their bytes and lists item by item; None for what is computed."""
    node = source.node()
    if node.kind() == "prim::Constant":
        value = source.toIValue()
        return str(contents(value)) if isinstance(value, torch.Tensor) else repr(value)
    if node.kind() == "prim::ListConstruct":
        items = [_constant(item) for item in node.inputs()]
        return "[" + ", ".join(item or "_" for item in items) + "]"
    return None
