"""The modules of a model as a tree, each with how far its output is off, as HTML on our own `ts-` classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from math import inf, log10

from tsdash import formats
from tsdash.spec import Divergence
from tsdash.tokens import OUTCOMES, delta_colour
from tsdash.ui.style import pair

ROOT = "the model"
MOST_ROWS = 200  # modules that are listed; the others of an even larger model are the least interesting


def module_tree(found: Sequence[Divergence]) -> str:
    """One row a module, indented by its place in the model: as the export runs, and fed eager's own inputs."""
    worst = _worst(found)
    rows = list(_ordered(worst))
    head = '<tr><th>module</th><th title="largest |Δ| as the export runs, with all error before it">as it runs</th><th title="largest |Δ| of the module exported alone and fed eager\'s own inputs">by itself</th></tr>'
    body = "".join(_row(depth, name, worst.get(path)) for depth, name, path in rows[:MOST_ROWS])
    more = f"<tr><td>… and {formats.count(len(rows) - MOST_ROWS)} more</td></tr>" if len(rows) > MOST_ROWS else ""
    table = f'<table class="ts-tree"><thead>{head}</thead><tbody>{body}{more}</tbody></table>'
    return f'<div class="ts-scroll ts-tall" tabindex="0" role="region" aria-label="Modules by error">{table}</div>'


def _worst(found: Iterable[Divergence]) -> dict[str, Divergence]:
    """By path, the call of a module that is furthest off."""
    worst: dict[str, Divergence] = {}
    for module in found:
        known = worst.get(module.path)
        if known is None or _size(module) > _size(known):
            worst[module.path] = module
    return worst


def _size(module: Divergence) -> float:
    return max(module.local or 0.0, module.accumulated or 0.0)


def _ordered(worst: dict[str, Divergence]) -> Iterator[tuple[int, str, str]]:
    """Depth, name and path of every module, parents before children, children as they ran; a parent that is only a
    container has no call of its own and is there for its children."""
    children: dict[str, dict[str, None]] = {}
    for path in worst:
        parts = [] if path == ROOT else path.split(".")
        for n in range(len(parts)):
            children.setdefault(".".join(parts[:n]), {})[".".join(parts[: n + 1])] = None

    def below(path: str, depth: int) -> Iterator[tuple[int, str, str]]:
        for child in children.get(path, {}):
            yield depth, child.rpartition(".")[2], child
            yield from below(child, depth + 1)

    if ROOT in worst:
        yield 0, ROOT, ROOT
    yield from below("", 1)


def _row(depth: int, name: str, module: Divergence | None) -> str:
    kind = f' <span class="ts-sub">{escape(module.type)}</span>' if module else ""
    cells = "".join(_cell(error) for error in ((module.accumulated, module.local) if module else (None, None)))
    return f'<tr><td style="padding-left:{1.2 * depth:.1f}em">{escape(name)}{kind}</td>{cells}</tr>'


def _cell(error: float | None) -> str:
    """A colour and the number; an error that could not be measured is said to be absent."""
    if error is None:
        return f'<td class="ts-num ts-sub">{formats.ABSENT}</td>'
    if error == 0:
        fill = pair(OUTCOMES["identical"].fill)
    else:
        exponent = log10(error) if error != inf else 0.0
        fill = pair((delta_colour(exponent, False), delta_colour(exponent, True)))
    text = "another shape, NaN or ∞" if error == inf else formats.delta(error)
    return f'<td class="ts-num"><span class="ts-swatch ts-edged" style="background:{fill}"></span>{text}</td>'
