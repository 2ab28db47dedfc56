"""Choices → cases: one base case, then one changed respect at a time, or the full product.

Nothing here runs a model: the plan is made from the dims that a model file declares, so that a page can show it before Run.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tsdash.errors import OptionError, unknown
from tsdash.spec import EFFORTS, GIVEN, Case, Sweep

MAX_CASES = 10_000
LARGE_DIM = 64  # beyond it a doubled size costs more than it teaches

# Values that break an export, the most telling first: a sign, a size, a missing number; then the degenerate ones.
QUICK_VALUES = ("negative", "x100", "zeros", "nan")
STANDARD_VALUES = (
    *QUICK_VALUES,
    "normal",
    "x3",
    "tiny",
    "inf",
    "shuffled",
    "constant",
    "sparse",
    "ones",
    "plus_one",
    "minus_one",
    "outside",
)
THOROUGH_VALUES = (*STANDARD_VALUES, "uniform", "x1000", "reversed")
STANDARD_DTYPES = ("float64", "float16", "bfloat16", "inputs:float64")
THOROUGH_DTYPES = (*STANDARD_DTYPES, "inputs:float16", "inputs:bfloat16", "inputs:int32", "inputs:int64")
STANDARD_LAYOUTS = ("transposed", "strided", "channels_last")
THOROUGH_LAYOUTS = (*STANDARD_LAYOUTS, "contiguous")

SEARCH_S = {"quick": 0.0, "standard": 2.0, "thorough": 20.0}  # for narrowing the failures of one mode down, by effort


def own_plan(dims: Mapping[str, int], effort: str) -> Sweep:
    """The sweep that tsdash chooses for a model with these default `dims` when the user gives no axis."""
    if effort not in EFFORTS:
        raise unknown("effort", effort, EFFORTS)
    quick = effort == "quick"
    return Sweep(
        dims={name: (size, *(other for other in _sizes(size, effort) if other >= 1)) for name, size in dims.items()},
        values={"quick": QUICK_VALUES, "standard": STANDARD_VALUES, "thorough": THOROUGH_VALUES}[effort],
        dtypes={"quick": ("float64",), "standard": STANDARD_DTYPES, "thorough": THOROUGH_DTYPES}[effort],
        devices=("meta",),
        layouts={"quick": (), "standard": STANDARD_LAYOUTS, "thorough": THOROUGH_LAYOUTS}[effort],
        training=(False,),
        grad=(True,),
        calls=(3,) if quick else (2, 3),
        seeds=(1,) if quick else (1, 2) if effort == "standard" else (1, 2, 3, 4, 5),
    )


PRESETS = {  # which axes of a plan stay
    "everything": ("dims", "values", "dtypes", "devices", "layouts", "training", "grad", "calls", "seeds"),
    "shapes": ("dims", "layouts"),
    "numbers": ("values", "seeds"),
    "precision": ("dtypes",),
    "state": ("training", "grad", "calls"),
    "devices": ("devices",),
    "base case only": (),
}


def preset(sweep: Sweep, name: str) -> Sweep:
    """`sweep` with the axes of one of PRESETS alone. Raises OptionError."""
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    return Sweep(**{axis: getattr(sweep, axis) for axis in PRESETS[name]})


def _sizes(size: int, effort: str) -> Iterator[int]:
    """Sizes worth trying beside the default: up, down to one, odd, and by a large factor."""
    yield size + 1
    if effort == "quick":
        yield 1
        return
    yield from (1, size - 1, size + 3, size * 2 if size <= LARGE_DIM else size + LARGE_DIM // 2)
    if effort == "thorough":
        yield from (2, size + 2, size * 3 + 1 if size <= LARGE_DIM else size + LARGE_DIM + 1, max(1, size // 2))


def cases(sweep: Sweep, dims: Mapping[str, int], seed: int = 0) -> tuple[Case, ...]:
    """Every case of `sweep` for a model with the default `dims`, the base case first, no case twice.

    A dim whose default is not among the sizes asked for has the first of them in the base case.
    Raises OptionError for a dim that the model does not have, and for a size or a call below 1.
    """
    _check_dims(sweep, dims)
    if any(call < 1 for call in sweep.calls):
        raise OptionError(f"Call {min(sweep.calls)} is not allowed: calls are counted from 1.")
    base_dims = {
        n: d if d in sweep.dims.get(n, (d,)) or not sweep.dims[n] else sweep.dims[n][0] for n, d in dims.items()
    }
    base = Case(id="c1", dims=base_dims, seed=seed)
    changes = _product(sweep, base) if sweep.product else _one_at_a_time(sweep, base)
    distinct = {identity(case): case for case in reversed(changes)}  # of two alike the first keeps its name
    found = [distinct[key] for key in dict.fromkeys(map(identity, changes)) if key != identity(base)]
    if len(found) >= MAX_CASES:
        raise OptionError(
            f"The sweep has {len(found) + 1} cases; at most {MAX_CASES} are allowed. Vary fewer axes or drop --product."
        )
    return (base, *(replace(case, id=f"c{number}") for number, case in enumerate(found, 2)))


def _check_dims(sweep: Sweep, dims: Mapping[str, int]) -> None:
    for name, sizes in sweep.dims.items():
        if name not in dims:
            raise (
                unknown("dim", name, dims)
                if dims
                else OptionError(
                    f"Unknown dim {name!r}: make_inputs of this model has no integer default, so no dim can be swept."
                )
            )
        for size in sizes:
            if size < 1 and size != dims[name]:
                raise OptionError(f"dim {name}={size} is not allowed: sizes are whole numbers from 1 up.")


def _axes(sweep: Sweep) -> dict[str, tuple[Any, ...]]:
    """The swept fields of a case besides dims, by name."""
    fields: dict[str, tuple[Any, ...]] = {
        "values": sweep.values,
        "dtype": sweep.dtypes,
        "device": sweep.devices,
        "layout": sweep.layouts,
        "training": sweep.training,
        "grad": sweep.grad,
        "call": sweep.calls,
        "seed": sweep.seeds,
    }
    return {name: tuple(options) for name, options in fields.items() if options}


def _one_at_a_time(sweep: Sweep, base: Case) -> list[Case]:
    found = []
    for name, sizes in sweep.dims.items():
        found += [replace(base, dims={**base.dims, name: size}, varied=name) for size in sizes if size >= 1]
    others = {
        name: [size for size in sizes if size >= 1 and size != base.dims[name]] for name, sizes in sweep.dims.items()
    }
    grown = {name: sizes[0] for name, sizes in others.items() if sizes}
    if len(grown) > 1:  # sizes that only fail together
        found.append(replace(base, dims={**base.dims, **grown}, varied="all dims"))
    for field, options in _axes(sweep).items():
        found += [replace(base, **{field: option}, varied=field) for option in options]
    return found


def _product(sweep: Sweep, base: Case) -> list[Case]:
    dims = [[(name, size) for size in dict.fromkeys((base.dims[name], *sizes))] for name, sizes in sweep.dims.items()]
    axes = _axes(sweep)
    fields = [
        [(name, option) for option in dict.fromkeys((getattr(base, name), *options))] for name, options in axes.items()
    ]
    count = 1
    for choices in (*dims, *fields):
        count *= len(choices)
    if count > MAX_CASES:
        raise OptionError(
            f"The product has {count} cases; at most {MAX_CASES} are allowed. Give fewer values to an axis."
        )
    found = []
    for sizes in itertools.product(*dims):
        for options in itertools.product(*fields):
            case = replace(base, dims={**base.dims, **dict(sizes)}, **dict(options))
            found.append(replace(case, varied=_varied(case, base)))
    return found


def _varied(case: Case, base: Case) -> str:
    changed = [name for name, size in case.dims.items() if size != base.dims[name]]
    changed += [
        f
        for f in ("values", "dtype", "device", "layout", "training", "grad", "call", "seed")
        if getattr(case, f) != getattr(base, f)
    ]
    return " · ".join(changed) or "base"


def identity(case: Case) -> tuple[object, ...]:
    """What makes a case the same as another: its inputs and circumstances, not its number."""
    return (tuple(sorted(case.dims.items())), *circumstances(case))


def circumstances(case: Case) -> tuple[object, ...]:
    """The same without the sizes."""
    return (
        case.values,
        case.dtype,
        case.device,
        case.layout,
        case.training,
        case.grad,
        case.call,
        case.seed,
        case.toward,
        case.share,
        tuple(sorted(case.elements.items())),
        case.inputs,
    )


def parse_sizes(text: str) -> tuple[int, ...]:
    """Sizes as a user writes them: "1,2,4", a range "8:64:8" (end included), or a mix. Raises OptionError."""
    sizes: list[int] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        try:
            bounds = [int(bound) for bound in part.split(":")]
        except ValueError:
            raise OptionError(
                f"Cannot read {part!r} as a size: write whole numbers such as 1,2,4 or a range such as 8:64:8."
            ) from None
        if len(bounds) > 3 or (len(bounds) == 3 and bounds[2] < 1) or (len(bounds) > 1 and bounds[1] < bounds[0]):
            raise OptionError(
                f"Cannot read {part!r} as a range: write start:end or start:end:step, the step from 1 up."
            )
        found = bounds if len(bounds) == 1 else range(bounds[0], bounds[1] + 1, bounds[2] if len(bounds) == 3 else 1)
        if len(sizes) + len(found) > MAX_CASES:
            raise OptionError(f"{part} is too many sizes: at most {MAX_CASES} cases are allowed. Write a larger step.")
        sizes += found
    return tuple(dict.fromkeys(sizes))


def describe(case: Case, base: Case | None = None) -> str:
    """What is special about a case, in words: "batch 4, negative values"."""
    parts = [f"{name} {size}" for name, size in case.dims.items() if base is None or base.dims.get(name) != size]
    parts += [f"{case.values} values"] if case.values != GIVEN and not case.toward else []
    parts += [f"values {case.share:.4g} of the way from {case.values} to {case.toward}"] if case.toward else []
    parts += [f"inputs of {Path(case.inputs).name}"] if case.inputs else []
    parts += ["plain elements"] if case.elements else []
    parts += (
        [f"{case.dtype.replace('inputs:', '')} {'inputs' if case.dtype.startswith('inputs:') else 'module and inputs'}"]
        if case.dtype != GIVEN
        else []
    )
    parts += [f"{case.layout} layout"] if case.layout != GIVEN else []
    parts += [f"on {case.device}"] if case.device != "cpu" else []
    parts += [] if case.training is None else ["train()" if case.training else "eval()"]
    parts += ["grad on"] if case.grad else []
    parts += [f"call {case.call}"] if case.call != 1 else []
    parts += [f"seed {case.seed}"] if base is None or case.seed != base.seed else []
    return ", ".join(parts) or "the base case"


def with_files(planned: tuple[Case, ...], files: Iterable[str]) -> tuple[Case, ...]:
    """The planned cases, and one on the inputs of each file."""
    base, n = planned[0], len(planned)
    extra = (replace(base, id=f"c{n + i}", inputs=file, varied="inputs") for i, file in enumerate(files, 1))
    return (*planned, *extra)


def swept(cases: Iterable[Case]) -> list[str]:
    """What a plan varies, in the order of its cases."""
    return list(dict.fromkeys(case.varied for case in cases))
