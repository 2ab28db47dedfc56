"""Which line of the model file each line of an exported program comes from.

A TorchScript archive keeps the source range of every piece of its code, and its graph that of every node; torch.export
prints the file and line above the operators.
"""

from __future__ import annotations

import bisect
import pickle
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tsdash.study import TiedLine
from tsdash.tracebacks import SourceMap

MOST_LINES = 4000
_FRAME = re.compile(r"^(.+)\((\d+)\): ", re.MULTILINE)  # of a trace: the stack at the time, innermost first
_COMPILED = re.compile(r'File "([^"\n]+)", line (\d+)')
_OUTPUT = re.compile(r"\s*%([\w.]+) : ")
_PRINTED = re.compile(r"#\s*File: (.+?):(\d+) in ")
_METHOD = re.compile(r"  def ")


def of_archive(path: Path, sources: SourceMap) -> tuple[TiedLine, ...]:
    """The methods in a saved TorchScript archive, line by line, the user's own classes first."""
    files: list[tuple[bool, tuple[TiedLine, ...]]] = []
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        for name in sorted(names):
            ranges = f"{name}.debug_pkl"
            if name.endswith(".py") and ranges in names:
                lines = tuple(_of_file(archive.read(name), pickle.loads(archive.read(ranges)), sources))
                files.append((not any(tied.line for tied in lines), lines))
    ordered = sorted(files, key=lambda file: file[0])
    return tuple(tied for _, lines in ordered for tied in lines)[:MOST_LINES]


def _of_file(raw: bytes, recorded: Any, sources: SourceMap) -> Iterator[TiedLine]:
    """The methods of one file of an archive. `recorded` says from which byte on which source range holds."""
    _, table, ranges = recorded
    starts = [start for start, *_ in ranges]
    lines = [_place(found, table, sources) for _, found, *_ in ranges]
    at, inside, title = 0, False, ""
    for text in raw.decode(errors="replace").splitlines():
        length = len(text.encode()) + 1
        if text.startswith("class "):
            title, inside = text.removeprefix("class ").partition("(")[0], False
        elif _METHOD.match(text):
            inside = True
            yield TiedLine(text=f"# {title}")
        if inside:
            within = lines[bisect.bisect_right(starts, at) - 1 : bisect.bisect_left(starts, at + length)]
            own = [place for place in within if place]
            line = next((line for line, whole in own if whole), own[0][0] if own else None)
            yield TiedLine(text=text[2:], line=None if _METHOD.match(text) else line)
        at += length


def _place(found: Any, table: Any, sources: SourceMap) -> tuple[int, bool] | None:
    """The user's line of one source range, and whether it is within that line: the range of an `if` spans its branches.

    A trace keeps the stack of the call, a script the text of the function and the place in it.
    """
    (texts, file, first), start, end = found
    text = "".join(table[index] for index in texts)
    if _FRAME.search(text):
        line = _innermost(text, sources)
        return (line, True) if line else None
    if not table[file] or table[file] not in sources.files:
        return None
    return first + text[:start].count("\n"), "\n" not in text[start:end]


def _innermost(stack: str, sources: SourceMap) -> int | None:
    return next((int(line) for file, line in _FRAME.findall(stack) if file in sources.files), None)


def of_graph(graph: Any, sources: SourceMap) -> tuple[TiedLine, ...]:
    """A TorchScript graph as text, each node with the user's line."""
    lines = {}
    for node in _nodes(graph):
        outputs = list(node.outputs())
        if outputs:
            lines[outputs[0].debugName()] = _line_of_node(node.sourceRange(), sources)
    tied = []
    for text in str(graph).splitlines():
        output = _OUTPUT.match(text)
        line = lines.get(output[1]) if output else None
        tied.append(TiedLine(text=sources.rename(text), line=line))
    return tuple(tied[:MOST_LINES])


def _nodes(block: Any) -> Iterator[Any]:
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)


def _line_of_node(text: str, sources: SourceMap) -> int | None:
    stacked = _innermost(text, sources)
    compiled = (int(line) for file, line in _COMPILED.findall(text) if file in sources.files)
    return stacked or next(compiled, None)


def of_printed(code: str, filename: str) -> tuple[TiedLine, ...]:
    """torch.export's readable code: what stands below a comment with a file and line comes from there."""
    tied, line = [], None
    for text in code.splitlines():
        place = _PRINTED.search(text)
        if place:
            line = int(place[2]) if place[1] == filename else None
        if text.strip():
            tied.append(TiedLine(text=text, line=line))
        else:
            line = None
    return tuple(tied[:MOST_LINES])
