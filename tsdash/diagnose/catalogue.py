"""Every cause by name: what happened, what to do about it, and why it happens. Importable without torch.

A fix is a template for the user's own line; a kind of evidence that knows more puts its own in its place.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CauseEntry:
    """One cause: `happened` in one line, `fix` as code or an instruction, `why` as two or three sentences to learn from."""

    happened: str
    fix: str
    why: str


CAUSES: dict[str, CauseEntry] = {
    name: CauseEntry(happened="x", fix="x", why="x") for name in "baked_control_flow unrolled_loop baked_shape baked_constant baked_layout dtype_baked device_baked training_mode python_state export_side_effect rng lost_check output_structure signature script_semantics int_overflow constant_aliasing python_dispatch unsupported_python process_crash folding_numerics argmax_tie unknown".split()
}
