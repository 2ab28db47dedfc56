"""A failing case as one Python file that needs no tsdash: to be pasted into a bug report, or kept as a test.

The file is the model file, followed by one function that builds the model and the inputs of the case, exports from the inputs
of the base case, saves and loads, runs both and says where they differ. It says only what the case needs.
"""

from __future__ import annotations

import ast
import copy
import math
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from tsdash import inputs, plan
from tsdash.exporters import EXPORTERS
from tsdash.inputs import nest
from tsdash.judge import judge, noise_floor
from tsdash.models import files, torchvision
from tsdash.plain import Code
from tsdash.spec import GIVEN, PLAIN_TOLERANCE, Case, CaseResult, ModelSource
from tsdash.transforms import LAYOUTS, TRANSFORMS

LIMIT_S = 30.0  # of a case that hangs
_APART = ("crash", "timeout")  # ends that a process of its own must take

_TORCHVISION = '''"""{name}: torchvision, {family}, random weights."""

import inspect

import torch
from torchvision import models


def make_model():
    builder = models.get_model_builder({name!r})
    options = [name for name in ("weights", "weights_backbone") if name in inspect.signature(builder).parameters]
    torch.manual_seed(0)
    return builder(**dict.fromkeys(options)).eval()  # without weights, so that none are downloaded


def make_inputs({parameters}):
    return {inputs}
'''
_FAMILIES = {
    "detection": "([torch.rand(3, height, width) for _ in range(batch)],)",
    "video": "(torch.randn(batch, 3, frames, height, width),)",
    "optical_flow": "tuple(torch.rand(batch, 3, height, width) * 2 - 1 for _ in range(2))",
}
_IMAGES = "(torch.randn(batch, 3, height, width),)"

_FUNCTION = '''

def {name}():
    """{title}

    Returns whether the export does something else than eager.
    """
{body}
'''
_APART_FUNCTION = '''

def {name}_apart():
    """Runs it in a process of its own, for it ends or hangs its process. Returns whether it did."""
    import os
    import subprocess
    import sys

    program = "import importlib, sys; sys.path.insert(0, sys.argv[1]); importlib.import_module(sys.argv[2]).{name}()"
    folder, file = os.path.split(os.path.abspath(__file__))
    try:
        ended = subprocess.run([sys.executable, "-c", program, folder, file.removesuffix(".py")], timeout={limit_s:g})
    except subprocess.TimeoutExpired:
        print("It did not end within {limit_s:g} s.")
        return True
    print(f"The process ended with status {{ended.returncode}}.")
    return ended.returncode != 0
'''
_MAIN = """

if __name__ == "__main__":
    raise SystemExit(1 if {name}() else 0)
"""
_TEST = """

def test_the_export_answers_as_eager_does():
    assert not {name}()
"""


def script(model: ModelSource, base: Case, result: CaseResult, *, limit_s: float = LIMIT_S) -> str:
    """A program that shows the failure `result`, of an export made from the inputs of `base`.

    Its exit status is 1 where the failure is there, 0 where it is not.
    """
    text, name = _common(model, base, result, limit_s)
    return text + _MAIN.format(name=name)


def pytest_file(model: ModelSource, base: Case, result: CaseResult, *, limit_s: float = LIMIT_S) -> str:
    """The same as a test for pytest, which fails as long as the failure is there."""
    text, name = _common(model, base, result, limit_s)
    return text + _TEST.format(name=name)


def _common(model: ModelSource, base: Case, result: CaseResult, limit_s: float) -> tuple[str, str]:
    """The file without its end, and the function that its end calls."""
    text = _model_text(model)
    name = "reproduce"
    while re.search(rf"\b{name}", text):
        name += "_"
    title = f"Export in mode {result.mode}, then run the export and eager with: {plan.describe(result.case, base)}."
    body = textwrap.indent(_body(text, base, result), "    ", lambda line: bool(line.strip()))
    text = text.rstrip() + "\n" + _FUNCTION.format(name=name, title=title, body=body)
    if result.exported.ended in _APART:
        return text + _APART_FUNCTION.format(name=name, limit_s=limit_s), f"{name}_apart"
    return text, name


def _model_text(model: ModelSource) -> str:
    """The model file, as UTF-8 and without what it does when it is run as a program."""
    if model.kind == "torchvision":
        name = model.name.removeprefix("torchvision:")
        family = torchvision.families()[name]
        parameters = ", ".join(f"{dim}={size}" for dim, size in torchvision.dims(name).items())
        made = _FAMILIES.get(family, _IMAGES)
        return _TORCHVISION.format(name=name, family=family, parameters=parameters, inputs=made)
    lines = model.text.encode("utf-8", "backslashreplace").decode().splitlines()
    for number, line in enumerate(lines[:2]):
        lines[number] = re.sub(r"^([ \t\f]*#.*?coding[:=][ \t]*)[-\w.]+", r"\1utf-8", line)
    for statement in files.parse(model).body:
        if isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test):
            for number in range(statement.lineno - 1, statement.end_lineno or statement.lineno):
                lines[number] = ""
    return "\n".join(lines)


def _body(text: str, base: Case, result: CaseResult) -> str:
    """The code of the function: definitions, then the export, then the comparison."""
    case, exporter = result.case, EXPORTERS[result.mode]
    code = Code("import tempfile", "import torch", "import warnings", "from pathlib import Path")
    names = {
        function: code.add(function)
        for function in (seed_everything, attempt, differences, exporter.save, exporter.load)
    }
    make = code.add(exporter.make, f"export_as_{_word(result.mode)}")
    steps = [
        "def build_model():",
        "    seed_everything(0)",
        "    return make_model()",
        "",
        *_build_inputs(text),
        "",
        "# The export, saved and loaded.",
    ]
    dynamic = "{}"
    if exporter.dynamic:
        steps += _moving(code, base)
        dynamic = "moving"
    steps += _inputs(code, base, "sizes" if exporter.dynamic else "")
    loaded = f'{names[exporter.load]}(path, "{case.device}"){_state(case, switches=exporter.switches)}'
    steps += [
        "model = build_model()",
        f"seed_everything({base.seed})",
        "with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():",
        '    warnings.simplefilter("ignore")',
        f'    path = Path(folder) / "artefact{exporter.suffix}"',
        "    try:",
        f"        {names[exporter.save]}({make}(model, args, kwargs, {dynamic}), path)",
        f"        exported = {loaded}",
        "    except Exception as error:",
        '        print(f"The export fails: {type(error).__name__}: {error}")',
        "        return True",
        "",
        "# The same inputs for both.",
        *_inputs(code, case, ""),
        f"eager = build_model(){_state(case)}",
        f"expected, eager_error = attempt(eager, args, kwargs, {_call(case)})",
        f"actual, export_error = attempt(exported, args, kwargs, {_call(case)})",
        "if eager_error or export_error:",
        "    print(f\"Eager: {eager_error or 'returns'}\")",
        "    print(f\"The export: {export_error or 'returns'}\")",
        "    return bool(eager_error) != bool(export_error)",
        f"limits = {_limits(result)!r}  # what the arithmetic explains, by output",
        "found = list(differences(actual, expected, limits))",
        'print("\\n".join(found) or "No difference that the arithmetic does not explain.")',
        "return bool(found)",
    ]
    return code.text + "\n\n" + "\n".join(steps)


def _build_inputs(text: str) -> list[str]:
    """A function that calls the model file's own, as tsdash does."""
    bound = files.bound_names(ast.parse(text))
    lines = ["def build_inputs(sizes, seed):", "    seed_everything(seed)", "    args = make_inputs(**sizes)"]
    if "make_kwargs" not in bound and "*" not in bound:
        return [*lines, "    return args, {}"]
    return [
        *lines,
        '    make = globals().get("make_kwargs", dict)',
        "    import inspect",
        "",
        "    accepted = inspect.signature(make).parameters if make is not dict else {}",
        "    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values())",
        "    return args, make(**{name: size for name, size in sizes.items() if takes_any or name in accepted})",
    ]


def _moving(code: Code, base: Case) -> list[str]:
    """For an export whose sizes may move: which they are, found by changing one at a time."""
    export_dims, moving_axes = code.add(inputs.export_dims), code.add(inputs.moving_axes)
    return [
        "class Source:",
        "    def inputs(self, dims, seed=0):",
        "        return build_inputs(dims, seed)",
        "",
        "def accepts(args, kwargs):",
        "    with torch.no_grad():",
        "        build_model()(*args, **kwargs)",
        "",
        f"sizes = {export_dims}(Source(), {base.dims!r}, accepts)",
        f"moving = {moving_axes}(Source(), sizes)",
    ]


def _inputs(code: Code, case: Case, sizes: str) -> list[str]:
    """The lines that build the inputs of a case: values, dtype, device and layout only where it changes them."""
    lines = [f"args, kwargs = build_inputs({sizes or repr(case.dims)}, {case.seed})"]
    nesting = "args, kwargs = {}({}, (args, kwargs))"
    if case.toward:
        lines += [*_changed(code, case.toward, case.seed, "end"), *_changed(code, case.values, case.seed, "start")]
        lines.append(f"args, kwargs = {code.add(inputs.between)}(start, end, {case.share!r})")
    elif case.values != GIVEN:
        lines += _changed(code, case.values, case.seed, "args, kwargs")
    if case.elements:
        elements = ", ".join(f"{path!r}: [{', '.join(map(_float, n))}]" for path, n in case.elements.items())
        lines.append(f"args, kwargs = {code.add(inputs.with_elements)}(args, kwargs, {{{elements}}})")
    dtype = inputs.parse_dtype(case.dtype)[1]
    if dtype != GIVEN:
        lines.append(f"args, kwargs = {code.add(inputs.cast)}((args, kwargs), {dtype!r})")
    if case.device != "cpu":
        lines.append(f"args, kwargs = {code.add(inputs.to_device)}((args, kwargs), {case.device!r})")
    if case.layout != GIVEN:
        store = code.add(LAYOUTS[case.layout], f"store_{_word(case.layout)}")
        lines.append(nesting.format(code.add(nest), store))
    return lines


def _changed(code: Code, values: str, seed: int, name: str) -> list[str]:
    """The lines that make `name` the inputs with the values of a transform."""
    change = code.add(TRANSFORMS[values], f"change_to_{_word(values)}")
    return [
        f"generator = torch.Generator().manual_seed({inputs.values_seed(values, seed)})",
        f"{name} = {code.add(nest)}(lambda tensor: {change}(tensor, generator), (args, kwargs))",
    ]


def _float(number: float) -> str:
    return repr(number) if math.isfinite(number) else f'float("{number}")'


def _state(case: Case, *, switches: bool = True) -> str:
    """The calls that bring a model into the state of the case."""
    scope, dtype = inputs.parse_dtype(case.dtype)
    calls = f".to(torch.{dtype})" if scope == "all" and dtype != GIVEN else ""
    calls += f".to({case.device!r})" if case.device != "cpu" else ""
    calls += f".train({case.training})" if case.training is not None and switches else ""
    return calls


def _call(case: Case) -> str:
    return f"seed={case.seed}, calls={case.call}, grad={case.grad}"


def _limits(result: CaseResult) -> dict[str, float]:
    """By output, the largest |Δ| that does not count. Half of what was measured, where the judge found even less wrong."""
    wrong = judge(result).outcome == "mismatch"
    limits = {}
    for facts in result.outputs:
        if not facts.identical:
            floor = noise_floor(facts)
            limits[facts.path] = min(floor, facts.max_abs / 2) if wrong and not result.structure else floor
    return limits


def _word(name: str) -> str:
    """A name of a registry as part of an identifier."""
    return re.sub(r"\W", "_", name)


def seed_everything(seed: int) -> None:
    """All random numbers that a model may draw."""
    import random

    import numpy
    import torch

    torch.manual_seed(seed)
    random.seed(seed)
    numpy.random.seed(seed % 2**32)


def attempt(model: Any, args: Any, kwargs: Any, *, seed: int, calls: int, grad: bool) -> tuple[Any, str]:
    """The output of the last of so many calls on fresh copies of the inputs, and the error where it raises."""
    import warnings

    import torch

    output = None
    try:
        with warnings.catch_warnings(), torch.set_grad_enabled(grad):
            warnings.simplefilter("ignore")
            seed_everything(seed)
            for _ in range(calls):
                call_args, call_kwargs = nest(own, (args, kwargs))
                output = model(*call_args, **call_kwargs)
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"
    return output, ""


def own(tensor: Any) -> Any:
    """A copy with the same strides."""
    return copy.deepcopy(tensor.detach()).requires_grad_(tensor.requires_grad)


def differences(actual: Any, expected: Any, limits: Mapping[str, float], path: str = "output") -> Iterator[str]:
    """A sentence for each difference between two outputs, of the export and of eager."""
    import torch

    def form(value: Any) -> Any:
        """What must be equal: a kind, with names and number of parts."""
        if isinstance(value, torch.Tensor):
            return "tensor", str(value.layout), tuple(value.shape), str(value.dtype), value.device.type
        if isinstance(value, dict):
            return "dict", list(value)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return "NamedTuple", list(value._fields)
        if isinstance(value, (list, tuple)):
            return type(value).__name__, len(value)
        return type(value).__name__, value if isinstance(value, (str, int, type(None))) else "…"

    if form(actual) != form(expected):
        yield f"{path}: the export gives {form(actual)}, eager {form(expected)}"
    elif isinstance(expected, dict):
        for key in expected:
            yield from differences(actual[key], expected[key], limits, f"{path}[{key!r}]")
    elif isinstance(expected, (list, tuple)):
        names = getattr(expected, "_fields", None)
        for index, pair in enumerate(zip(actual, expected)):  # noqa: B905 (as many on either side)
            yield from differences(*pair, limits, f"{path}.{names[index]}" if names else f"{path}[{index}]")
    elif isinstance(expected, (torch.Tensor, float, complex)):
        yield from distance(actual, expected, limits.get(path, PLAIN_TOLERANCE), path)


def distance(actual: Any, expected: Any, limit: float, path: str) -> Iterator[str]:
    """A sentence where elements of a tensor differ by more than `limit`, or NaN or Inf stand on one side only."""
    import torch

    one, other = (torch.as_tensor(value).detach() for value in (actual, expected))
    if one.device.type == "meta" or one.is_nested:
        return
    if one.is_quantized:
        one, other = one.dequantize(), other.dequantize()
    one, other = one.to_dense(), other.to_dense()
    if torch.equal(one, other):
        return
    wide = torch.complex128 if other.is_complex() else torch.float64
    one, other = one.cpu().to(wide).reshape(-1), other.cpu().to(wide).reshape(-1)
    equal = (one == other) | (one.isnan() & other.isnan())
    delta = (one - other).abs()
    wrong = ~equal & ~(delta <= limit)
    if wrong.any():
        first = int(torch.where(wrong, delta.nan_to_num(torch.inf, torch.inf), -1.0).argmax())
        yield (
            f"{path}: {int(wrong.sum())} of {wrong.numel()} elements differ by more than {limit:.3g}, "
            f"element {first} is {one[first].item()} in the export and {other[first].item()} in eager"
        )
