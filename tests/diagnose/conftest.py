"""The causes of a model's failure, found in this process."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tsdash import calling, effects, exporters, inputs
from tsdash.diagnose.diagnosis import diagnose
from tsdash.diagnose.subject import Subject
from tsdash.models.loading import load
from tsdash.spec import Case, CaseResult, Cause, ModelSource, Side
from tsdash.tracebacks import user_error

HEAD = "import torch\nfrom torch import nn\n\n"
TAIL = "\n\ndef make_model():\n    return Model().eval()\n"
MARK = "# here"

Causes = tuple[Cause, ...]


@pytest.fixture
def explain(subject: Callable[..., tuple[Subject, int | None]]) -> Callable[..., tuple[Cause, int | None]]:
    """The first cause of a failure, and the line that is marked in the text; see `subject`."""

    def run(text: str, mode: str = "trace", **changed: object) -> tuple[Cause, int | None]:
        failing, line = subject(text, mode, **changed)
        return diagnose(failing)[0], line

    return run


@pytest.fixture
def subject(tmp_path: Path) -> Callable[..., tuple[Subject, int | None]]:
    """A failure to diagnose, and the line that is marked in the text. `text` defines Model and make_inputs; `changed` are the
    fields of the failing case that differ from the base's."""

    def run(text: str, mode: str = "trace", **changed: object) -> tuple[Subject, int | None]:
        whole = HEAD + textwrap.dedent(text).strip() + TAIL
        loaded = load(ModelSource(name="m.py", kind="file", filename="m.py", text=whole), tmp_path)
        base = Case(id="c1", dims=dict(loaded.dims))
        args, kwargs = inputs.build(loaded, base)
        path = tmp_path / f"artefact{exporters.EXPORTERS[mode].suffix}"
        export = exporters.run(
            mode, loaded.build(), args, kwargs, dynamic={}, dims=base.dims, path=path, sources=loaded.sources
        )
        dims = {**base.dims, **dict(changed.pop("dims", {}))}
        case = replace(base, id="c2", dims=dims, **changed)
        failing = Subject(
            loaded=loaded,
            mode=mode,
            base=base,
            export=export,
            folder=tmp_path,
            artefact=path if path.exists() else None,
        )
        if export.error is None:
            failing = _failing(failing, case)
        line = next((n for n, code in enumerate(whole.splitlines(), 1) if MARK in code), None)
        return failing, line

    return run


def _failing(subject: Subject, case: Case) -> Subject:
    """The subject with what a run of the case gives, eager's and the export's."""
    loaded = subject.loaded
    given = inputs.build(loaded, case)
    sides, seen = [], []
    makers = (loaded.build, lambda: exporters.EXPORTERS[subject.mode].load(subject.artefact, case.device))
    for make in makers:
        model = make()
        if case.device != "cpu":
            model = model.to(case.device)
        if case.dtype == "float64":
            model = model.double()
        try:
            seen.append(effects.read(calling.observe(model, *given, case), *given))
            sides.append(Side(ended="returned"))
        except Exception as error:
            sides.append(Side(ended="raised", error=user_error(error, loaded.sources)))
    changes = effects.changes(seen[1], seen[0]) if len(seen) == 2 else ()
    failure = CaseResult(case=case, mode=subject.mode, eager=sides[0], exported=sides[1], contract=changes)
    return replace(subject, failures=(failure,), beside=bool(changes))
