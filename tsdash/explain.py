"""Why a mode fails and where it leaves eager, as an author worker answers it: from a request to what is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tsdash import formats, inputs, localize, steps
from tsdash.diagnose import scripted
from tsdash.diagnose.diagnosis import diagnose
from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.subject import Subject
from tsdash.exporters import Dynamic
from tsdash.models.loading import Loaded
from tsdash.spec import Case, CaseResult, Cause, Divergence, Export, from_json


def causes(loaded: Loaded, request: dict[str, Any], folder: Path) -> tuple[Cause, ...]:
    """The causes of the failures that the request lists, best explained first."""
    artefact = request["artefact"]
    subject = Subject(
        loaded=loaded,
        mode=request["mode"],
        base=from_json(Case, request["case"]),
        export=from_json(Export, request["export"]),
        failures=tuple(from_json(CaseResult, failure) for failure in request["failures"]),
        folder=folder,
        artefact=None if artefact is None else Path(artefact),
        beside=bool(request["beside"]),
    )
    return diagnose(subject)


def divergence(
    loaded: Loaded, mode: str, base: Case, case: Case, dynamic: Dynamic, folder: Path
) -> dict[str, tuple[Divergence, ...] | str]:
    """Every module at `case` with how far it is off, exported from `base`, and a sentence on the first of them and on the first
    operator in it; {} where unknown."""
    (example, kwargs), (failing, _) = inputs.build(loaded, base), inputs.build(loaded, case)
    if kwargs:
        return {}
    found = localize.locate(mode, loaded.build, example, failing, case, dynamic=dynamic)
    first = localize.first(found)
    if first is None:
        return {"divergence": found}
    kind = mode.partition("+")[0]
    fed_eagers = "Fed eager's own inputs, the" if first.local else "The"
    said = f"{fed_eagers} first module that answers otherwise is {first.path} ({first.type}), by up to {formats.delta(first.local or first.accumulated)}"
    if kind == "script":
        subject = Subject(loaded=loaded, mode=mode, base=base, export=Export(mode=mode, seconds=0.0), folder=folder)
        parting: object = scripted.parting(Laboratory(subject), case)
    else:
        fed = localize.fed(loaded.build, example, failing, case, found.index(first))
        parting = steps.parting(kind, *fed, case.seed, loaded.sources.name) if fed is not None else None
    return {"divergence": found, "said": f"{said}; inside it {parting}." if parting else f"{said}."}
