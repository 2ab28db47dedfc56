"""Exceptions and source positions in the user's terms: their own file name and line, whatever the file was saved as.

Standard library only. Nothing here trusts an exception: `__str__` may raise, exit, return 100 MB or text that neither JSON nor
SQLite takes.
"""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType

from tsdash.spec import ErrorFacts

TEXT_BYTES = 8192  # of a message or traceback that is kept, UTF-8
CHAIN = 4  # exceptions of a "caused by" chain that are shown

# Lone surrogates and NUL break JSON and SQLite, escape sequences a terminal, direction marks the reader.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_INSTALLED = ("site-packages", "dist-packages")
_TSDASH = os.path.dirname(os.path.abspath(__file__)) + os.sep
_POSITION = re.compile(r'File "([^"\n]+)", line (\d+)')


@dataclass(frozen=True, kw_only=True)
class SourceMap:
    """Which files on disk are the user's own, and what the user calls them.

    files: path on disk -> the user's name for it.
    aliases: path on disk -> name, for generated files: renamed in texts, but no line of theirs is the user's.
    root: every file below it is the user's too, unless it is an installed package; named by its path relative to `base`.
    """

    files: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    root: str | None = None
    base: str | None = None

    def name(self, path: str) -> str | None:
        """The user's name for the file at `path`; None for a file that is not theirs."""
        if path in self.files:
            return self.files[path]
        if self.root is None or path in self.aliases or not path.startswith(self.root + os.sep):
            return None
        if path.startswith(_TSDASH):  # in a checkout, tsdash itself lies beside what it judges
            return None
        if any(part in _INSTALLED for part in path[len(self.root) :].split(os.sep)):
            return None
        return os.path.relpath(path, self.base or self.root)

    def rename(self, text: str) -> str:
        """`text` with the paths on disk replaced by the user's names."""
        for path, name in (*self.files.items(), *self.aliases.items()):
            text = text.replace(path, name)
        return text


def clean_text(text: str, limit: int = TEXT_BYTES) -> str:
    """`text` fit for JSON, SQLite and a terminal: unsafe characters escaped, at most about `limit` bytes of UTF-8.

    What is too long keeps its head and its tail, with the number of characters between them.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text  # as nearly always
    if len(text) <= limit:
        whole = _escape(text)
        if len(whole.encode()) <= limit:
            return whole
    half = limit // 2
    head = _escape(text[:half]).encode()[:half].decode(errors="ignore")
    tail = _escape(text[-half:]).encode()[-half:].decode(errors="ignore")
    return f"{head}\n… ({len(text):,} characters in all) …\n{tail}"


def type_name(exc: BaseException) -> str:
    """The name of the exception's class, whatever its metaclass says."""
    return clean_text(str.__str__(type.__dict__["__name__"].__get__(type(exc))), 200)


def message_of(exc: BaseException, sources: SourceMap | None = None) -> str:
    """The exception's message, cleaned and cut; says so where its `__str__` fails."""
    try:
        text = str.__str__(str(exc))  # a plain str even where __str__ returns a subclass
    except BaseException as failure:  # the model's code runs here, and it may raise SystemExit as well as anything else
        return f"(its __str__ raised {type_name(failure)})"
    cleaned = clean_text(text)  # before renaming, which would copy a text of 100 MB again and again
    return sources.rename(cleaned) if sources else cleaned


def user_frames(exc: BaseException, sources: SourceMap) -> Iterator[tuple[str, int]]:
    """(file, line) of every frame of the traceback that lies in the user's source, outermost first."""
    step: TracebackType | None = exc.__traceback__
    while step is not None:
        name = sources.name(step.tb_frame.f_code.co_filename)
        if name is not None:
            yield name, step.tb_lineno
        step = step.tb_next


def user_positions(text: str, sources: SourceMap) -> tuple[tuple[str, int], ...]:
    """(file, line) of every `File "…", line …` in a message of TorchScript's that lies in the user's source, in order."""
    found = ((sources.name(path), int(line)) for path, line in _POSITION.findall(text))
    return tuple((name, line) for name, line in found if name is not None)


def user_error(exc: BaseException, sources: SourceMap) -> ErrorFacts:
    """The facts of an exception raised in or below the user's source. Never fails, whatever the exception does."""
    message = message_of(exc, sources)
    try:
        file, line = _position(exc, sources)
    except BaseException:  # its attributes are the model's code too, its class among them
        file, line = None, None
    return ErrorFacts(type=type_name(exc), message=message, file=file, line=line, traceback=_traceback(exc, sources))


def _escape(text: str) -> str:
    return _UNSAFE.sub(lambda match: ascii(match.group())[1:-1], text.replace("\r\n", "\n"))


def _position(exc: BaseException, sources: SourceMap) -> tuple[str | None, int | None]:
    """The line to blame: of a syntax error, else the deepest frame of the user's, else what a TorchScript message names."""
    for link in _chain(exc):
        if isinstance(link, SyntaxError):
            name = sources.name(link.filename) if type(link.filename) is str else None
            if name is not None and type(link.lineno) is int:
                return name, link.lineno
        frames = list(user_frames(link, sources))
        if frames:
            return frames[-1]
        try:
            text = str.__str__(str(link))
        except BaseException:  # see message_of
            continue
        named = user_positions(text if len(text) < 64 * TEXT_BYTES else text[: 64 * TEXT_BYTES], sources)
        if named:  # the compiler names the culprit first, the interpreter's traceback last
            return named[-1] if "Traceback of TorchScript" in text else named[0]
    return None, None


def _chain(exc: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = exc
    for _ in range(CHAIN):
        if link is None:
            return
        yield link
        try:
            link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
        except BaseException:  # see user_error
            return


def _traceback(exc: BaseException, sources: SourceMap) -> str:
    """The traceback as Python prints it, the cause first. Written here because `traceback` calls every `__str__` uncut."""
    parts = []
    for link in _chain(exc):
        try:
            frames = "".join(traceback.format_list(traceback.extract_tb(link.__traceback__)))
        except BaseException as failure:  # reading source lines asks the model's own __loader__
            frames = f"  (its frames cannot be read: {type_name(failure)})\n"
        parts.append(f"Traceback (most recent call last):\n{frames}{type_name(link)}: {message_of(link, sources)}\n")
    return clean_text(sources.rename("\nwhich led to:\n\n".join(reversed(parts))))
