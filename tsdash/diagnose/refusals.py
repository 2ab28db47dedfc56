"""Exports that fail: what the tracer or the compiler refuses, and at which line of the user's."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from tsdash import spec
from tsdash.diagnose import dispatch, operators, phrases, positions, structures
from tsdash.diagnose.evidence import evidence
from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.subject import Finding, Strength

_OUTPUTS = (
    "at the output of the tracer",
    "can be output from traced functions",
    "Tracer cannot infer type of",
    "inputs or outputs of traced functions",
)
_INPUTS = (
    "cannot be traced. Only Tensors",
    "can be traced",
    "inputs to traced functions",
    "example_inputs",
    "example_kwarg_inputs",
)
_BY_NAME = "is not in forward() method's arguments"  # torch.jit.trace reads positional arguments alone
_ARGUMENTS = ("Expected a default value of type", "on parameter")
_EVAL_ONLY = "implemented for modules in eval mode"  # torch.jit.freeze
_SIGNATURES = ("variable number of arguments", "keyword-only arguments")
_INFERRED = ("(inferred)", "not annotated")  # an argument was taken for a tensor
_UNDEFINED = "undefined Tensor"  # what a default of None becomes where a tensor is expected
# What the compiler says → what to write instead.
_ADVICE = (
    ("method 'numpy'", "Use the operator of torch in place of numpy's: torch.cumsum for np.cumsum."),
    ("numpy", "Use the operator of torch in place of numpy's: torch.cumsum for np.cumsum."),
    ("aten::finfo", 'scores.masked_fill(hide, float("-inf"))  # torch.finfo is not known to the compiler'),
    ("variable number of arguments", "Spell out the arguments: neither *args nor **kwargs can be compiled."),
    (
        "keyword-only arguments",
        "Take the argument by position, with its type: def forward(self, x, gain: float = 2.0).",
    ),
    (
        "Lambda",
        "def double(t: torch.Tensor) -> torch.Tensor: ...  # a named function with types in place of the lambda",
    ),
    ("Try", "Test for the condition with `if` before the line that may raise."),
    ("global variables", "Keep the value in an attribute or a buffer of the module."),
    ("tolist", "lengths: List[int] = lengths.tolist()  # the compiler needs the type, or stay in tensors"),
    (
        "could not be inferred",
        "Annotate it: x: List[int] = []  # the compiler needs the type of what is empty or mixed",
    ),
    ("indexed with integer literals", "for layer in self.layers: ...  # a ModuleList takes a loop or a literal index"),
    ("getattr", "Name the submodule, or keep them in an nn.ModuleList and loop over it."),
)
_RETURNS = (
    "return statement",
    "Return value",
    "return type",
    "returned a value of type",
    "was annotated as having type",
)


@evidence("what the export refuses", order=20)
def refused(lab: Laboratory) -> Iterator[Finding]:
    """The one finding of an export that raised: the error, put to the construct that it is about."""
    error = lab.subject.export.error
    if error is None or lab.subject.export.ended != "raised" or error.type == "TracingCheckError":
        return
    yield _traced(lab, error) if lab.tracing else _compiled(lab, error)


def _traced(lab: Laboratory, error: spec.ErrorFacts) -> Finding:
    args, kwargs = lab.inputs(lab.base)
    result = lab.eager(lab.base)
    odd = [value for value in (*args, *kwargs.values()) if not _traceable(value)]
    refuses_inputs = any(text in error.message for text in _INPUTS) or "inputs or outputs" in error.message
    if odd and (refuses_inputs or "infer type" in error.message):
        return _signature(lab, error, f"forward takes {_kind(odd[0])}, and a trace takes tensors only.")
    if _BY_NAME in error.message:
        return _signature(lab, error, "A trace takes no argument that forward takes by keyword alone.")
    if any(text in error.message for text in _OUTPUTS) and result.returned:
        return _output(lab, error, result.value)
    file, line = (operators.refused_at(lab, error.message) if error.line is None else None) or (error.file, error.line)
    placed = replace(error, file=file, line=line)
    return _at(lab, placed, "unsupported_python", "The tracer cannot get past this line.")


def _compiled(lab: Laboratory, error: spec.ErrorFacts) -> Finding:
    result = lab.eager(lab.base)
    definition = positions.forward_definition(lab)
    of_forward = error.line is not None and (error.file, error.line) == definition
    if any(text in error.message for text in _ARGUMENTS) or (
        of_forward and any(text in error.message for text in _SIGNATURES)
    ):
        return _at(lab, error, "signature", "The compiler refuses an argument of this function.")
    if _UNDEFINED in error.message and error.line is None:
        return _signature(
            lab, error, "An argument without annotation counts as a tensor, and its default None is none."
        )
    plain = _taken_for_a_tensor(lab) if any(text in error.message for text in _INFERRED) else None
    if plain is not None:
        name, value = plain
        return _signature(
            lab, error, f"An argument without annotation counts as a tensor, and {name} is {_kind(value)}."
        )
    if _EVAL_ONLY in error.message:
        file, line = positions.construction(lab)
        message = f"{lab.subject.mode} takes models in evaluation mode only, and make_model gives one in training."
        said = f"{error.type}: {phrases.opening(error.message)}"
        return Finding(
            cause="training_mode",
            strength=Strength.STATED,
            axis="base",
            file=file,
            line=line,
            message=message,
            evidence=(said,),
        )
    if any(text in error.message for text in _RETURNS) and error.line is not None:
        return _at(lab, error, "output_structure", "The function returns different types, and compiled code has one.")
    odd_output = result.returned and not structures.is_plain(result.value)
    site = structures.output_site(lab) if odd_output else None
    if site is not None and (
        error.line in (None, site.line) or _lies_in_class(lab, error, type(result.value).__name__)
    ):
        return _output(lab, error, result.value)
    if lab.scripting:
        return _at(lab, error, "unsupported_python", "The compiler of TorchScript refuses this construct.")
    if lab.subject.mode == "onnx" and error.line is None:  # nothing of the model: a package, or the size of a file
        return _at(lab, error, "unknown", phrases.opening(error.message))
    if "DataDependent" in error.type or "data-dependent" in error.message:
        said = (
            f"{lab.subject.mode} cannot decide this line: it hangs on a value that is known only when the model runs."
        )
        return _at(lab, error, "unsupported_python", said)
    return _at(lab, error, "unsupported_python", f"{lab.subject.mode} cannot take this line.")


def _lies_in_class(lab: Laboratory, error: spec.ErrorFacts, name: str) -> bool:
    """Whether the error is about a line of the user's class of that name."""
    trees = (tree for path, tree in lab.instrumentation.trees.items() if lab.name(path) == error.file)
    classes = (
        node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name
    )
    return any(node.lineno <= (error.line or 0) <= (node.end_lineno or 0) for node in classes)


def _at(lab: Laboratory, error: spec.ErrorFacts, cause: str, message: str) -> Finding:
    file, line = (error.file, error.line) if error.line is not None or not lab.scripting else _position(lab)
    return Finding(
        cause=cause,
        strength=Strength.STATED,
        axis="base",
        file=file,
        line=line,
        message=message,
        evidence=(f"{error.type}: {phrases.opening(error.message)}",),
        fix=next((advice for said, advice in _ADVICE if cause == "unsupported_python" and said in error.message), ""),
    )


def _position(lab: Laboratory) -> positions.Position:
    """Where an error without a line comes from: a patched forward that is no function, else what was being compiled."""
    patched = next(
        (
            path
            for path, module in lab.model().named_modules()
            if not inspect.isroutine(vars(module).get("forward", len))
        ),
        None,
    )
    return dispatch.patched_at(lab, patched) if patched is not None else positions.of_compilation(lab)


def _output(lab: Laboratory, error: spec.ErrorFacts, value: Any) -> Finding:
    site = structures.output_site(lab)
    file, line = (lab.name(site.path), site.line) if site else (error.file, error.line)
    return Finding(
        cause="output_structure",
        strength=Strength.STATED,
        axis="base",
        file=file,
        line=line,
        message=f"forward returns {_kind(value)}, which {lab.subject.mode} cannot return.",
        evidence=(f"{error.type}: {phrases.opening(error.message)}",),
    )


def _signature(lab: Laboratory, error: spec.ErrorFacts, message: str) -> Finding:
    file, line = positions.forward_definition(lab)
    return Finding(
        cause="signature",
        strength=Strength.STATED,
        axis="base",
        file=file,
        line=line,
        message=message,
        evidence=(f"{error.type}: {phrases.opening(error.message)}",),
    )


def _taken_for_a_tensor(lab: Laboratory) -> tuple[str, Any] | None:
    """The first argument of forward that is no tensor and has no annotation, with its value at the base."""
    args, kwargs = lab.inputs(lab.base)
    try:
        signature = inspect.signature(lab.model().forward)
        bound = signature.bind(*args, **kwargs).arguments
    except (TypeError, ValueError):
        return None
    parameters = signature.parameters
    bare = {name: value for name, value in bound.items() if parameters[name].annotation is inspect.Parameter.empty}
    return next(((name, value) for name, value in bare.items() if isinstance(value, (bool, int, float, str))), None)


def _traceable(value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        return True
    if isinstance(value, (tuple, list)):
        return all(map(_traceable, value))
    return isinstance(value, dict) and all(map(_traceable, value.values()))


def _kind(value: Any) -> str:
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
