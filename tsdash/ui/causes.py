"""Cause cards: what happened, what was seen, whether it is proved, and the fix as code."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Sequence

import streamlit as st

from tsdash.diagnose.catalogue import CAUSES
from tsdash.exporters import EXPORTERS
from tsdash.spec import Cause
from tsdash.ui.html import code_view, diff_view
from tsdash.ui.marks import first_line
from tsdash.ui.page import as_markdown

MOST_CAUSES = 5
UNKNOWN = "unknown"
CODE_CHARACTERS = 76  # of a line of a fix that stays readable beside the source
PROVED_HELP = "Eager was run on the failing inputs with this one value put back to what it was while exporting, and answered exactly as the export does."


def cards(causes: Sequence[Cause], mode: str) -> None:
    """One card a cause of the mode's failures, best explained first; what nothing explains comes last and small."""
    known = [cause for cause in causes[:MOST_CAUSES] if cause.cause != UNKNOWN]
    for number, cause in enumerate(known or causes[:MOST_CAUSES]):
        _card(cause, mode, leading=number == 0)
    for cause in causes:
        if known and cause.cause == UNKNOWN:
            st.caption(f"Not explained by this: {as_markdown(first_line(cause.message))}")


def _card(cause: Cause, mode: str, *, leading: bool) -> None:
    place = f" {as_markdown(cause.file or '')} line {cause.line}" if cause.line else ""
    proof = " :green-badge[✓ proved]" if cause.proved else ""
    st.markdown(f":red-badge[{cause.cause}]{proof}{place}", help=PROVED_HELP if cause.proved else None)
    if cause.message and not leading:  # the leading one is the heading above
        st.markdown(as_markdown(cause.message))
    if cause.evidence:
        st.markdown("\n".join(f"- {as_markdown(' '.join(sentence.split()))}" for sentence in cause.evidence))
    if cause.fix:
        fix(cause.fix)
    if leading and (taught := lesson(cause.cause, mode)):
        st.caption(as_markdown(taught))


def lesson(cause: str, mode: str) -> str:
    """Why a cause happens, by what the mode does: a program of torch.export often raises where a trace answers wrongly."""
    if cause not in CAUSES or cause == UNKNOWN:
        return ""
    entry, exporter = CAUSES[cause], EXPORTERS.get(mode)
    return (exporter is not None and exporter.suffix == ".pt2" and entry.why_program) or entry.why


def fix(text: str) -> None:
    """A fix as a diff, as code, or as an instruction, whichever it is."""
    if text.startswith(("--- ", "@@", "-", "+")):
        st.html(diff_view(text, title="Fix"))
    elif is_code(text):
        st.html(code_view(_remarks_above(text), title="Fix"))
    else:
        st.markdown(f"**Fix** {as_markdown(text)}")


def is_code(text: str) -> bool:
    """Whether a fix is Python, an ellipsis standing for what stays as it is."""
    whole = text.replace("…", "_")
    for candidate in (whole, f"{whole}\n    pass"):
        try:
            ast.parse(candidate)
        except SyntaxError:
            continue
        return True
    return False


def _remarks_above(code: str) -> str:
    """The code with every long remark at the end of a line put above it, folded."""
    lines: list[str] = []
    for line in code.splitlines():
        before, sign, remark = line.partition("  # ")
        if sign and len(line) > CODE_CHARACTERS and '"' not in before and "'" not in before:
            indent = before[: len(before) - len(before.lstrip())]
            lines += textwrap.wrap(
                remark, CODE_CHARACTERS, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# "
            )
            lines.append(before)
        else:
            lines.append(line)
    return "\n".join(lines)
