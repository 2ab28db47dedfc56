"""The finished part of Explore: the verdicts on top, the command of a case, where and how the run was made."""

from __future__ import annotations

import shlex

import streamlit as st

from tsdash import findings
from tsdash.records import Record
from tsdash.spec import GIVEN, VERDICTS, Case
from tsdash.ui.html import VerdictRow, verdict_table
from tsdash.ui.page import as_markdown, section
from tsdash.ui.service import Loaded

GOOD = findings.GOOD


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
