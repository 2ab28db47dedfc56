"""What a cause card teaches."""

from __future__ import annotations

import pytest

from tsdash.diagnose.catalogue import CAUSES
from tsdash.exporters import EXPORTERS
from tsdash.ui.causes import lesson


@pytest.mark.parametrize("mode", EXPORTERS)
def test_a_loop_is_explained_by_what_the_mode_does_with_it(mode: str) -> None:
    """A trace goes on with the example's rounds, a program of torch.export raises by a guard."""
    assert ("guard" in lesson("unrolled_loop", mode)) == (mode == "export")
    assert ("rest is ignored" in lesson("unrolled_loop", mode)) == (mode != "export")


@pytest.mark.parametrize("cause", sorted(set(CAUSES) - {"unknown"}))
def test_a_cause_has_something_to_teach_in_every_mode(cause: str) -> None:
    """Also in a mode of another version; what is unknown teaches nothing."""
    assert all(lesson(cause, mode) for mode in (*EXPORTERS, "another"))
    assert lesson("unknown", "trace") == ""
