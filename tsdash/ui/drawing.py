"""The drawing of a graph: a component that shows boxes and lines which are laid out here, and tells which box was chosen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

from tsdash import formats
from tsdash.graph import Graph, Node
from tsdash.layout import Box, draw, operators_in
from tsdash.tokens import DARK, FONT, LIGHT, MARK_TINTS, OUTCOMES, RADIUS_PX
from tsdash.ui.style import pair

HEIGHT_PX = 640
_MISMATCH = OUTCOMES["mismatch"]


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What a drawing points out: nodes that the other graph does not have, that were searched for, the chosen one, and the
    colour of a module by its path."""

    differing: Collection[int] = frozenset()
    found: Collection[int] = frozenset()
    chosen: int | None = None
    colours: Mapping[str, str] | None = None  # CSS
    hints: Mapping[str, str] | None = None


def drawing(
    graph: Graph, opened: Collection[str], marks: Marks, *, key: str, label: str, on_act: Callable[[str], None]
) -> None:
    """The graph with the groups of these keys open. `on_act` is called with `key` when a box is chosen; `chosen` has which."""
    laid_out = draw(graph, opened)
    sizes = operators_in(graph)
    inside = _inside(graph, marks)
    shown = asdict(laid_out)
    shown["boxes"] = [_shown(graph.nodes[box.node], box, marks, inside, sizes) for box in laid_out.boxes]
    height = min(HEIGHT_PX, int(laid_out.height) + 24)
    _COMPONENT(
        key=key,
        data={"drawing": shown, "label": label, "height": height},
        on_act_change=lambda: on_act(key),
    )


def chosen(key: str) -> int | None:
    """The node whose box was chosen just now."""
    node = st.session_state[key].get("act")
    return node if isinstance(node, int) else None


def _inside(graph: Graph, marks: Marks) -> dict[str, dict[int, int]]:
    """How many marked nodes each group holds, by kind of mark."""
    counted: dict[str, dict[int, int]] = {"differing": {}, "found": {}}
    for kind, nodes in (("differing", marks.differing), ("found", marks.found)):
        for node in nodes:
            above = graph.nodes[node].parent
            while above:
                counted[kind][above] = counted[kind].get(above, 0) + 1
                above = graph.nodes[above].parent
    return counted


def _shown(
    node: Node, box: Box, marks: Marks, inside: Mapping[str, Mapping[int, int]], sizes: tuple[int, ...]
) -> dict[str, object]:
    """A box as the component takes it."""
    differ, found = inside["differing"].get(node.id, 0), inside["found"].get(node.id, 0)
    differs = node.id in marks.differing
    classes = [
        name
        for name, is_so in (
            ("open", box.is_open),
            ("differs", differs or (differ and not box.is_open)),
            ("found", node.id in marks.found or (found and not box.is_open)),
            ("chosen", node.id == marks.chosen),
        )
        if is_so
    ]
    count = f" ≠ {formats.count(differ)}" if differ else ""
    title = f"≠ {box.title}" if differs and not differ else box.title
    subtitle = f"{box.subtitle}{count}"
    hint = (marks.hints or {}).get(node.module, "") if node.is_group else ""
    said = [title, box.subtitle, node.arguments if not node.is_group else "", f"differs:{count}" if count else "", hint]
    return {
        "node": node.id,
        "x": box.x,
        "y": box.y,
        "width": box.width,
        "height": box.height,
        "kind": node.kind,
        "marks": classes,
        "is_group": node.is_group and sizes[node.id] > 0,
        "is_open": box.is_open,
        "title": f"{title}  {subtitle}" if box.is_open and count else title,
        "subtitle": subtitle,
        "label": ", ".join(part for part in said if part),
        "hint": "\n".join(part for part in (node.operator, node.arguments, node.user_line or node.where, hint) if part),
        "strip": (marks.colours or {}).get(node.module) if node.kind == "module" else None,
    }


def _look(name: str) -> str:
    return pair((getattr(LIGHT, name), getattr(DARK, name)))


_CSS = f"""
.ts-graph {{ height: var(--ts-height); overflow: auto; border: 1px solid {_look("border")};
  border-radius: {RADIUS_PX}px; background: {_look("page")} }}
.ts-graph svg {{ display: block; margin: 0 auto }}
.ts-graph text {{ font: 13px {FONT}; fill: {_look("text")}; pointer-events: none }}
.ts-graph .sub {{ font-size: 12px; fill: {_look("muted")} }}
.ts-graph .box {{ cursor: pointer; outline: none }}
.ts-graph .box > rect {{ fill: {_look("panel")}; stroke: {_look("border")} }}
.ts-graph .box.operator > rect {{ fill: {_look("page")} }}
.ts-graph .box.open > rect {{ fill: {_look("panel")}; fill-opacity: 0.55 }}
.ts-graph .box:hover > rect {{ stroke: {_look("accent")} }}
.ts-graph .box.differs > rect {{ fill: {pair(MARK_TINTS["guilty"])}; stroke: {pair(_MISMATCH.fill)} }}
.ts-graph .box.open.differs > rect {{ fill-opacity: 1 }}
.ts-graph .box.found > rect {{ stroke: {_look("text")}; stroke-dasharray: 5 3; stroke-width: 2 }}
.ts-graph .box.chosen > rect {{ stroke: {_look("text")}; stroke-width: 2.5 }}
.ts-graph .box:focus-visible > rect {{ stroke: {_look("accent")}; stroke-width: 3 }}
.ts-graph .box > .strip {{ stroke: none !important; fill-opacity: 1 !important }}
.ts-graph .line {{ fill: none; stroke: {_look("muted")}; stroke-width: 1.2; pointer-events: none }}
.ts-graph .head {{ fill: {_look("muted")} }}
"""
_COMPONENT = st.components.v2.component(
    "tsdash_graph",
    html='<div class="ts-graph" role="region" tabindex="-1"></div>',
    css=_CSS,
    js=(Path(__file__).parent / "graph.js").read_text("utf-8"),
)
