"""What a teaching model promises about itself: the cause of its failure in each mode, and the line that is to blame.

A gallery file may say `EXPECTED = {mode: cause or None}`, None for a mode that ships, and `BLAME = {mode: source line}`. Tests hold
the tool to both, and the Learn page asks readers to guess them. Read from the text, nothing is run.
"""

from __future__ import annotations

import ast
from typing import Any

from tsdash.models import files
from tsdash.spec import ModelSource

MENDED = "_mended"  # early_exit_mended is the twin of early_exit


def expected(source: ModelSource) -> dict[str, str | None]:
    """{mode: cause}, None for a mode that ships; {} for a file that promises nothing."""
    return dict(_constant(source, "EXPECTED"))


def blamed(source: ModelSource) -> dict[str, int]:
    """{mode: line number} of the line to blame, for the modes that fail with one."""
    lines = [line.strip() for line in source.text.splitlines()]
    return {mode: lines.index(code) + 1 for mode, code in _constant(source, "BLAME").items()}


def _constant(source: ModelSource, name: str) -> dict[str, Any]:
    for statement in files.parse(source).body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == name for t in statement.targets
        ):
            value = ast.literal_eval(statement.value)
            return value if isinstance(value, dict) else {}
    return {}
