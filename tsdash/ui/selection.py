"""What everything below the grid is about: one mode, one case, one output. The address names it, so that Back goes back.

Widgets and clicks write the address, and only the address is read: each choice is one entry in the browser's history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from tsdash import findings
from tsdash.spec import Case, CaseResult, Judgement, OutputFacts
from tsdash.tokens import OUTCOMES
from tsdash.ui.service import Loaded

_SHOWN = "shown"  # in the session: the values that widgets were given
FAILING = tuple(name for name in OUTCOMES if name not in (*findings.GOOD, findings.NOT_RUN))


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The mode, case and output that the sections below the grid are about."""

    mode: str
    case: Case
    result: CaseResult | None  # None: it has not run
    judgement: Judgement
    output: OutputFacts | None  # None: nothing was compared


def select(**chosen: str) -> None:
    """Let the address name a choice; the others stay as they are, or as they were by default."""
    kept = {name: st.session_state[name] for name in ("mode", "case") if name in st.session_state}
    st.query_params.update({**kept, **chosen})


def show(name: str, value: str) -> None:
    """Let a widget begin with a value that comes from the address, or from what is there by default."""
    st.session_state[name] = value
    st.session_state.setdefault(_SHOWN, {})[name] = value


def chosen(name: str, default: str = "") -> None:
    """Callback of a widget: its value into the address, which stays as short as it can.

    Streamlit also calls back for a widget that appears with a value of ours; that is no choice.
    """
    value = st.session_state.get(name, default)
    if value == st.session_state.get(_SHOWN, {}).get(name):
        return
    if value != default:
        select(**{name: value})
    elif name in st.query_params:
        del st.query_params[name]


def selected(loaded: Loaded) -> Selection:
    """What the address selects, else the first case that fails. The widgets follow."""
    spec = loaded.record.spec
    mode, case_id = first_failure(loaded)
    mode, case_id = _asked("mode", spec.modes, mode), _asked("case", [case.id for case in spec.cases], case_id)
    show("mode", mode)
    show("case", case_id)
    selection = at(loaded, mode, case_id)
    if selection.output and selection.result:
        asked = _asked("output", [facts.path for facts in selection.result.outputs], selection.output.path)
        show("output", asked)
        output = next(facts for facts in selection.result.outputs if facts.path == asked)
        return Selection(**{**selection.__dict__, "output": output})
    return selection


def _asked(name: str, options: Sequence[str], otherwise: str) -> str:
    asked = st.query_params.get(name)
    return asked if asked is not None and asked in options else otherwise


def at(loaded: Loaded, mode: str, case_id: str) -> Selection:
    """A mode and a case of a run, with the output that differs most."""
    case = next(case for case in loaded.record.spec.cases if case.id == case_id)
    result = next((r for r in loaded.record.of(mode) if r.case.id == case_id), None)
    cell = loaded.table.iloc[loaded.places[mode, case_id]]
    judgement = Judgement(outcome=cell["outcome"], detail=cell["detail"])
    outputs = result.outputs if result else ()
    output = max(outputs, key=lambda facts: (facts.nan_disagree + facts.inf_disagree, facts.max_abs), default=None)
    return Selection(mode=mode, case=case, result=result, judgement=judgement, output=output)


def first_failure(loaded: Loaded) -> tuple[str, str]:
    """The first failing cell of the mode that matters most, else the base case of the first mode."""
    for outcomes in (("mismatch",), FAILING, ("within_noise",)):
        hits = loaded.table["outcome"].isin(outcomes).to_numpy().nonzero()[0]
        if len(hits):
            return str(loaded.table["mode"].iloc[hits[0]]), str(loaded.table["case"].iloc[hits[0]])
    return loaded.record.spec.modes[0], loaded.record.spec.cases[0].id


def step_failure(loaded: Loaded, selection: Selection, by: int) -> tuple[str, str] | None:
    """The next failing cell, `by` 1, or the one before, −1, in the order of modes and cases, round and round."""
    table = loaded.table
    here = loaded.places[selection.mode, selection.case.id]
    failing = table["outcome"].isin(FAILING).to_numpy().nonzero()[0]
    failing = failing[failing != here]
    if not len(failing):
        return None
    beyond = failing[failing > here] if by > 0 else failing[failing < here]
    place = (beyond if len(beyond) else failing)[0 if by > 0 else -1]
    return str(table["mode"].iloc[place]), str(table["case"].iloc[place])
