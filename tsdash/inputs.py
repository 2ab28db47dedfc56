"""Named dims, values, dtypes, layouts and devices → the inputs of a case, the same bits every time.

The registries can be listed without torch. Inputs are nested: tensors may sit in tuples, lists, dicts and NamedTuples, and
everything that is not a tensor passes through untouched. A tensor's path reads as Python: `args[1]['boxes']`.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tsdash import spec
from tsdash.errors import ModelError, unknown
from tsdash.models import uploads
from tsdash.spec import GIVEN
from tsdash.transforms import LAYOUTS, TRANSFORMS, kind_of, like

if TYPE_CHECKING:
    import torch

FLOAT_DTYPES = ("float16", "bfloat16", "float32", "float64")  # of the module and its inputs, or of the inputs alone
INTEGER_DTYPES = ("int32", "int64")  # of the inputs alone: ids arrive as either
DTYPES = (GIVEN, *FLOAT_DTYPES, *(f"inputs:{name}" for name in (*FLOAT_DTYPES, *INTEGER_DTYPES)))
DEVICES = ("cpu", "cuda", "mps", "xpu", "meta")

FEW = 64  # elements that are looked at one by one
EXACT = 2.0**53  # integers below it are float64 without loss

Args = tuple[Any, ...]
Kwargs = dict[str, Any]


class Source(Protocol):
    """What is needed of a loaded model: its default dims and its inputs."""

    @property
    def dims(self) -> Mapping[str, int]: ...

    def inputs(self, dims: dict[str, int] | None = None, *, seed: int = 0) -> tuple[Args, Kwargs]: ...


def nest(function: Callable[[torch.Tensor], torch.Tensor], structure: Any) -> Any:
    """`structure` with every tensor replaced by `function(tensor)`."""
    import torch

    if isinstance(structure, torch.Tensor):
        return function(structure)
    if isinstance(structure, Mapping):
        changed: Any = copy.copy(structure)  # keeps OrderedDict and defaultdict what they are
        for key, value in structure.items():
            changed[key] = nest(function, value)
        return changed
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*(nest(function, item) for item in structure))
    if type(structure) in (tuple, list):
        return type(structure)(nest(function, item) for item in structure)
    return structure


def tensors(structure: Any, path: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor of `structure` with its path, in the order in which `nest` meets them."""
    import torch

    if isinstance(structure, torch.Tensor):
        yield path, structure
    elif isinstance(structure, Mapping):
        for key, value in structure.items():
            yield from tensors(value, f"{path}[{key!r}]")
    elif isinstance(structure, (tuple, list)):
        for index, item in enumerate(structure):
            yield from tensors(item, f"{path}[{index}]")


def paths(args: Args, kwargs: Kwargs) -> dict[str, torch.Tensor]:
    """Every input tensor by its path: `args[0]`, `kwargs['mask']`."""
    return dict((*tensors(args, "args"), *tensors(kwargs, "kwargs")))


def describe(args: Args, kwargs: Kwargs) -> tuple[spec.TensorFacts, ...]:
    """Shape and dtype of every input tensor."""
    return tuple(
        spec.TensorFacts(path=path, shape=tuple(tensor.shape), dtype=str(tensor.dtype).removeprefix("torch."))
        for path, tensor in paths(args, kwargs).items()
    )


def parse_dtype(dtype: str) -> tuple[str, str]:
    """Scope and dtype: "float16" → ("all", "float16"), module and inputs; "inputs:float16" → ("inputs", "float16").

    Raises OptionError for any other name.
    """
    if dtype not in DTYPES:
        raise unknown("dtype", dtype, DTYPES)
    scope, _, name = dtype.rpartition(":")
    return scope or "all", name


def cast(structure: Any, dtype: str) -> Any:
    """`structure` with its floating tensors, or for an integer `dtype` its integer tensors, as `dtype` ("float16")."""
    if dtype == GIVEN:
        return structure
    import torch

    kind, target = "integer" if dtype in INTEGER_DTYPES else "real", getattr(torch, dtype)

    def convert(tensor: torch.Tensor) -> torch.Tensor:
        fits = kind_of(tensor) == kind and not tensor.is_complex()
        return tensor.detach().to(target).requires_grad_(tensor.requires_grad) if fits else tensor

    return nest(convert, structure)


def to_device(structure: Any, device: str) -> Any:
    """`structure` with its tensors on `device`; strides are kept where the tensor has no gaps."""
    return nest(lambda tensor: tensor.detach().to(device).requires_grad_(tensor.requires_grad), structure)


def has_device(name: str) -> bool:
    """Whether tensors can be made on "cuda", "mps", "cuda:1", … here; "cpu" and "meta" are everywhere."""
    import torch

    kind, _, index = name.partition(":")
    if kind in ("cpu", "meta"):
        return True
    if kind == "mps":
        return torch.backends.mps.is_available()
    backend: Any = getattr(torch, kind)
    return bool(backend.is_available()) and int(index or 0) < backend.device_count()


def build(loaded: Source, case: spec.Case) -> tuple[Args, Kwargs]:
    """The inputs of `case`: as make_inputs gives them for its dims and seed, or as a file has them, then values, dtype, device and layout.

    The layout comes last because a copy to another device closes gaps. The same case gives the same bits. Raises ModelError
    for a device that is not there.
    """
    if not has_device(case.device):
        raise ModelError(f"This machine has no {case.device}.")
    made = loaded.inputs(case.dims, seed=case.seed)
    if case.inputs:
        made = from_file(made, Path(case.inputs))
    inputs = transformed(made, case.values, case.seed)
    if case.toward:
        inputs = between(inputs, transformed(made, case.toward, case.seed), case.share)
    if case.elements:
        inputs = with_elements(inputs[0], inputs[1], case.elements)
    inputs = to_device(cast(inputs, parse_dtype(case.dtype)[1]), case.device)
    args, kwargs = nest(LAYOUTS[case.layout], inputs)
    return args, kwargs


def from_file(structure: Any, path: Path) -> Any:
    """`structure` with each tensor replaced by the one of the file that has its place, in its own dtype. Raises ModelError."""
    given, places = uploads.read(path).tensors, [tensor for _, tensor in tensors(structure)]
    if len(given) != len(places):
        raise ModelError(
            f"{path.name} holds {len(given)} tensors ({', '.join(given)}), and forward takes {len(places)}. "
            "Save one for each, in the order of forward's arguments."
        )
    ordered = iter(given.values())
    return nest(lambda tensor: next(ordered).to(tensor.dtype).requires_grad_(tensor.requires_grad), structure)


def transformed(structure: Any, values: str, seed: int) -> Any:
    """`structure` with the values of the transform of that name."""
    import torch

    generator = torch.Generator().manual_seed(values_seed(values, seed))
    return nest(lambda tensor: TRANSFORMS[values](tensor, generator), structure)


def between(start: Any, end: Any, share: float) -> Any:
    """`start` with its real and integer tensors moved that `share` of the way to those of `end`, which has the same structure.

    Integers are rounded; whatever else there is stays as it is in `start`.
    """
    import torch

    ends = iter([tensor for _, tensor in tensors(end)])

    def move(tensor: torch.Tensor) -> torch.Tensor:
        other = next(ends)
        if other is tensor or tensor.is_complex() or kind_of(tensor) not in ("real", "integer"):
            return tensor
        moved = torch.lerp(tensor.detach().to(torch.float64), other.detach().to(torch.float64), share)
        return like(tensor, moved if tensor.is_floating_point() else moved.round())

    return nest(move, start)


def with_elements(args: Args, kwargs: Kwargs, elements: Mapping[str, Iterable[float]]) -> tuple[Args, Kwargs]:
    """The inputs with these elements in C order in the tensors of these paths; a single one stands for all."""
    import torch

    names = iter([*paths(args, kwargs)])

    def fill(tensor: torch.Tensor) -> torch.Tensor:
        given = elements.get(next(names))
        if given is None:
            return tensor
        filling = torch.tensor(list(given), dtype=torch.float64)
        return like(tensor, filling.expand(tensor.shape) if len(filling) == 1 else filling.reshape(tensor.shape))

    filled_args, filled_kwargs = nest(fill, (args, kwargs))
    return filled_args, filled_kwargs


def measure(args: Args, kwargs: Kwargs) -> tuple[spec.InputFacts, ...]:
    """Every input tensor with what its values come to; its elements too, where the inputs have no more than FEW."""
    import torch

    found, measured = paths(args, kwargs), []
    few = sum(tensor.numel() for tensor in found.values()) <= FEW
    for facts, tensor in zip(describe(args, kwargs), found.values(), strict=True):
        known: dict[str, Any] = {}
        if kind_of(tensor) != "other" and not tensor.is_complex() and tensor.device.type != "meta":
            wide = tensor.detach().cpu().to(torch.float64).reshape(-1)
            known["elements"] = tuple(wide.tolist()) if few and bool((wide.nan_to_num().abs() < EXACT).all()) else ()
            wide = wide[wide.isfinite()]
            known["finite"] = wide.numel()
            if wide.numel():
                named = {"mean": wide.mean(), "low": wide.min(), "high": wide.max(), "rms": wide.square().mean().sqrt()}
                known |= {name: float(value) for name, value in named.items()}
        measured.append(spec.InputFacts(path=facts.path, shape=facts.shape, dtype=facts.dtype, **known))
    return tuple(measured)


def same(first: Any, second: Any) -> bool:
    """Whether two inputs agree in structure, bits, dtypes, devices and strides: then a case repeats the other."""
    import torch

    if type(first) is not type(second):
        return False
    if isinstance(first, torch.Tensor):
        return _same_tensor(first, second)
    if isinstance(first, Mapping):
        return list(first) == list(second) and all(same(first[key], second[key]) for key in first)
    if isinstance(first, (tuple, list)):
        return len(first) == len(second) and all(map(same, first, second))
    try:
        return bool(first == second)
    except Exception:  # a class of the user's, or an array without one truth value
        return False


def moving_axes(loaded: Source, base: Mapping[str, int], seed: int = 0) -> dict[str, dict[int, str]]:
    """Which axis of which input tensor moves with which dim: {path: {axis: dim}}, found by changing one dim at a time.

    A dim that moves nothing, or that make_inputs does not accept at any other size tried, is left out.
    """
    reference = _shapes(loaded, base, seed) or {}
    axes: dict[str, dict[int, str]] = {}
    for name, size in base.items():
        for other in (size + 1, size + 2, 2 * size):  # one alone may be invalid, or vanish in a rounding
            shapes = _shapes(loaded, {**base, name: other}, seed) or {}
            for path, shape in reference.items():
                if len(shapes.get(path, ())) == len(shape):
                    for axis, (before, after) in enumerate(zip(shape, shapes[path], strict=True)):
                        if before != after:
                            axes.setdefault(path, {}).setdefault(axis, name)
    return axes


def export_dims(
    loaded: Source, base: Mapping[str, int], accepts: Callable[[Args, Kwargs], object] | None = None, seed: int = 0
) -> dict[str, int]:
    """Dims for torch.export's example: `base` with every size at least 2, because it takes 0 and 1 for constants.

    A dim stays as it is where make_inputs raises at 2, or the model does: `accepts` is called with the inputs as eager would be.
    """

    def works(dims: Mapping[str, int]) -> bool:
        try:
            args, kwargs = loaded.inputs(dict(dims), seed=seed)
            if accepts is not None:
                accepts(args, kwargs)
        except Exception:  # the user's code decides what it raises
            return False
        return True

    small = [name for name, size in base.items() if 0 <= size < 2]
    raised = {**base, **dict.fromkeys(small, 2)}
    if not small or works(raised):
        return raised
    dims = dict(base)
    for name in small:
        if works({**dims, name: 2}):
            dims[name] = 2
    return dims


def check_names(
    *,
    values: Iterable[str] = (),
    dtypes: Iterable[str] = (),
    layouts: Iterable[str] = (),
    devices: Iterable[str] = (),
) -> None:
    """Raise OptionError for the first name that does not exist, with what is allowed. "cuda:1" is a device as "cuda" is."""
    for noun, names, allowed in (
        ("values", values, tuple(TRANSFORMS)),
        ("dtype", dtypes, DTYPES),
        ("layout", layouts, tuple(LAYOUTS)),
    ):
        for name in names:
            if name not in allowed:
                raise unknown(noun, name, allowed)
    for name in devices:
        kind, colon, index = name.partition(":")
        if kind not in DEVICES or (colon and not index.isdecimal()):
            raise unknown("device", name, DEVICES)


def _same_tensor(first: torch.Tensor, second: torch.Tensor) -> bool:
    import torch

    described = [(t.shape, t.dtype, t.device, t.layout, t.requires_grad) for t in (first, second)]
    if described[0] != described[1]:
        return False
    if first.layout != torch.strided or first.is_quantized:
        return first is second
    if first.stride() != second.stride():
        return False
    if first.device.type == "meta":
        return True
    dense = [t.detach().resolve_conj().resolve_neg().contiguous() for t in (first, second)]
    raw = [t.as_strided((t.numel(),), (1,)).view(torch.uint8) for t in dense]  # at size 1 contiguous() keeps any stride
    return bool(torch.equal(*raw))


def values_seed(values: str, seed: int) -> int:
    """A seed of its own for every transform: that of make_inputs would draw the given values again."""
    return int.from_bytes(hashlib.sha256(f"{values}:{seed}".encode()).digest()[:6], "big")


def _shapes(loaded: Source, dims: Mapping[str, int], seed: int) -> dict[str, tuple[int, ...]] | None:
    """The shape of every input for `dims`; None where make_inputs does not accept them."""
    try:
        args, kwargs = loaded.inputs(dict(dims), seed=seed)
    except Exception:  # the user's code decides what it raises
        return None
    return {path: tuple(tensor.shape) for path, tensor in paths(args, kwargs).items()}
