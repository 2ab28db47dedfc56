"""The graph of an export: drawn and opened on demand, beside another mode's with what differs marked, and as tree, table and text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import streamlit as st

from tsdash import formats
from tsdash.graph import MODEL, MODULE, Graph, Node, counts, matching, parse
from tsdash.graphdiff import differing
from tsdash.layout import first_opened, operators_in, visible
from tsdash.records import Record
from tsdash.spec import Divergence
from tsdash.ui.drawing import Marks, chosen, drawing
from tsdash.ui.heat import SAID, Heat, heats, ink_on
from tsdash.ui.page import as_markdown, grid, is_dark, section

QUESTION = "What did the export keep?"
ALONE = "nothing"
MOST_NODES = 15_000  # operators of a graph that is drawn; a larger one is a tree and tables
MOST_DRAWN = 500  # boxes at a time
MOST_ROWS = 500  # of what a search finds
SIGN = "≠"
ROW_PX, FEW_ROWS = 27, 15


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The graphs that are looked at, by mode, and what each has that the other has not."""

    graphs: Mapping[str, Graph]
    differing: Mapping[str, frozenset[int]]


def graph_of(record: Record, mode: str) -> None:
    """The graphs of a run, that of `mode` first, with the error of its modules where its leading cause has them."""
    causes = record.causes.get(mode, ())
    graphs = {name: export.graph or "" for name, export in record.exports.items()}
    divergence = causes[0].divergence if causes else ()
    graph_section(graphs, mode, key=f"graph {record.id}", divergence=divergence, on_demand=True)


def graph_section(
    texts: Mapping[str, str],
    mode: str,
    *,
    key: str,
    beside: str | None = None,
    divergence: Sequence[Divergence] = (),
    on_demand: bool = False,
) -> None:
    """The graph of `mode`, one of the texts by mode, at first `beside` another; `divergence` colours modules by error and
    time. `on_demand`: only what it comes to, until the reader wants to see it."""
    if not texts.get(mode):
        section(QUESTION, f"There is no graph of {mode}.", anchor="graph")
        return
    if beside:
        st.session_state.setdefault(f"{key} beside", beside)
    _body(dict(texts), mode, key, tuple(divergence), on_demand)


@st.fragment
def _body(texts: dict[str, str], mode: str, key: str, divergence: tuple[Divergence, ...], on_demand: bool) -> None:
    if on_demand and not st.session_state.get(f"{key} shown"):
        section(QUESTION, _finding(_sides(texts, (mode,))), anchor="graph")
        st.button(
            "Show the graph", icon=":material/account_tree:", key=f"{key} show",
            on_click=st.session_state.__setitem__, args=(f"{key} shown", True),
            help="Draws it, module by module, alone or beside another mode's; with search and counts of operators",
        )  # fmt: skip
        return
    others = [name for name, text in texts.items() if text and name != mode]
    if st.session_state.get(f"{key} beside", ALONE) not in (ALONE, *others):  # another mode is looked at than before
        del st.session_state[f"{key} beside"]
    heading = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        other = st.selectbox(
            "Beside", [ALONE, *others], key=f"{key} beside", width=180, disabled=not others,
            help="The graph of another mode at the side of this one; operators that only one of them has are marked.",
        )  # fmt: skip
        words = st.text_input(
            "Search", key=f"{key} search", placeholder="operator, module, constant", width=240,
            help="Operators whose name, arguments or module hold every one of these words.",
        )  # fmt: skip
        buttons = st.container(horizontal=True, gap="small")
    sides = _sides(texts, (mode,) if other in (ALONE, None) else (mode, str(other)))
    with heading:
        section(QUESTION, _finding(sides), anchor="graph")
    for name, read in sides.graphs.items():
        if read.cut:
            st.warning(
                f"The graph of {name} was longer than what is kept: its end is missing here.",
                icon=":material/content_cut:",
            )
    found = {name: frozenset(node.id for node in matching(read, words or "")) for name, read in sides.graphs.items()}
    with buttons:
        _buttons(sides, mode, texts, key)
    too_many = [name for name, read in sides.graphs.items() if len(read.operators) > MOST_NODES]
    if too_many:
        sizes = " and ".join(f"{name} has {formats.count(len(sides.graphs[name].operators))}" for name in too_many)
        st.info(
            f"Up to {formats.count(MOST_NODES)} operators are drawn; {sizes}. Below are its modules and its operators.",
            icon=":material/account_tree:",
        )
    else:
        _drawings(sides, found, key, divergence)
    if words and words.strip():
        _hits(sides, found)
    cells = grid(2, min_column_width=420)
    with cells.cell():
        _modules(sides, divergence)
    with cells.cell():
        _counts(sides)


@st.cache_resource(max_entries=32, show_spinner="Reading the graph")
def _parsed(text: str) -> Graph:
    return parse(text)


@st.cache_resource(max_entries=16, show_spinner="Comparing the graphs")
def _compared(left: str, right: str) -> tuple[frozenset[int], frozenset[int]]:
    return differing(_parsed(left), _parsed(right))


def _sides(texts: Mapping[str, str], modes: tuple[str, ...]) -> Sides:
    graphs = {name: _parsed(texts[name]) for name in modes}
    marks = _compared(*(texts[name] for name in modes)) if len(modes) == 2 else (frozenset[int](),)
    return Sides(graphs=graphs, differing=dict(zip(modes, marks, strict=True)))


def _finding(sides: Sides) -> str:
    """What the graph comes to, or what tells two apart."""
    if len(sides.graphs) == 2:
        (left, ours), (right, theirs) = sides.differing.items()
        if not ours and not theirs:
            return f"{left} and {right} keep the same operators with the same constants."
        told = ((left, right, ours), (right, left, theirs))
        return (
            "; ".join(
                f"{name} has {formats.counted(len(more), 'operator')} that {other} has not"
                for name, other, more in told
                if more
            )
            + "."
        )
    ((mode, read),) = sides.graphs.items()
    if not read.operators:
        return f"{mode} keeps no operator: what it returns was known when it was exported."
    modules = len({node.module for node in read.operators})
    name, most = counts(read).most_common(1)[0]
    return (
        f"{mode} keeps {formats.counted(len(read.operators), 'operator')} in {formats.counted(modules, 'module')}; "
        f"{formats.count(most)} {'is' if most == 1 else 'are'} {name.partition('::')[2] or name}."
    )


def _opened(sides: Sides, key: str) -> set[str]:
    """The keys of the open groups, the same on both sides."""
    first = next(iter(sides.graphs.values()))
    opened: set[str] = st.session_state.setdefault(f"{key} opened {'|'.join(sides.graphs)}", first_opened(first))
    return opened


def _buttons(sides: Sides, mode: str, texts: Mapping[str, str], key: str) -> None:
    opened = _opened(sides, key)
    groups = {node.key for read in sides.graphs.values() for node in read.nodes if node.is_group}
    most = max(len(read.nodes) - 1 for read in sides.graphs.values())
    st.button(
        "Open all", icon=":material/unfold_more:", key=f"{key} open", on_click=opened.update, args=(groups,),
        disabled=most > MOST_DRAWN,
        help=f"Draw what is in every group; up to {MOST_DRAWN} boxes." if most <= MOST_DRAWN
        else f"All groups open are {formats.count(most)} boxes; {MOST_DRAWN} are the most.",
    )  # fmt: skip
    st.button(
        "Close all", icon=":material/unfold_less:", key=f"{key} close", on_click=opened.clear,
        help="Draw each module as one box.",
    )  # fmt: skip
    st.download_button(
        "Text", texts[mode], f"graph-{mode}.txt", "text/plain", icon=":material/download:", on_click="ignore",
        key=f"{key} text", help=f"The graph of {mode} as PyTorch prints it, with the module and line of each operator",
    )  # fmt: skip


def _drawings(sides: Sides, found: Mapping[str, frozenset[int]], key: str, divergence: tuple[Divergence, ...]) -> None:
    opened = _opened(sides, key)
    note = st.session_state.pop(f"{key} note", "")
    if note:
        st.info(note, icon=":material/unfold_more:")
    known = heats(divergence)
    heat = known.get(_coloured_by(known, key))
    cells = grid(len(sides.graphs), min_column_width=420)
    for mode, read in sides.graphs.items():
        place = f"{key} {mode}"
        selected = st.session_state.get(f"{place} chosen")
        marks = Marks(
            differing=sides.differing[mode],
            found=found[mode],
            chosen=selected,
            colours=heat.css if heat else None,
            hints=heat.words if heat else None,
        )
        with cells.cell():
            if len(sides.graphs) > 1:
                st.markdown(f"**{as_markdown(mode)}**")
            drawing(
                read,
                opened,
                marks,
                key=place,
                label=f"The graph of {mode}. Arrows move between boxes, Enter opens a group or shows an operator.",
                on_act=lambda place, read=read: _act(place, read, opened, key),  # type: ignore[misc]
            )
            if selected is not None and selected < len(read.nodes):
                _details(read, read.nodes[selected])


def _coloured_by(known: Mapping[str, Heat], key: str) -> str:
    """What the strips at the modules show, said above the drawing; "" where nothing was measured."""
    if not known:
        return ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        by = st.segmented_control(
            "Colour modules by", list(known), default=next(iter(known)), required=True, key=f"{key} colour",
            label_visibility="collapsed", help="What the strip at the left of each module shows",
        )  # fmt: skip
        by = by if by in known else next(iter(known))
        st.caption(f"The strip at the left of a module is {SAID[by]}.")
    return by


def _act(place: str, read: Graph, opened: set[str], key: str) -> None:
    """Open or close a group as far as there is room; show an operator."""
    at = chosen(place)
    if at is None or at >= len(read.nodes):
        return
    node = read.nodes[at]
    st.session_state[f"{place} chosen"] = at
    if not node.is_group:
        return
    if node.key in opened:
        opened.discard(node.key)
        return
    boxes = len(visible(read, opened | {node.key}))
    if boxes > MOST_DRAWN:
        st.session_state[f"{key} note"] = (
            f"With {node.operator} open there would be {formats.count(boxes)} boxes; {MOST_DRAWN} are the most. "
            "Close another group first."
        )
        return
    opened.add(node.key)


def _details(read: Graph, node: Node) -> None:
    """All that the graph tells of one node."""
    place = (
        f"{node.where}, called from {node.user_line}" if node.user_line and node.where else node.where or node.user_line
    )
    facts = [
        ("module", node.module or "the model"),
        ("class" if node.kind == MODULE else "type", node.type),
        ("arguments", node.arguments),
        ("from", place),
    ]
    shown = " · ".join(f"{name} `{value.replace('`', chr(39))}`" for name, value in facts if value)
    st.caption(f"**{as_markdown(node.operator)}** {shown}")


def _hits(sides: Sides, found: Mapping[str, frozenset[int]]) -> None:
    """What the search found, as a table."""
    rows = [
        {
            "mode": mode,
            "operator": node.operator,
            "arguments": node.arguments,
            "module": node.module or "the model",
            "line": node.user_line or node.where,
        }
        for mode, read in sides.graphs.items()
        for node in read.operators
        if node.id in found[mode]
    ]
    st.caption(
        f"{formats.counted(len(rows), 'operator')} found"
        + (f", the first {MOST_ROWS}" if len(rows) > MOST_ROWS else "")
    )
    if rows:
        st.dataframe(rows[:MOST_ROWS], hide_index=True, row_height=ROW_PX, alt="Operators that were searched for")


def _modules(sides: Sides, divergence: tuple[Divergence, ...]) -> None:
    """The tree of modules: operators, what differs, and the error where the run has it, in its colour."""
    st.markdown("**Modules**")
    rows: dict[str, dict[str, object]] = {}
    for mode, read in sides.graphs.items():
        sizes = operators_in(read)
        differs = _by_group(read, sides.differing[mode])
        for node in read.nodes:
            if node.kind != MODULE:
                continue
            indent = "\u2003" * (node.key.count("/"))
            name = f"{node.operator} · {node.type}" if node.type else node.operator
            row = rows.setdefault(node.key, {"module": f"{indent}{name}", "path": node.module or "the model"})
            row[mode if len(sides.graphs) > 1 else "operators"] = sizes[node.id]
            if len(sides.graphs) > 1:
                row[SIGN] = int(str(row.get(SIGN, 0))) + differs.get(node.id, 0)
    table = pd.DataFrame(rows.values())
    numbers = [name for name in table if name not in ("module", "path")]
    table[numbers] = table[numbers].fillna(0).astype("int64")
    known = heats(divergence)
    for name, heat in known.items():
        table[name] = [heat.words.get(str(path), formats.ABSENT) for path in table["path"]]
    st.dataframe(
        _coloured(table, known) if known else table,
        column_order=[name for name in table if name != "path"],
        hide_index=True,
        row_height=ROW_PX,
        height=_height(table),
        alt="The modules of the model with the number of operators in each",
    )


def _coloured(table: pd.DataFrame, known: Mapping[str, Heat]) -> object:
    """The table with each error and each time on its colour."""
    dark = is_dark()

    def look(column: pd.Series) -> list[str]:
        colours = [known[str(column.name)].colours.get(str(path)) for path in table["path"]]
        return [f"background-color: {pair[dark]}; color: {ink_on(pair[dark])}" if pair else "" for pair in colours]

    return table.style.apply(look, subset=list(known))


def _by_group(read: Graph, nodes: frozenset[int]) -> dict[int, int]:
    """How many of the nodes are in each group."""
    found: dict[int, int] = {}
    for node in nodes:
        above = node
        while above != MODEL:
            above = read.nodes[above].parent
            found[above] = found.get(above, 0) + 1
    return found


def _counts(sides: Sides) -> None:
    """How often each operator occurs."""
    st.markdown("**Operators**")
    table = pd.DataFrame({mode: pd.Series(counts(read), dtype="int64") for mode, read in sides.graphs.items()})
    table = table.fillna(0).astype("int64").rename_axis("operator").reset_index()
    table = table.sort_values(next(iter(sides.graphs)), ascending=False, kind="stable")
    st.dataframe(table, hide_index=True, row_height=ROW_PX, height=_height(table), alt="How often each operator occurs")


def _height(table: pd.DataFrame) -> int | Literal["content"]:
    """All rows of a small table; a large one scrolls."""
    return "content" if len(table) <= FEW_ROWS else FEW_ROWS * ROW_PX
