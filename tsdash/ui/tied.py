"""Source beside what became of it: lines of one origin share a tint, and what is missing is said where it would be."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence

from tsdash.spec import ModelSource
from tsdash.study import Study, TiedLine
from tsdash.tokens import LINE_TINTS
from tsdash.ui.html import tied_panes
from tsdash.ui.lesson import to_read

NOT_RECORDED = "no decision was recorded"
NOT_REACHED = "never ran, so it does not exist"
_TITLE = "# "  # above each method of an archive, with its class, see `ties.of_archive`
_METHOD = re.compile(r"def (\w+)\(")
_MANGLED = re.compile(r"__torch__\.(?:\w+\.)*(\w+)")
Owner = tuple[str, str]  # the class, "" for none, and the function
Pane = tuple[str, Sequence[tuple[int | None, str, int | None]]]


def panes(source: ModelSource, study: Study, *, modes: Sequence[str], what: str = "code") -> str:
    """The source and each mode's code or graph side by side."""
    text, first = to_read(source)
    kept = {mode: _of_user(study.modes[mode].graph if what == "graph" else study.modes[mode].code) for mode in modes}
    ties = _ties(source, {tied.line for lines in kept.values() for tied in lines if tied.line})
    written = ties | {line: ties[above] for line, above in _elses(source).items() if above in ties}
    shown: list[Pane] = [
        (
            f"You wrote: {source.filename}" if what == "code" else f"Your lines: {source.filename}",
            [(first + i, line, written.get(first + i)) for i, line in enumerate(text.splitlines())],
        )
    ]
    decisions, owners = _decisions(source), _owners(source)
    for mode, lines in kept.items():
        title = f"{mode} kept: {what}" if lines else f"{mode} kept nothing"
        shown.append((title, _rows(lines, ties, study.steps, decisions, owners)))
    return tied_panes(shown)


def _rows(
    lines: Sequence[TiedLine], ties: dict[int, int], steps: Sequence[int], decisions: set[int], owners: dict[int, Owner]
) -> list[tuple[int | None, str, int | None]]:
    """The lines of one pane. A line of forward that others kept and this one did not has a remark in its place, in the method
    that stands for the function it was written in."""
    have = {tied.line for tied in lines if tied.line}
    blocks = _blocks(lines)
    gone: dict[int, list[int]] = {}  # by block
    for line in sorted(ties):
        if blocks and line not in have and line in owners:
            gone.setdefault(_home(blocks, owners[line], owners), []).append(line)
    rows: list[tuple[int | None, str, int | None]] = []
    number = 0
    for at, block in enumerate(blocks):
        missing = gone.get(at, [])
        for tied in block:
            number += 1
            while tied.line and missing and missing[0] < tied.line:
                rows.append(_gone(missing.pop(0), ties, steps, decisions))
            rows.append((number, _short(tied.text), ties.get(tied.line) if tied.line else None))
        returns = block[-1].line is None and block[-1].text.strip().startswith("return ")
        last = [rows.pop()] if returns else []  # of no line of its own, and yet the last
        rows += [*(_gone(line, ties, steps, decisions) for line in missing), *last]
    return rows or [(None, "nothing was exported", None)]


def _home(blocks: Sequence[Sequence[TiedLine]], owner: Owner, owners: dict[int, Owner]) -> int:
    """Which block a line of the function belongs to: the method itself, else one of its class (a trace keeps forward alone),
    else one that has other lines of the function. A trace ties the operators of a layer to the line that calls it, so lines
    alone do not tell."""

    def fits(block: Sequence[TiedLine]) -> tuple[bool, bool, bool]:
        title = _title(block)
        method = next((found[1] for tied in block if (found := _METHOD.match(tied.text))), "")
        of_class = not title or title == owner[0]
        shared = any(owners.get(tied.line) == owner for tied in block if tied.line)
        return of_class and method == owner[1], of_class, shared

    scores = [fits(block) for block in blocks]
    return scores.index(max(scores))


def _gone(line: int, ties: dict[int, int], steps: Sequence[int], decisions: set[int]) -> tuple[None, str, int]:
    said = NOT_RECORDED if line in decisions else NOT_REACHED if line not in steps else "left no operator"
    return None, f"  {said}", ties[line]


def _of_user(lines: Sequence[TiedLine]) -> list[TiedLine]:
    """The methods in which a line of the model file is; without the titles of classes where there is one method."""
    own = [block for block in _blocks(lines) if any(tied.line for tied in block)]
    if len(own) == 1 and _title(own[0]):
        own = [own[0][1:]]
    return [tied for block in own for tied in block]


def _blocks(lines: Sequence[TiedLine]) -> list[list[TiedLine]]:
    """One block a method, where a title stands above each."""
    blocks: list[list[TiedLine]] = []
    for tied in lines:
        if tied.text.startswith(_TITLE) or not blocks:
            blocks.append([])
        blocks[-1].append(tied)
    return blocks


def _title(block: Sequence[TiedLine]) -> str:
    """The class whose method a block is; empty where it has no title."""
    return block[0].text.removeprefix(_TITLE) if block[0].text.startswith(_TITLE) else ""


def _short(text: str) -> str:
    """A line of code or of a graph without what its colour says, and with the last part of a mangled name alone."""
    return _MANGLED.sub(r"\1", text.partition(" # ")[0])


def _ties(source: ModelSource, lines: Collection[int]) -> dict[int, int]:
    """A tint for each of these source lines and for the other statements of their functions, in the order of the source."""
    tied = set(lines)
    for function in _functions(source):
        statements = {
            node.lineno
            for node in ast.walk(function)
            if isinstance(node, ast.stmt)
            and node is not function
            and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
            and not (isinstance(node, ast.Return) and isinstance(node.value, ast.Name))
        }
        if statements & set(lines):
            tied |= statements
    return {line: i % len(LINE_TINTS) for i, line in enumerate(sorted(tied))}


def _elses(source: ModelSource) -> dict[int, int]:
    """The lines that say `else:`, each with the line of its decision."""
    lines = source.text.splitlines()
    return {
        at: node.lineno
        for node in ast.walk(ast.parse(source.text))
        if isinstance(node, (ast.If, ast.For, ast.While)) and node.orelse
        for at in range(node.body[-1].end_lineno or node.lineno, node.orelse[0].lineno)
        if lines[at - 1].strip().startswith("else")
    }


def _functions(source: ModelSource) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(ast.parse(source.text)) if isinstance(node, ast.FunctionDef)]


def _decisions(source: ModelSource) -> set[int]:
    return {node.lineno for node in ast.walk(ast.parse(source.text)) if isinstance(node, (ast.If, ast.For, ast.While))}


def _owners(source: ModelSource) -> dict[int, Owner]:
    """The class and the function that each line of a function lies in."""
    owners: dict[int, Owner] = {}
    for holder in ast.walk(ast.parse(source.text)):  # from the outside in
        title = holder.name if isinstance(holder, ast.ClassDef) else ""
        for function in getattr(holder, "body", ()) if isinstance(holder, (ast.ClassDef, ast.Module)) else ():
            if isinstance(function, ast.FunctionDef):
                lines = range(function.lineno, (function.end_lineno or function.lineno) + 1)
                owners |= dict.fromkeys(lines, (title, function.name))
    return owners
