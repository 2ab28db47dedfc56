"""What kind of thing was baked: told from what the expression reads, from whom it calls and from what the tracer knows.

The subject of a decision beats its form: a branch on a dtype is `dtype_baked`, one on a value or a size `baked_control_flow`.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from tsdash.diagnose.recorder import Log
from tsdash.diagnose.seen import SEQUENCE, TENSOR, TRACED
from tsdash.diagnose.sites import CHOICE, ITERATION, Site
from tsdash.diagnose.suspects import Suspect

if TYPE_CHECKING:
    from tsdash.diagnose.laboratory import Laboratory

# Names that tell what an expression reads, whatever it is read from.
_READS = {
    "training_mode": {"training", "is_training"},
    "dtype_baked": {
        "dtype",
        "finfo",
        "iinfo",
        "is_floating_point",
        "is_complex",
        "element_size",
        "itemsize",
        "nbytes",
        "get_default_dtype",
        "can_cast",
        "promote_types",
        "type",
        "result_type",
        "is_autocast_enabled",
        "is_autocast_cpu_enabled",
        "get_autocast_dtype",
        "get_autocast_cpu_dtype",
    },
    "device_baked": {"device", "is_cuda", "is_cpu", "is_meta", "is_mps", "is_xpu", "get_device", "is_available"},
    "baked_layout": {
        "stride",
        "is_contiguous",
        "storage_offset",
        "layout",
        "is_sparse",
        "is_strided",
        "data_ptr",
        "memory_format",
        "suggest_memory_format",
        "is_non_overlapping_and_dense",
    },
}
_TORCH_TYPES = {
    "dtype": "dtype_baked",
    "device": "device_baked",
    "layout": "baked_layout",
    "memory_format": "baked_layout",
}
_SIZE_READERS = {"len", "size", "shape", "numel", "nelement", "dim", "ndim", "ndimension"}
_VALUE_READERS = {"item", "tolist", "numpy"}
_DRAWING_MODULES = ("random", "numpy.random", "secrets", "uuid", "time", "datetime")
_BY_AXIS = {
    "training": "training_mode",
    "values": "baked_constant",
    "seed": "baked_constant",
    "dims": "baked_shape",
    "dtype": "dtype_baked",
    "device": "device_baked",
    "layout": "baked_layout",
    "grad": "baked_control_flow",
    "call": "python_state",
    "base": "baked_constant",
}


def cause_of(suspect: Suspect, axis: str, log: Log) -> str:
    """The cause that a proven or suspected site stands for."""
    subject = _subject(suspect, log)
    if subject is not None:
        return subject
    if axis == "call":
        return "python_state"  # inputs and seeds are the same: only what the model remembers can differ
    if axis == "base" and _beyond_64_bits(suspect):
        return "int_overflow"
    if suspect.site.kind == ITERATION:
        return "unrolled_loop"
    if suspect.decides:
        return "baked_control_flow"
    return _value(suspect, axis, log)


def _subject(suspect: Suspect, log: Log) -> str | None:
    """dtype, device, layout, training or randomness, where that is what differs."""
    own = _reads(suspect, log)
    if own is not None and not suspect.decides:
        return own
    subjects = [subject for part in suspect.parts if not part.decides and (subject := _reads(part, log)) is not None]
    return subjects[0] if subjects else None


def _reads(suspect: Suspect, log: Log) -> str | None:
    if suspect.decides:
        return None
    called = suspect.site.number if suspect.site.called is None else suspect.site.called
    if draws(log.callees.get(called)):
        return "rng"
    kinds = {leaf.key[0] for leaf in suspect.trigger.seen.leaves() if isinstance(leaf.key, tuple) and leaf.key}
    for kind, cause in _TORCH_TYPES.items():
        if kind in kinds:
            return cause
    name = _name_read(suspect.site.node)
    return next((cause for cause, names in _READS.items() if name in names), None)


def _name_read(node: ast.AST) -> str:
    """The attribute, method or function that an expression ends with: `x.stride(0)` → stride."""
    while isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def draws(function: Any) -> bool:
    """Whether a function draws random numbers, or reads the clock, outside torch."""
    owner = getattr(function, "__self__", None)
    modules = (getattr(function, "__module__", None), type(owner).__module__ if owner is not None else None)
    if any(module in _DRAWING_MODULES or str(module).startswith("numpy.random") for module in modules):
        return True
    name = getattr(function, "__qualname__", "")
    return getattr(owner, "__name__", "") in _DRAWING_MODULES or name in ("urandom", "SystemRandom.random")


def _value(suspect: Suspect, axis: str, log: Log) -> str:
    if suspect.site.kind == CHOICE:
        return "baked_shape" if _operands(suspect.site, log) != "data" else "baked_control_flow"
    base, trigger = suspect.base.seen, suspect.trigger.seen
    if base.kind == TENSOR:  # torch.tensor([x.size(0), x.size(1)]) is a constant of sizes
        return "baked_shape" if _operands(suspect.site, log) == "size" else "baked_constant"
    if (
        base.kind == SEQUENCE
        and trigger.kind == SEQUENCE
        and len(base.items) != len(trigger.items)
        and any(leaf.kind in (TRACED, TENSOR) for leaf in base.leaves())
    ):
        return "unrolled_loop"
    if _name_read(suspect.site.node) in _SIZE_READERS:
        return "baked_shape"
    operands = _operands(suspect.site, log)
    if operands is None and _name_read(suspect.site.node) in _VALUE_READERS:
        return "baked_constant"
    if operands is not None:
        return "baked_constant" if operands == "data" else "baked_shape"
    return _BY_AXIS.get(axis, "baked_constant")


def _beyond_64_bits(suspect: Suspect) -> bool:
    """Whether Python computed with integers that a tensor cannot hold: sizes and their arithmetic are tensors in a trace."""
    values = (suspect.base.value, suspect.trigger.value)
    return any(isinstance(value, (int, float)) and not -(2.0**63) < value < 2.0**63 for value in values)


def _operands(site: Site, log: Log) -> str | None:
    """What the tensors in an expression come from while tracing: "data" before "size"; None where there are none."""
    origins = {
        leaf.key
        for event in log.events
        if _descends(event.site, site, log)
        for leaf in event.seen.leaves()
        if leaf.kind == TRACED
    }
    return next((origin for origin in ("data", "size") if origin in origins), None)


def _descends(site: Site, ancestor: Site, log: Log) -> bool:
    sites = log.sites
    if ancestor.kind == CHOICE:  # made around the call of min or max, whose value has a site of its own
        return site.path == ancestor.path and _contains(ancestor.node, site.node)
    parent = site.parent
    while parent is not None:
        if parent == ancestor.number:
            return True
        parent = sites[parent].parent
    return False


def _contains(outer: ast.AST, inner: ast.AST) -> bool:
    """Whether an expression is a part of another, and not the whole of it."""
    return inner is not outer and any(
        ast.dump(part, include_attributes=True) == ast.dump(inner, include_attributes=True)
        for part in ast.walk(outer)
        if part is not outer
    )


def place(suspect: Suspect, cause: str, lab: Laboratory) -> tuple[str | None, int | None]:
    """The user's file and line to blame for a suspect: its own, the call that led into a library, or where state is written."""
    site = suspect.site
    if not site.own:
        caller = suspect.trigger.caller or suspect.base.caller
        return (lab.name(caller[0]), caller[1]) if caller else (None, None)
    if cause == "python_state":
        site = _written(suspect, lab) or site
    return lab.name(site.path), site.line


def _written(suspect: Suspect, lab: Laboratory) -> Site | None:
    """Where the attribute or global that a suspect reads is changed while forward runs; the suspect itself where it guards
    that change."""
    run = {(event.site.path, event.site.line) for event in lab.base_log.events}
    parts = [node for part in (suspect, *suspect.parts) for node in ast.walk(part.site.node)]
    names = dict.fromkeys(
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in parts
        if isinstance(node, (ast.Attribute, ast.Name))
    )
    for name in names:
        for site in lab.instrumentation.written(suspect.site.path, name):
            if (site.path, site.line) in run:
                return suspect.site if suspect.decides and guards(suspect.site, site, lab) else site
    return None


def guards(decision: Site, site: Site, lab: Laboratory) -> bool:
    """Whether `site` lies in a branch of the `if` at `decision`."""
    tree = lab.instrumentation.trees[decision.path]
    return any(
        isinstance(node, (ast.If, ast.While))
        and node.lineno == decision.line
        and node.lineno <= site.line <= (node.end_lineno or 0)
        for node in ast.walk(tree)
    )
