"""What a search found, in one sentence each."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tsdash import formats, plan
from tsdash.search.flip import Flip, words_for
from tsdash.search.frontier import Edge, Frontier
from tsdash.search.shrinking import Shrunk
from tsdash.spec import Case, InputFacts, SizeRange

MOST_SIZES = 6  # that a sentence lists


def frontier(found: Frontier, allowed: SizeRange | None = None) -> str:
    """Where sizes of a dim begin to fail, beside what torch.export allows; or how they came out where there is no such place."""
    return f"{found.dim}: {_sizes(found)}{_allowed(found, allowed)}."


def _sizes(found: Frontier) -> str:
    if not found.fail:
        return f"agrees at every size tried, {_list(found.agree)}"
    if found.step is not None:
        return f"agrees at multiples of {found.step} alone ({_list(found.agree)}), fails at {_list(found.fail)}"
    if not found.monotone:
        return f"fails at {_list(found.fail)}, and agrees at {_list(found.agree)}"
    if found.agree == (found.base,):
        return f"agrees at {found.base} alone, fails at {_list(found.fail)}"
    sides = [_side(found, edge) for edge in (found.down, found.up) if edge.fails is not None]
    return f"fails {' and '.join(sides)}; agrees at {_list(found.agree)}"


def _side(found: Frontier, edge: Edge) -> str:
    """Where one side of the base fails, and what of the sizes beyond and before was tried."""
    assert edge.fails is not None
    up = edge.fails > found.base
    tried = [size for size in found.fail if (size > found.base) is up]
    if len(tried) > 1:
        where = f"from {edge.fails} {'up' if up else 'down'} (tried: {_list(tried)})"
    elif edge.fails == 1:
        where = "at 1"
    else:
        where = f"at {edge.fails}, the {'largest' if up else 'smallest'} size tried"
    gap = abs(edge.fails - edge.agrees) > 1
    return where + (f" (between {edge.agrees} and {edge.fails} nothing is known)" if gap else "")


def _allowed(found: Frontier, allowed: SizeRange | None) -> str:
    if allowed is None:
        return ""
    if allowed.low == allowed.high:
        return f"; torch.export takes {allowed.low} alone"
    if allowed.high is None:
        return f"; torch.export takes every size from {allowed.low} up"
    return f"; torch.export takes {allowed.low} to {allowed.high}"


def flip(found: Flip) -> str:
    """The point between two inputs at which the answer becomes wrong."""
    between = f"Between {words_for(found.values)} and {words_for(found.toward)}"
    again = " for the first time" if found.several else ""
    if not found.statistic:
        return f"{between} the export goes wrong{again} at {formats.share(1, 1) if found.share[1] == 1 else f'{100 * found.share[1]:.4g} %'} of the way."
    good, bad = _pair(*found.at)
    if found.threshold is not None:
        return f"{between} the export goes wrong{again} where {found.path}.{found.statistic}() passes {_number(found.threshold)}: it agrees at {good} and fails at {bad}."
    return f"{between} the export goes wrong{again} between {found.path}.{found.statistic}() = {good}, where it agrees, and {bad}."


def shrunk(found: Shrunk, base: Case) -> str:
    """The smallest input that fails, its values in full where they are few."""
    sizes = ", ".join(f"{name} {size}" for name, size in found.case.dims.items())
    how = [sizes, _circumstances(found.case, base)] if found.inputs else [plan.describe(found.case)]
    values = "; ".join(f"{facts.path} = {tensor(facts)}" for facts in found.inputs)
    return f"The smallest input that fails: {': '.join(filter(None, (', '.join(filter(None, how)), values)))}."


def tensor(facts: InputFacts) -> str:
    """A tensor as Python writes it, where all its elements are known; else what it is and what its values come to."""
    if facts.elements and len(facts.elements) == math.prod(facts.shape):
        if len(set(map(repr, facts.elements))) == 1 and len(facts.elements) > 4:
            return f"{_shape(facts)}, all {_number(facts.elements[0])}"
        return _nested([_number(element) for element in facts.elements], facts.shape)
    if facts.finite and facts.low == facts.high and facts.finite == math.prod(facts.shape):
        return f"{_shape(facts)}, all {_number(facts.low)}"
    return f"{_shape(facts)}, from {_number(facts.low)} to {_number(facts.high)}" if facts.finite else _shape(facts)


def _shape(facts: InputFacts) -> str:
    return f"{' × '.join(map(str, facts.shape)) or 'one'} {facts.dtype}"


def _nested(words: Sequence[str], shape: Sequence[int]) -> str:
    if not shape:
        return words[0]
    step = len(words) // shape[0]
    return f"[{', '.join(_nested(words[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0]))}]"


def _circumstances(case: Case, base: Case) -> str:
    """What is special about a case beside sizes and values."""
    plain = Case(id=case.id, dims=base.dims, dtype=case.dtype, device=case.device, layout=case.layout, training=case.training, grad=case.grad, call=case.call, seed=case.seed)  # fmt: skip
    words = plan.describe(plain, base)
    return "" if words == plan.describe(base, base) else words


def _number(value: float) -> str:
    """A number with no more digits than it needs."""
    if math.isnan(value):
        return "NaN"
    return f"{value:.6g}".replace("inf", "∞").replace("-", "−")


def _pair(one: float, other: float) -> tuple[str, str]:
    """Two numbers with as many digits as tell them apart, and no more than they are worth."""
    for digits in range(3, 12):
        written = f"{one:.{digits}g}", f"{other:.{digits}g}"
        if written[0] != written[1]:
            break
    return written[0].replace("-", "−"), written[1].replace("-", "−")


def _list(sizes: Sequence[int]) -> str:
    """Sizes in words, runs as one."""
    runs: list[list[int]] = []
    for size in sizes:
        if runs and size == runs[-1][-1] + 1:
            runs[-1].append(size)
        else:
            runs.append([size])
    words = [f"{run[0]} to {run[-1]}" if len(run) > 2 else formats.joined([str(n) for n in run]) for run in runs]
    if all(len(run) <= 2 for run in runs):
        words = [str(size) for size in sizes]
    return formats.joined(
        words if len(words) <= MOST_SIZES else [*words[: MOST_SIZES - 1], f"{len(words) - MOST_SIZES + 1} more"]
    )
