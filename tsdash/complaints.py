"""What exporting complains of: its warnings and its error, each at the line of the user's own that is to blame.

torch locates most of them inside itself. The user's line is on the Python stack when a warning is raised; in the message where
the compiler or the trace check speaks; and otherwise where the compiler was when it called back into Python.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tsdash.spec import ErrorFacts, ExportWarning
from tsdash.tracebacks import SourceMap, clean_text, user_error, user_positions

MAX_WARNINGS = 200  # distinct ones that are kept; a loop can warn without end
SEARCHED = 500_000  # characters of a message; a trace check prints whole graphs

# Graph nodes are printed with "# file:line:column", recorded stacks with "file(line): function".
_GRAPH_POSITION = re.compile(r"((?:/|[A-Za-z]:\\)[^\n:(]+)(?::(\d+):\d+|\((\d+)\): )")
_CHANGED = re.compile(r"^\s*[-+] .*$", re.MULTILINE)  # the lines in which two graphs differ, as difflib marks them


class Heard:
    """The warnings so far, and where the compiler last failed in a call back into Python."""

    def __init__(self, sources: SourceMap) -> None:
        self._sources = sources
        self._found: dict[ExportWarning, None] = {}
        self._dropped = 0
        self.compiling: str | None = None  # the compiler's own report of the call that it could not follow

    def warnings(self) -> tuple[ExportWarning, ...]:
        """Every distinct warning, in the order in which they came first; one without a line only if no other says the same."""
        placed = {warning.message for warning in self._found if warning.line is not None}
        kept = [warning for warning in self._found if warning.line is not None or warning.message not in placed]
        if self._dropped:
            kept.append(ExportWarning(message=f"{self._dropped} more warnings were not kept.", category="Note"))
        return tuple(kept)

    def error(self, exc: BaseException) -> ErrorFacts:
        """The facts of what ended the export."""
        facts = user_error(exc, self._sources)
        if facts.line is not None:
            return facts
        named = _named_line(_text(exc), self._sources) or _named_line(self.compiling or "", self._sources)
        return dataclasses.replace(facts, file=named[0], line=named[1]) if named else facts

    def keep(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: object = None,
        line: str | None = None,
    ) -> None:
        """Stands in for `warnings.showwarning` while the stack that raised the warning is still there."""
        text = _text(message)
        if issubclass(category, (DeprecationWarning, FutureWarning)) and text.startswith("`torch.jit."):
            return  # of the export mode, not of the model
        where, number = _user_line(self._sources) or _named_line(text, self._sources) or (None, None)
        shown = clean_text(self._sources.rename(text))
        warning = ExportWarning(message=shown, file=where, line=number, category=category.__name__)
        if len(self._found) < MAX_WARNINGS or warning in self._found:
            self._found[warning] = None
        else:
            self._dropped += 1


@contextmanager
def heard(sources: SourceMap) -> Iterator[Heard]:
    """Hear every warning raised inside, those that Python or torch would hide included."""
    import torch

    listener = Heard(sources)
    always = torch.is_warn_always_enabled()
    with warnings.catch_warnings(), _compiler_followed(listener):
        warnings.simplefilter("always")
        warnings.showwarning = listener.keep
        torch.set_warn_always(True)  # else a warning of the C++ side comes once per process
        try:
            yield listener
        finally:
            torch.set_warn_always(always)


@contextmanager
def _compiler_followed(listener: Heard) -> Iterator[None]:
    """Note the source position that the compiler hands to Python when what it calls there fails.

    An exception that crosses from Python through the compiler and back loses its traceback on the way.
    """
    import torch.jit._recursive
    import torch.jit._script

    def following(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def follow(compiled: Any, position: Any) -> Any:
            try:
                return function(compiled, position)
            except BaseException:
                if listener.compiling is None:  # the innermost
                    listener.compiling = torch._C.ErrorReport(position).what()
                raise

        return follow

    functions = [(torch.jit._recursive, "try_compile_fn"), (torch.jit._script, "_recursive_compile_class")]
    originals = [(module, name, getattr(module, name)) for module, name in functions if hasattr(module, name)]
    for module, name, original in originals:
        setattr(module, name, following(original))
    try:
        yield
    finally:
        for module, name, original in originals:
            setattr(module, name, original)


def _user_line(sources: SourceMap) -> tuple[str, int] | None:
    """File and line of the deepest frame on the present stack that is the user's."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        name = sources.name(frame.f_code.co_filename)
        if name is not None:
            return name, frame.f_lineno
        frame = frame.f_back
    return None


def _named_line(text: str, sources: SourceMap) -> tuple[str, int] | None:
    """The first position in the user's source that the compiler or the trace check names, where graphs differ before others."""
    named = user_positions(text, sources)
    if named:
        return named[0]
    for part in (*_CHANGED.findall(text), text):
        for path, line, frame_line in _GRAPH_POSITION.findall(part):
            name = sources.name(path)
            if name is not None:
                return name, int(line or frame_line)
    return None


def _text(message: BaseException | str) -> str:
    """The text of a warning or an exception, as much of it as may hold a position; "" where its `__str__` fails."""
    try:
        return str.__str__(str(message))[:SEARCHED]
    except BaseException:  # the model's code runs here
        return ""
