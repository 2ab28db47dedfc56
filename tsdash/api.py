"""The same path from Python: `tsdash.check(model, inputs)` in a script, a notebook or a test."""

from __future__ import annotations

import atexit
import dataclasses
import functools
import hashlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tsdash import inputs as sweep_inputs
from tsdash import models, plan, verdicts
from tsdash.engine.core import Engine
from tsdash.errors import ModelError, OptionError, unknown
from tsdash.exporters import EXPORTERS
from tsdash.models import given
from tsdash.progress import carry_out
from tsdash.result import Result
from tsdash.spec import EFFORTS, Limits, ModelSource, RunSpec, Sweep, to_json
from tsdash.store import Store

DEFAULT_MODES = ("trace", "script")


def check(
    model: Any,
    inputs: Any = None,
    *,
    kwargs: Any = None,
    axes: Mapping[str, int] | None = None,
    modes: Sequence[str] = DEFAULT_MODES,
    effort: str = "standard",
    latency: bool = False,
    latency_budget: float | None = None,
    seed: int = 0,
    case_timeout: float = Limits().case_s,
    memory_limit: int = Limits().memory_mib,
    progress: bool | None = None,
    **sweep: Any,
) -> Result:
    """Export a model in every mode, compare each export with eager over a sweep of inputs, and judge.

    model: a torch.nn.Module, a function that makes one, or a name as on the command line.
    inputs: a tensor, a tuple of forward's arguments, or a function that makes them. The function's integer defaults are sizes
        that may be varied: `def inputs(batch=2, seq=8): …`.
    kwargs: forward's keyword arguments, a dict or a function.
    axes: of given tensors, the axes that may change, such as {"batch": 0, "seq": 1}. Unless said, the first axis is `batch`
        where all tensors have the same length along it.
    sweep: what to vary, as on the command line: dims={"batch": (1, 2, 4)}, values=("negative",), dtypes, devices, layouts,
        training, grad, calls, seeds, product. Without any, tsdash plans the sweep itself, as `effort` says.
    progress: whether to show progress on standard error; unless said, on a terminal.

    The model stays as it is: workers get a copy. Raises OptionError for a choice that does not exist, ModelError for a model
    that cannot be taken along or loaded, or that does not take the inputs itself.
    """
    source, parcel = _source(model, inputs, kwargs, axes)
    checked = _checked_modes(modes)
    if effort not in EFFORTS:
        raise unknown("effort", effort, EFFORTS)
    dims = models.default_dims(source)
    wanted = _sweep(sweep)
    if wanted == Sweep(product=wanted.product):
        wanted = dataclasses.replace(plan.own_plan(dims, effort), product=wanted.product)
    spec = RunSpec(
        model=source,
        modes=checked,
        cases=plan.cases(wanted, dims, seed),
        limits=Limits(case_s=case_timeout, memory_mib=memory_limit),
        latency=latency or latency_budget is not None,
        latency_s=latency_budget,
        search_s=plan.SEARCH_S[effort],
        seed=seed,
    )
    shown = sys.stderr.isatty() if progress is None else progress
    facts = {**to_json(wanted), "effort": effort, "seed": seed}
    engine = _engine()
    record = carry_out(engine, spec, facts, parcel=parcel, shown=shown)
    if record.failure is not None:
        raise ModelError(record.failure.message, file=record.failure.file, line=record.failure.line)
    if record.state != "done":
        raise OptionError(f"The run was {record.state}; what it found until then is kept as run {record.id}.")
    if refusal := verdicts.refusal(record):
        raise ModelError(refusal)
    return Result(record=record, store=engine.store)


@functools.cache
def _engine() -> Engine:
    """One engine for all checks of this process: starting one takes seconds."""
    engine = Engine(Store())
    atexit.register(engine.close)
    return engine


def _source(model: Any, inputs: Any, kwargs: Any, axes: Mapping[str, int] | None) -> tuple[ModelSource, bytes | None]:
    """The model file, and what it needs beside itself where the model was not named."""
    if isinstance(model, str):
        if inputs is not None or kwargs is not None or axes is not None:
            raise OptionError(
                f"{model!r} is a model's name, and its file makes its own inputs. Leave inputs, kwargs and axes out."
            )
        return models.find(model), None
    if inputs is None and not kwargs:
        raise OptionError(
            "There are no inputs. Give a tensor, a tuple of forward's arguments, or a function that makes them."
        )
    parcel = given.pack(model, () if inputs is None else inputs, kwargs, axes)
    digest = hashlib.sha256(parcel.content).hexdigest()
    return dataclasses.replace(parcel.source, given=digest), parcel.content


def _checked_modes(modes: Sequence[str]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys([modes] if isinstance(modes, str) else modes))
    for mode in names:
        if mode not in EXPORTERS:
            raise unknown("mode", mode, EXPORTERS)
    if not names:
        raise OptionError(f"modes is empty. Allowed: {', '.join(EXPORTERS)}.")
    return names


def _sweep(options: Mapping[str, Any]) -> Sweep:
    """The axes that the user named."""
    fields = {field.name for field in dataclasses.fields(Sweep)}
    for name in options:
        if name not in fields:
            raise unknown("option", name, sorted(fields))
    several = {
        name: (value,) if isinstance(value, (str, int)) else tuple(value)
        for name, value in options.items()
        if name not in ("dims", "product")
    }
    dims = {name: _sizes(sizes) for name, sizes in (options.get("dims") or {}).items()}
    sweep = Sweep(dims=dims, product=bool(options.get("product", False)), **several)
    sweep_inputs.check_names(values=sweep.values, dtypes=sweep.dtypes, devices=sweep.devices, layouts=sweep.layouts)
    return sweep


def _sizes(sizes: Any) -> tuple[int, ...]:
    return (sizes,) if isinstance(sizes, int) else plan.parse_sizes(sizes) if isinstance(sizes, str) else tuple(sizes)
