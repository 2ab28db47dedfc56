"""What a cause card says of what was seen."""

from __future__ import annotations

import ast

from tsdash.diagnose.phrases import baked, difference
from tsdash.diagnose.recorder import Event
from tsdash.diagnose.seen import Seen
from tsdash.diagnose.sites import ITERATION, Site
from tsdash.diagnose.suspects import Suspect
from tsdash.spec import Case


def test_one_round_is_no_rounds() -> None:
    """Beside the line and in the sentence."""
    site = Site(number=1, kind=ITERATION, path="m.py", line=3, code="range(n)", node=ast.Pass())
    once, twice = (Event(site=site, occurrence=0, seen=Seen("python"), order=0, value=n) for n in (1, 2))
    suspect = Suspect(site=site, base=once, trigger=twice)
    case = Case(id="c1", dims={"n": 2})
    assert "1 round while exporting, 2 rounds in eager" in difference(suspect, case, case)
    assert (baked(suspect)[0].exporting, baked(suspect)[0].eager) == ("1 round", "2 rounds")
