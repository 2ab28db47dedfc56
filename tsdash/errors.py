"""The errors that a user can cause. Each message says the value, what is allowed and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can put right. Shown as one message; `file` and `line` point into their source where known."""

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.file = file
        self.line = line


class OptionError(UserError):
    """A choice that does not exist or a value outside its range."""


class ModelError(UserError):
    """A model that cannot be found or loaded."""


def unknown(noun: str, value: str, allowed: Iterable[str]) -> OptionError:
    """The error for a name that is not in `allowed`, with the nearest one that is."""
    names = list(allowed)
    near = difflib.get_close_matches(value, names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    shown = ", ".join(names[:40]) + (f", … ({len(names)} in all)" if len(names) > 40 else "")
    return OptionError(f"Unknown {noun} {value!r}.{hint} Allowed: {shown}.")
