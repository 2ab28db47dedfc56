"""New values and new layouts for a tensor, by name. The registries can be listed without torch.

Real tensors take nearly every transform. Integer tensors may be ids, offsets or lengths and should stay valid, so only a few apply
to them; a tensor that a transform does not apply to keeps its values.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

from tsdash.spec import GIVEN

if TYPE_CHECKING:
    import torch

TINY = 1e-6  # far below the 1e-5 of the plain rule, far above float32's smallest normal number
OUTSIDE = 100  # added to twice the largest integer
KEPT = 0.1  # share of elements that `sparse` leaves

Transform = Callable[["torch.Tensor", "torch.Generator"], "torch.Tensor"]
Layout = Callable[["torch.Tensor"], "torch.Tensor"]

TRANSFORMS: dict[str, Transform] = {}
LAYOUTS: dict[str, Layout] = {}


def transform(name: str, *kinds: str) -> Callable[[Transform], Transform]:
    """Register new values for a tensor under `name`. `kinds` ("real", "integer", "bool") are those it makes sense for: a
    tensor of another kind keeps its values. Whatever the function returns takes the dtype and the strides of its tensor."""

    def register(function: Transform) -> Transform:
        def apply(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
            if kind_of(tensor) not in kinds or tensor.numel() == 0:
                return tensor
            plain = tensor.detach().cpu()  # where the generator is: a device changes no value
            if plain.is_floating_point() and plain.element_size() < 4:
                plain = plain.float()  # float16 and float8 lack operators
            values = function(plain, generator)
            return tensor if values is plain else like(tensor, values)

        apply.__name__, apply.__doc__ = function.__name__, function.__doc__
        TRANSFORMS[name] = apply
        return apply

    return register


def layout(name: str) -> Callable[[Layout], Layout]:
    """Register a way to store the same values under `name`. A tensor it does not apply to comes back as it is."""

    def register(function: Layout) -> Layout:
        def apply(tensor: torch.Tensor) -> torch.Tensor:
            if kind_of(tensor) == "other":
                return tensor
            return function(tensor.detach()).requires_grad_(tensor.requires_grad)

        apply.__name__, apply.__doc__ = function.__name__, function.__doc__
        LAYOUTS[name] = apply
        return apply

    return register


@transform(GIVEN)
def given(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The values that make_inputs returns."""
    return tensor


@transform("normal", "real")
def normal(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Drawn from N(0, 1)."""
    import torch

    return torch.randn(tensor.shape, dtype=tensor.dtype, generator=generator)


@transform("uniform", "real")
def uniform(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Drawn evenly from [0, 1)."""
    import torch

    return torch.rand(tensor.shape, dtype=tensor.dtype, generator=generator)


@transform("zeros", "real", "integer", "bool")
def zeros(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """All 0 or False. Integers too: 0 is an id wherever another is. Sorted integers above 0 (lengths) and negative ones stay."""
    if kind_of(tensor) == "integer" and (int(tensor.max()) < 0 or (_is_ordered(tensor) and int(tensor.min()) > 0)):
        return tensor
    return tensor.new_zeros(tensor.shape)


@transform("ones", "real", "integer", "bool")
def ones(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """All 1 or True. Integers only where 1 lies within their range; sorted ones (offsets, lengths) stay."""
    if kind_of(tensor) == "integer" and (_is_ordered(tensor) or not int(tensor.min()) <= 1 <= int(tensor.max())):
        return tensor
    return tensor.new_ones(tensor.shape)


@transform("plus_one", "integer")
def plus_one(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Every integer one up: the longest length and the largest id grow. Sorted ones that begin with 0 (offsets, positions) stay."""
    return tensor if _is_ordered(tensor) and int(tensor[0]) == 0 else tensor + 1


@transform("minus_one", "integer")
def minus_one(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Every integer one down. Those with a 0 or 1 among them stay: an id below 0 and a length of 0 are no inputs."""
    return tensor if int(tensor.min()) <= 1 else tensor - 1


@transform("outside", "integer")
def outside(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """One integer far beyond the others, at a random place: an id that no table has, for checks that have to speak up. Sorted
    ones (offsets, lengths) stay."""
    import torch

    beyond = min(2 * int(tensor.max()) + OUTSIDE, torch.iinfo(tensor.dtype).max)
    return tensor if _is_ordered(tensor) or beyond <= int(tensor.max()) else _with_one(tensor, beyond, generator)


@transform("negative", "real", "bool")
def negative(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """No value above zero: −|x|. Masks are inverted."""
    import torch

    if tensor.dtype == torch.bool:
        return ~tensor
    return -tensor if tensor.is_complex() else -tensor.abs()


def _scaled(factor: float) -> Transform:
    def scale(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return tensor * factor

    scale.__doc__ = f"The given values × {factor:g}."
    return scale


for _name, _factor in {"x3": 3.0, "x100": 100.0, "x1000": 1000.0, "tiny": TINY}.items():
    transform(_name, "real")(_scaled(_factor))


@transform("constant", "real", "integer", "bool")
def constant(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Every element equal to the first."""
    return tensor.reshape(-1)[0].expand(tensor.shape)


@transform("nan", "real")
def nan(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """One NaN in each floating tensor, at a random place."""
    return _with_one(tensor, float("nan"), generator)


@transform("inf", "real")
def inf(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """One +Inf in each floating tensor, at a random place."""
    return _with_one(tensor, float("inf"), generator)


@transform("sparse", "real")
def sparse(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Nine of ten elements zero, at random places."""
    import torch

    kept = torch.randperm(tensor.numel(), generator=generator)[: max(1, round(KEPT * tensor.numel()))]
    values = torch.zeros(tensor.numel(), dtype=tensor.dtype)
    values[kept] = tensor.reshape(-1)[kept]
    return values.reshape(tensor.shape)


@transform("shuffled", "real", "integer", "bool")
def shuffled(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The given values in random order. Sorted integers (offsets, lengths) stay."""
    import torch

    if _is_ordered(tensor):
        return tensor
    return tensor.reshape(-1)[torch.randperm(tensor.numel(), generator=generator)].reshape(tensor.shape)


@transform("reversed", "real", "integer", "bool")
def reversed_(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The given values, last first. Sorted integers (offsets, lengths) stay."""
    return tensor if _is_ordered(tensor) else tensor.reshape(-1).flip(0).reshape(tensor.shape)


@layout(GIVEN)
def given_layout(tensor: torch.Tensor) -> torch.Tensor:
    """The strides that make_inputs returns."""
    return tensor


@layout("contiguous")
def contiguous(tensor: torch.Tensor) -> torch.Tensor:
    """Row-major, without gaps."""
    return tensor.contiguous()


@layout("channels_last")
def channels_last(tensor: torch.Tensor) -> torch.Tensor:
    """Channels stored last, in 4-D (N, C, H, W) and 5-D (N, C, D, H, W) tensors."""
    import torch

    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    return tensor.contiguous(memory_format=formats[tensor.dim()]) if tensor.dim() in formats else tensor


@layout("transposed")
def transposed(tensor: torch.Tensor) -> torch.Tensor:
    """The last two axes stored in swapped order."""
    return tensor.transpose(-1, -2).contiguous().transpose(-1, -2) if tensor.dim() >= 2 else tensor


@layout("strided")
def strided(tensor: torch.Tensor) -> torch.Tensor:
    """Every second element of a buffer twice as wide."""
    if tensor.dim() == 0:
        return tensor
    wide = tensor.new_empty((*tensor.shape[:-1], 2 * tensor.shape[-1]))
    wide[..., ::2] = tensor
    wide[..., 1::2] = tensor.roll(1, -1)  # valid values at the wrong places: reading the gaps shows
    return wide[..., ::2]


def kind_of(tensor: torch.Tensor) -> str:
    """ "real", "integer", "bool", or "other": sparse, nested and quantized tensors, which no transform applies to."""
    import torch

    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_nested:
        return "other"
    if tensor.dtype == torch.bool:
        return "bool"
    return "real" if tensor.is_floating_point() or tensor.is_complex() else "integer"


def _is_ordered(tensor: torch.Tensor) -> bool:
    """Whether these may be offsets, positions or sorted lengths, whose order is their meaning: 1-D integers, monotone."""
    if kind_of(tensor) != "integer" or tensor.dim() != 1:
        return False
    step = tensor.diff()
    return bool((step >= 0).all() or (step <= 0).all())


def _with_one(tensor: torch.Tensor, value: float, generator: torch.Generator) -> torch.Tensor:
    import torch

    flat = tensor.reshape(-1).clone()
    flat[int(torch.randint(flat.numel(), (1,), generator=generator))] = value
    return flat.reshape(tensor.shape)


def like(tensor: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """`values` with the dtype, strides and requires_grad of `tensor`, so that a change of values changes nothing else."""
    if _overlaps(tensor):
        made = values.to(tensor.dtype, copy=True)
    else:
        made = copy.deepcopy(tensor.detach())  # of the whole storage, gaps included
        made.copy_(values)
    return made.requires_grad_(tensor.requires_grad)


def _overlaps(tensor: torch.Tensor) -> bool:
    """Whether two elements may share memory, as in an expanded tensor."""
    reach = 0
    for step, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size > 1:
            if step <= reach:
                return True
            reach += (size - 1) * step
    return False
