"""The finished part of Explore: verdicts, the grid, and the selection that everything below is about."""

from __future__ import annotations

import functools
import json
import shlex
from dataclasses import dataclass

import streamlit as st

from tsdash import findings, formats, plan, report, repro
from tsdash.records import Record
from tsdash.spec import GIVEN, VERDICTS, Case, CaseResult, Judgement, OutputFacts
from tsdash.tokens import OUTCOMES
from tsdash.ui import service
from tsdash.ui.html import VerdictRow, outcome_legend, verdict_table
from tsdash.ui.page import as_markdown, figure, section
from tsdash.ui.service import Loaded

GOOD = findings.GOOD


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The mode, case and output that the sections below the grid are about."""

    mode: str
    case: Case
    result: CaseResult | None  # None: it has not run
    judgement: Judgement
    output: OutputFacts | None  # None: nothing was compared


def verdicts(loaded: Loaded) -> None:
    """The recommendation as heading, one row a mode: by verdict, the recommended one first, then by speed."""
    ratios = {mode: (s.ratio, s.low, s.high) for mode, s in loaded.speed_ups.items()}
    claimed = {mode: ratio for mode, ratio in ratios.items() if loaded.speed_ups[mode].claimed}
    finished = {mode: verdict for mode, verdict in loaded.verdicts.items() if _is_finished(loaded, mode)}
    heading = findings.recommendation(finished, loaded.cells, recommended=loaded.recommended, speed_ups=claimed)
    section("Does it still give the same answers?", heading)
    rows = [_row(loaded, mode, ratios.get(mode)) for mode in loaded.verdicts]
    rows.sort(key=lambda row: (_rank(row.verdict), row.mode != loaded.recommended, -(row.speed_up or (0.0,))[0]))
    st.html(verdict_table(rows, cases=len(loaded.record.spec.cases)))


def _rank(verdict: str | None) -> int:
    """Mildest first, what is not known yet last."""
    return len(VERDICTS) if verdict is None else VERDICTS.index(verdict)


def _is_finished(loaded: Loaded, mode: str) -> bool:
    return loaded.record.state == "done" or len(loaded.record.of(mode)) >= len(loaded.record.spec.cases)


def _row(loaded: Loaded, mode: str, speed_up: findings.SpeedUp | None) -> VerdictRow:
    of_mode = loaded.table[loaded.table["mode"] == mode]
    verdict = loaded.verdicts[mode]
    known = of_mode["plain_rule"].dropna()
    worst = of_mode["max_abs"].dropna()
    finished = _is_finished(loaded, mode)
    return VerdictRow(
        mode=mode,
        verdict=verdict.verdict if finished else None,
        counts=of_mode["outcome"].value_counts().to_dict(),
        reason=findings.reasons(verdict) if finished else "Not all of its cases have run.",
        worst=float(worst.max()) if len(worst) else None,
        plain=(int(known.astype(bool).sum()), len(known)),
        speed_up=speed_up,
    )


def grid(loaded: Loaded, selection: Selection, dark: bool) -> None:
    """Every mode on every case; a click selects."""
    section("When does it not?", findings.where_it_fails(loaded.cells))
    chosen = (selection.mode, selection.case.id)
    figure(service.grid(loaded, dark, selected=chosen), key="grid", on_select=_clicked, selection_mode="points")
    st.html(outcome_legend(_present(loaded)))


def _present(loaded: Loaded) -> list[str]:
    """The outcomes that the legend explains: those of this run, and always the good and the usual bad one."""
    return [name for name in OUTCOMES if name in {*loaded.table["outcome"], *GOOD, "mismatch"}]


def _clicked() -> None:
    points = st.session_state["grid"]["selection"]["points"]
    if points:
        st.session_state["mode"], st.session_state["case"] = points[0]["customdata"]


def selected(loaded: Loaded) -> Selection:
    """What is selected: by a click or a selector, by the address, or else the first case that fails.

    The address follows the selection, and the selection follows the address when the reader goes back.
    """
    spec, told = loaded.record.spec, st.session_state.setdefault("told", {})
    for name, options, default in (
        ("mode", list(spec.modes), _first_failure(loaded)[0]),
        ("case", [case.id for case in spec.cases], _first_failure(loaded)[1]),
    ):
        asked = st.query_params.get(name)
        if asked != told.get(name) and asked in options:
            st.session_state[name] = asked
        elif st.session_state.get(name) not in options:
            st.session_state[name] = default
        st.query_params[name] = told[name] = st.session_state[name]
    mode, case_id = st.session_state["mode"], st.session_state["case"]
    case = next(case for case in spec.cases if case.id == case_id)
    result = next((r for r in loaded.record.of(mode) if r.case.id == case_id), None)
    cell = loaded.table[(loaded.table["mode"] == mode) & (loaded.table["case"] == case_id)].iloc[0]
    judgement = Judgement(outcome=cell["outcome"], detail=cell["detail"])
    return Selection(mode=mode, case=case, result=result, judgement=judgement, output=_output(result))


def _output(result: CaseResult | None) -> OutputFacts | None:
    """The output that was chosen, else the one that differs most."""
    outputs = result.outputs if result else ()
    paths = [facts.path for facts in outputs]
    if not paths:
        return None
    if st.session_state.get("output") not in paths:
        worst = max(outputs, key=lambda facts: (facts.nan_disagree + facts.inf_disagree, facts.max_abs))
        st.session_state["output"] = worst.path
    return outputs[paths.index(st.session_state["output"])]


def _first_failure(loaded: Loaded) -> tuple[str, str]:
    """The first failing cell of the mode that matters most, else the base case of the first mode."""
    ran = loaded.table[loaded.table["outcome"] != findings.NOT_RUN]
    for outcomes in (("mismatch",), tuple(name for name in OUTCOMES if name not in GOOD), ("within_noise",)):
        hits = ran[ran["outcome"].isin(outcomes)]
        if len(hits):
            return str(hits.iloc[0]["mode"]), str(hits.iloc[0]["case"])
    return loaded.record.spec.modes[0], loaded.record.spec.cases[0].id


def scope(loaded: Loaded, selection: Selection) -> None:
    """What the rest of the page is about, for mouse and keyboard; ways to take it along; the judgement of this case."""
    record = loaded.record
    names = {case.id: _case_name(case, record.spec.cases[0]) for case in record.spec.cases}
    st.space("small")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox("Mode", list(record.spec.modes), key="mode", width=180)
        st.selectbox("Case", list(names), format_func=names.__getitem__, key="case", width=340)
        if selection.result and selection.output:
            shown = {facts.path: _output_name(facts) for facts in selection.result.outputs}
            st.selectbox("Output", list(shown), format_func=shown.__getitem__, key="output", width=280)
        st.space("stretch")
        with st.popover("Reproduce", icon=":material/terminal:", help="This case on the command line"):
            st.code(command(record, selection.mode, selection.case), language="bash", wrap_lines=True)
            _repros(record, selection)
        text = json.dumps(report.check_report(record), indent=1, allow_nan=False)
        name = f"tsdash-{record.spec.model.filename.removesuffix('.py')}-{record.id}.json"
        st.download_button(
            "Report",
            text,
            name,
            "application/json",
            icon=":material/download:",
            on_click="ignore",
            help="Every fact of this run as JSON",
        )
    look = OUTCOMES[selection.judgement.outcome]
    st.markdown(f":{look.badge}-badge[{look.glyph} {look.label}] {as_markdown(selection.judgement.detail)}")
    if selection.output:
        st.caption(as_markdown(findings.plain_rule(selection.output)))


def _repros(record: Record, selection: Selection) -> None:
    """The case as a file that needs no tsdash, to send or to keep."""
    if selection.result is None:
        return
    base, limit_s = record.spec.cases[0], record.spec.limits.case_s
    name = f"{record.spec.model.filename.removesuffix('.py')}_{selection.mode}_{selection.case.id}"
    name = "".join(letter if letter.isalnum() else "_" for letter in name)
    for label, write, file in (
        ("Python file", repro.script, f"repro_{name}.py"),
        ("pytest test", repro.pytest_file, f"test_{name}.py"),
    ):
        st.download_button(
            label,
            functools.partial(write, record.spec.model, base, selection.result, limit_s=limit_s),
            file,
            "text/x-python",
            icon=":material/download:",
            on_click="ignore",
            help="Builds the model, exports and shows the difference, without tsdash",
        )


def _case_name(case: Case, base: Case) -> str:
    return f"{case.id}: {plan.describe(case, base)}"


def _output_name(facts: OutputFacts) -> str:
    shape = " × ".join(map(formats.count, facts.shape)) or "one number"
    return f"{facts.path}: {shape}, {facts.dtype}"


def command(record: Record, mode: str, case: Case) -> str:
    """The command that runs this one case again beside the base case."""
    base = record.spec.cases[0]
    options = [
        ("--dim", f"{name}={base.dims[name]},{size}") for name, size in case.dims.items() if size != base.dims[name]
    ]
    options += [("--values", case.values)] if case.values != GIVEN else []
    options += [("--dtypes", case.dtype)] if case.dtype != GIVEN else []
    options += [("--devices", case.device)] if case.device != base.device else []
    options += [("--layouts", case.layout)] if case.layout != GIVEN else []
    options += [] if case.training is None else [("--training", "train" if case.training else "eval")]
    options += [("--grad", "on")] if case.grad else []
    options += [("--calls", str(case.call))] if case.call != 1 else []
    options += [("--seeds", str(case.seed))] if case.seed != base.seed else []
    if not options:
        options = [("--seeds", str(base.seed))]
    words = ["python", "-m", "tsdash", "check", record.spec.model.name, "--modes", mode]
    return shlex.join([*words, *(word for option in options for word in option)])


def circumstances(record: Record) -> None:
    """Where the run was made, and what its processes were kept from."""
    confined = [str(entry) for entry in record.environment.get("confinement", ())]
    with st.expander("Where and how this ran", icon=":material/memory:"):
        facts = {name: value for name, value in record.environment.items() if name != "confinement"}
        shown = [f"**{name}** {as_markdown(_words(value))}" for name, value in facts.items()]
        st.markdown(" · ".join(shown) or "Nothing is known about this machine.")
        st.markdown(
            "The model's processes were confined:" if confined else "How the processes were confined is not known."
        )
        st.markdown("\n".join(f"- {as_markdown(entry)}" for entry in confined))


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
