"""What the model remembers: attributes, buffers and globals that change from call to call, or that exporting changed."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch

from tsdash import plan, spec
from tsdash.diagnose import classify
from tsdash.diagnose.answers import Result, same_answer, same_to_the_bit
from tsdash.diagnose.evidence import evidence, values_groups
from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.seen import Seen, contents, look
from tsdash.diagnose.sites import Site
from tsdash.diagnose.statics import GENERATORS, copied
from tsdash.diagnose.subject import Finding, Strength

_MACHINERY = frozenset(vars(torch.nn.Module())) - {"training"}
MAX_TRIED = 8  # changed attributes that are put back one by one

Place = tuple[str, str]  # path of the module and name of its attribute; a global has the path "globals"


@evidence("state between calls", order=40)
def remembered(lab: Laboratory) -> Iterator[Finding]:
    """Put what a call changes back to what it was before: if the export's result appears, that state is what it lacks."""
    for axis, failures in values_groups(lab):
        later = [failure for failure in failures if failure.case.call > 1]
        for failure in later[-1:]:
            yield from _frozen(lab, axis, failure.case)


@evidence("state that exporting changed", order=41)
def advanced(lab: Laboratory) -> Iterator[Finding]:
    """Compare the export's saved state with a fresh model's, and give eager the export's."""
    path = lab.artefact
    if path is None or not (lab.tracing or lab.scripting):
        return
    exported = torch.jit.load(str(path)).state_dict()  # type: ignore[no-untyped-call]
    fresh = lab.model().state_dict()
    changed = [
        name for name, tensor in fresh.items() if name in exported and contents(tensor) != contents(exported[name])
    ]
    for axis, failures in values_groups(lab) if changed else ():
        case = failures[0].case
        actual, expected = lab.exported(case), lab.eager(case)
        if actual is None or same_to_the_bit(actual, expected):
            continue
        alike = same_to_the_bit if same_answer(actual, expected) else same_answer  # a weight rounded once more
        model = lab.model(case)
        model.load_state_dict({**model.state_dict(), **{name: exported[name] for name in changed}})
        if alike(lab.run(model, case), actual):
            yield _advanced(lab, axis, case, changed, fresh, exported)
        return


def _advanced(
    lab: Laboratory,
    axis: str,
    case: spec.Case,
    changed: list[str],
    fresh: Mapping[str, Any],
    exported: Mapping[str, Any],
) -> Finding:
    name = changed[0]
    site = _writer(lab, case, name)
    return Finding(
        cause="export_side_effect",
        strength=Strength.PROVED,
        axis=axis,
        file=lab.name(site.path) if site else None,
        line=site.line if site else None,
        message=f"Exporting ran forward, which changed `{name}`: the export starts from another state than the model.",
        evidence=(
            f"`{name}` is {_short(fresh[name])} in a fresh model and {_short(exported[name])} in the export.",
            "Proved: eager that starts from the export's state returns exactly what the export returns.",
        ),
    )


def _frozen(lab: Laboratory, axis: str, case: spec.Case) -> Iterator[Finding]:
    actual, expected = lab.exported(case), lab.eager(case)
    if actual is None or same_answer(actual, expected):
        return
    model = lab.model(case)
    before, kept = _snapshot(model), _kept(model)
    first = replace(case, call=1)
    lab.run(model, first)
    changed = [place for place, seen in _snapshot(model).items() if before.get(place) != seen]
    names = sorted(lab.changed_globals())
    carried = _carried(lab, case)
    attributes = [
        place
        for place in changed
        if ".".join(filter(None, place)) not in carried and not isinstance(kept[place], GENERATORS)
    ]
    tries: list[tuple[list[Place], list[str]]] = [([place], []) for place in attributes[:MAX_TRIED]] + [
        ([], [name]) for name in names[:MAX_TRIED]
    ]
    tries.append((attributes, names))
    for places, globals_ in tries:
        if (places or globals_) and lab.in_time() and same_answer(_put_back(lab, case, places, globals_, kept), actual):
            yield _state(lab, axis, case, [name for _, name in places] + globals_, _inner(model, places, kept))
            return


def _put_back(
    lab: Laboratory, case: spec.Case, places: list[Place], names: list[str], kept: Mapping[Place, Any]
) -> Result:
    """Eager's last call with some attributes and globals as they were before the first one."""
    model = lab.model(case)
    if case.call > 1:
        lab.run(model, replace(case, call=case.call - 1))
    modules = dict(model.named_modules())
    for path, name in places:
        value = copied(kept[path, name])
        if name in modules[path]._buffers:
            modules[path]._buffers[name] = value
        else:
            modules[path].__dict__[name] = value
    lab.restore_globals(names)
    return lab.run(model, replace(case, call=1), seed=False)


def _inner(model: torch.nn.Module, places: list[Place], kept: Mapping[Place, Any]) -> list[str]:
    """Names of the attributes that changed inside the objects at `places`: `t` of the scheduler that a model holds."""
    modules = dict(model.named_modules())
    names = []
    for path, name in places:
        now, before = (getattr(item, "__dict__", {}) for item in (vars(modules[path]).get(name), kept[path, name]))
        names += [inner for inner, value in now.items() if inner not in before or _look(value) != _look(before[inner])]
    return names


def _state(lab: Laboratory, axis: str, case: spec.Case, changed: list[str], inner: list[str]) -> Finding:
    site = next((site for name in (*inner, *changed) if (site := writer(lab, case, name)) is not None), None)
    what = ", ".join(f"`{name}`" for name in changed[:3])
    where = plan.describe(case, lab.base)
    return Finding(
        cause="python_state",
        strength=Strength.PROVED,
        axis=axis,
        file=lab.name(site.path) if site else None,
        line=site.line if site else None,
        message=f"Every call of eager changes {what}; the export keeps what it was while exporting.",
        evidence=(
            f"{what} is not the same after a call as before it.",
            f"Proved: with {what} put back before the call, eager returns at {where} what {lab.subject.mode} returns.",
        ),
    )


def writer(lab: Laboratory, case: spec.Case, name: str) -> Site | None:
    """The line that changes an attribute or global: the first one that runs, or the `if` that guards it on that very value."""
    log, _ = lab.recorded(replace(case, call=1))
    run = {event.site.number for event in log.events}
    lines = {(event.site.path, event.site.line) for event in log.events}
    sites = [site for path in lab.own_paths for site in lab.instrumentation.written(path, name)]
    executed = [site for site in sites if site.number in run or (site.path, site.line) in lines]
    if not executed:
        return None
    site = executed[0]
    return next(
        (
            test
            for test in lab.instrumentation.sites
            if test.kind == "test"
            and test.own
            and test.path == site.path
            and test.statement in ("if", "while")
            and _reads(test, name)
            and classify.guards(test, site, lab)
        ),
        site,
    )


def _reads(site: Site, name: str) -> bool:
    return any(getattr(node, "attr", getattr(node, "id", None)) == name for node in ast.walk(site.node))


def _writer(lab: Laboratory, case: spec.Case, name: str) -> Site | None:
    """Where a buffer is changed: by the user's own line, or by the user's call of the module that owns it."""
    path, _, attribute = name.rpartition(".")
    model = lab.model(case)
    owner = model.get_submodule(path)
    if type(owner).__module__.startswith("torch."):
        log, _ = lab.observe(case, model=model)
        called = [
            number
            for number, callee in log.callees.items()
            if callee is owner
            or (isinstance(callee, torch.nn.Module) and any(inner is owner for inner in callee.modules()))
        ]
        return lab.instrumentation.sites[called[-1]] if called else None
    return writer(lab, case, attribute)


def _carried(lab: Laboratory, case: spec.Case) -> set[str]:
    """Names of buffers that the export updates from call to call just as eager does."""
    model = lab.model(case)
    exported = lab.load(case)
    if exported is None or not isinstance(exported, torch.nn.Module):
        return set()
    first = replace(case, call=1)
    lab.run(model, first)
    lab.run(exported, first)
    actual = dict(exported.named_buffers())
    return {
        name for name, tensor in model.named_buffers() if name in actual and contents(tensor) == contents(actual[name])
    }


def _snapshot(model: torch.nn.Module) -> dict[Place, Seen]:
    return {place: _look(value) for place, value in _held(model)}


def _kept(model: torch.nn.Module) -> dict[Place, Any]:
    return {place: copied(value) for place, value in _held(model)}


def _held(model: torch.nn.Module) -> Iterator[tuple[Place, Any]]:
    for path, module in model.named_modules():
        yield from (((path, name), value) for name, value in vars(module).items() if name not in _MACHINERY)
        yield from (((path, name), value) for name, value in module._buffers.items())


def _look(value: Any, depth: int = 0) -> Seen:
    if isinstance(value, random.Random):
        return Seen("python", ("Random", hash(value.getstate())))
    seen = look(value, True)
    if seen.kind == "opaque" and depth < 2 and not isinstance(value, torch.nn.Module):
        text = repr(value)
        inside = getattr(value, "__dict__", None)
        if isinstance(inside, dict) and inside:
            return Seen("mapping", type(value).__name__, tuple(_look(item, depth + 1) for item in inside.values()))
        return Seen("python", (type(value).__name__, text)) if " at 0x" not in text else seen
    return seen


def _short(tensor: Any) -> str:
    return str(tensor.tolist() if tensor.numel() <= 4 else f"a tensor of shape {tuple(tensor.shape)}")
