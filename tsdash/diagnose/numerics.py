"""Modes that fold and fuse: where the plain export agrees with eager, the arithmetic itself was changed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from tsdash import formats, onnxfile, spec
from tsdash.diagnose.answers import same_answer
from tsdash.diagnose.evidence import evidence, values_groups
from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.subject import Finding, Strength, Subject

CHOOSERS = (
    "argmax",
    "argmin",
    "topk",
    "argsort",
    "sort",
    "max",
    "min",
    "median",
    "mode",
    "round",
    "floor",
    "ceil",
    "sign",
)
TIE_ROUNDINGS = (
    64  # of the scores' dtype, relative to their scale: two scores nearer than that are equal to within noise
)
_FROZEN = {"dtype": "dtype_baked", "device": "device_baked"}
_NORMS = (torch.nn.modules.batchnorm._NormBase,)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A call in eager that picks by comparing: its scores, and the user's line that led to it."""

    name: str
    scores: torch.Tensor
    file: str | None
    line: int | None


@evidence("the plain export beside the folded one", order=47)
def folded(lab: Laboratory) -> Iterator[Finding]:
    """Export without folding: if that agrees with eager, folding made the difference, by itself or by tipping a tie."""
    plain, _, step = lab.subject.mode.partition("+")
    if not step:
        return
    unfolded = _unfolded(lab, plain)
    for axis, failures in values_groups(lab):
        case = failures[0].case
        expected, actual, without = lab.eager(case), lab.exported(case), unfolded.exported(case)
        if actual is None or without is None or same_answer(actual, expected) or not same_answer(without, expected):
            continue
        if axis in _FROZEN:
            yield _frozen(axis, step)
            continue
        tie = _tie(lab, case) if _whole_numbers_differ(failures[0]) else None
        yield _tied(axis, tie, step) if tie is not None else _changed(lab, axis, case, failures[0], plain)
        return


def converted(lab: Laboratory, axis: str, case: spec.Case) -> Finding | None:
    """Of an ONNX file: that the program it was made of agrees with eager, so that nothing which that has baked is to blame."""
    if lab.subject.mode != "onnx" or lab.artefact is None or not lab.in_time():
        return None
    captured = _unfolded(lab, "export").exported(case)
    if captured is None or not same_answer(captured, lab.eager(case)):
        return None
    again = _unfolded(lab, "onnx").exported(case)
    message = (
        "The program that torch.export captures is right; converting it to ONNX, or running that, makes the difference."
    )
    if onnxfile.Session(lab.artefact).may_draw():
        message = "The runtime draws random numbers of its own, which no seed of torch's reaches."
    elif again is not None and same_answer(again, lab.eager(case)):
        message = "A file converted here is right; this one was made of other weights or sizes, or in another way."
    said = "Mode export, which is that program as it is, returns what eager returns."
    return Finding(cause="unknown", strength=Strength.STATED, axis=axis, message=message, evidence=(said,))


def _frozen(axis: str, step: str) -> Finding:
    message = (
        f"{step} makes constants of the weights, and a constant keeps its {axis} whatever the export is converted to."
    )
    return Finding(
        cause=_FROZEN[axis],
        strength=Strength.STATED,
        axis=axis,
        message=message,
        evidence=("The same export without it returns what eager returns.",),
        fix=f"Convert the model to the {axis} that is served, then export it.",
    )


def _unfolded(lab: Laboratory, mode: str) -> Laboratory:
    export = replace(lab.subject.export, mode=mode, ended="returned", error=None)
    subject: Subject = replace(lab.subject, mode=mode, artefact=None, export=export, failures=())
    return Laboratory(subject, lab.state)


def _tied(axis: str, tie: Choice, step: str) -> Finding:
    return Finding(
        cause="argmax_tie",
        strength=Strength.PROVED,
        axis=axis,
        file=tie.file,
        line=tie.line,
        message=f"`{tie.name}` chooses between values that are equal to within noise, and {step} rounds them the other way.",
        evidence=(
            "The same export without folding returns what eager returns.",
            f"The closest two values are {formats.delta(_gap(tie.scores))} of their scale apart.",
        ),
    )


def _changed(lab: Laboratory, axis: str, case: spec.Case, failure: spec.CaseResult, plain: str) -> Finding:
    file, line = _norm_called(lab, case)
    oracle = next((facts.oracle for facts in failure.outputs if facts.oracle is not None and not facts.identical), None)
    nearer = (
        ()
        if oracle is None
        else (
            f"Against float64 the export is off by {formats.delta(oracle.actual_rms)} rms, eager by {formats.delta(oracle.expected_rms)}.",
        )
    )
    return Finding(
        cause="folding_numerics",
        strength=Strength.PROVED,
        axis=axis,
        file=file,
        line=line,
        message="Folding weights into each other changed the arithmetic beyond what its dtype explains.",
        evidence=(f"Proved: {plain} alone returns what eager returns.", *nearer),
        fix=f"Ship {plain}, or fold in float32 and convert afterwards.",
    )


def _whole_numbers_differ(failure: spec.CaseResult) -> bool:
    return any(not facts.identical and facts.dtype.startswith(("int", "uint", "bool")) for facts in failure.outputs)


def _tie(lab: Laboratory, case: spec.Case) -> Choice | None:
    """The last choice of forward that is as good as undecided somewhere."""
    watch = _Choices(lab)
    with watch:
        lab.run(lab.model(case), case)
    return next(
        (
            choice
            for choice in reversed(watch.found)
            if _gap(choice.scores) <= TIE_ROUNDINGS * torch.finfo(choice.scores.dtype).eps
        ),
        None,
    )


def _gap(scores: torch.Tensor) -> float:
    """The smallest distance between neighbours along the last axis, relative to the scores' scale."""
    if scores.dim() == 0 or scores.shape[-1] < 2:
        return float("inf")
    ordered = scores.double().sort(dim=-1).values
    scale = float(ordered.abs().max()) or 1.0
    return float((ordered[..., 1:] - ordered[..., :-1]).min()) / scale


class _Choices(TorchFunctionMode):
    """Watches eager for calls that choose."""

    def __init__(self, lab: Laboratory) -> None:
        super().__init__()
        self.found: list[Choice] = []
        self._lab = lab

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name in CHOOSERS and args and isinstance(args[0], torch.Tensor) and args[0].is_floating_point():
            file, line = self._user_line()
            self.found.append(Choice(name=name, scores=args[0].detach().clone(), file=file, line=line))
        return func(*args, **(kwargs or {}))

    def _user_line(self) -> tuple[str | None, int | None]:
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            name = self._lab.name(frame.f_code.co_filename)
            if name is not None:
                return name, frame.f_lineno
            frame = frame.f_back
        return None, None


def _norm_called(lab: Laboratory, case: spec.Case) -> tuple[str | None, int | None]:
    """The user's line that calls the first normalisation that can be folded."""
    log, _ = lab.observe(case)
    for number, callee in log.callees.items():
        if isinstance(callee, torch.nn.Module) and any(isinstance(module, _NORMS) for module in callee.modules()):
            site = lab.instrumentation.sites[number]
            return lab.name(site.path), site.line
    return None, None
