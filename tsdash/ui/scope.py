"""The bar between the grid and the details: what they are about, ways to step on, to set beside, to take along, to name."""

from __future__ import annotations

import functools
from collections.abc import Callable

import streamlit as st

from tsdash import findings, formats, plan, repro
from tsdash.records import Record
from tsdash.search.shrinking import shrunk
from tsdash.spec import Case, OutputFacts
from tsdash.tokens import OUTCOMES
from tsdash.ui import service
from tsdash.ui.along import along
from tsdash.ui.page import as_markdown
from tsdash.ui.results import command
from tsdash.ui.selection import FAILING, Selection, chosen, select, show, step_failure
from tsdash.ui.service import Loaded

MOST_OPTIONS = 400  # cases that a selector lists; beyond that the failing ones, and the grid for the others
NOTHING = "nothing"
SHORTCUTS = (
    ("Ctrl + Enter", "run what the controls say"),
    ("N", "the next failing case"),
    ("P", "the failing case before"),
    ("M", "the same case in the next mode"),
    ("Alt + ←", "back to what was selected before, as everywhere in the browser"),
    ("Tab", "through all controls; arrow keys within one"),
)


def scope(loaded: Loaded, selection: Selection) -> None:
    """The selectors, for mouse and keyboard, and the judgement of the selected case."""
    record = loaded.record
    names = {case.id: _case_name(case, record.spec.cases[0]) for case in _offered(loaded, selection)}
    modes = list(record.spec.modes)
    st.space("small")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Mode", modes, key="mode", width=145, on_change=chosen, args=("mode",), help="The export that is looked at"
        )
        st.selectbox(
            "Case",
            list(names),
            format_func=lambda case: names.get(case, case),
            key="case",
            width=200,
            on_change=chosen,
            args=("case",),
            help="The inputs that are looked at. A click in the grid selects too; the browser's Back goes back.",
        )
        if selection.result and selection.output:
            shown = {facts.path: _output_name(facts) for facts in selection.result.outputs}
            st.selectbox(
                "Output",
                list(shown),
                format_func=lambda path: shown.get(path, path),
                key="output",
                width=180,
                on_change=chosen,
                args=("output",),
                help="Which of the tensors that forward returns",
            )
        _beside(modes, names, selection)
        with st.container(horizontal=True, gap="small", width="content"):  # stay together where the page is narrow
            _steps(loaded, selection, modes)
        st.space("stretch")
        with st.container(horizontal=True, gap="small", width="content"):
            _reproduce(record, selection)
            along(record)
            _name(record.id)
    look = OUTCOMES[selection.judgement.outcome]
    st.markdown(f":{look.badge}-badge[{look.glyph} {look.label}] {as_markdown(selection.judgement.detail)}")
    if selection.output:
        st.caption(as_markdown(findings.plain_rule(selection.output)))


def _reproduce(record: Record, selection: Selection) -> None:
    with st.popover("Reproduce", icon=":material/terminal:", help="This case on the command line and as a file"):
        if selection.case.inputs:
            st.markdown("This case ran on a file of yours. Run it again with the same file to see it again.")
        else:
            st.code(command(record, selection.mode, selection.case), language="bash", wrap_lines=True)
            _repros(record, selection)


def _offered(loaded: Loaded, selection: Selection) -> list[Case]:
    """The cases that the selector lists: all, or of very many the base case, the failing ones and the selected one."""
    cases = loaded.record.spec.cases
    if len(cases) <= MOST_OPTIONS:
        return list(cases)
    failing = set(loaded.table.loc[loaded.table["outcome"].isin(FAILING), "case"].unique()[:MOST_OPTIONS])
    wanted = {cases[0].id, selection.case.id, st.query_params.get("beside", ""), *failing}
    return [case for case in cases if case.id in wanted]


def _beside(modes: list[str], names: dict[str, str], selection: Selection) -> None:
    """A second mode, or a second case, to look at side by side with the selected one."""
    others = [NOTHING, *(m for m in modes if m != selection.mode), *(c for c in names if c != selection.case.id)]
    asked = st.query_params.get("beside")
    show("beside", asked if asked in others else NOTHING)
    st.selectbox(
        "Beside",
        others,
        format_func=lambda name: names.get(name, name),
        key="beside",
        width=105,
        on_change=chosen,
        args=("beside", NOTHING),
        help="Another mode on this case, or another case in this mode, drawn beside it on the same axes",
    )


def _steps(loaded: Loaded, selection: Selection, modes: list[str]) -> None:
    """Buttons, and keys, that go on to another cell."""
    steps = [
        ("Previous failure", ":material/arrow_back:", "P", step_failure(loaded, selection, -1)),
        ("Next failure", ":material/arrow_forward:", "N", step_failure(loaded, selection, 1)),
    ]
    for name, icon, key, target in steps:
        st.button(
            icon,
            key=name,
            shortcut=key,
            help=f"{name} in the order of the grid",
            disabled=target is None,
            on_click=_go,
            args=target or ("", ""),
        )
    following = modes[(modes.index(selection.mode) + 1) % len(modes)]
    st.button(
        ":material/swap_vert:",
        key="Next mode",
        shortcut="M",
        help="The same case in the next mode",
        disabled=len(modes) < 2,
        on_click=_go,
        args=(following, selection.case.id),
    )


def _go(mode: str, case: str) -> None:
    select(mode=mode, case=case)


def _name(run: int) -> None:
    """A name and a note for the run, kept with it and found again in History."""
    kept = service.store().summary(run)
    with st.popover(
        kept.name or "Name", icon=":material/edit_note:", help="Name this run, note what you learnt, pin it"
    ):
        name = st.text_input("Name", kept.name, key=f"name {run}", max_chars=80, help="Stands in History")
        note = st.text_area("Note", kept.note, key=f"note {run}", max_chars=2000, help="For yourself and your team")
        pinned = st.toggle("Pinned", kept.pinned, key=f"pin {run}", help="A pinned run is never removed to make room.")
        if (name, note, pinned) != (kept.name, kept.note, kept.pinned):
            service.store().annotate(run, name=name, note=note, pinned=pinned)


def shortcuts() -> None:
    """What the keyboard does, behind a button."""
    with st.popover("Keys", icon=":material/keyboard:", help="Keyboard shortcuts"):
        rows = "\n".join(f"| `{key}` | {what} |" for key, what in SHORTCUTS)
        st.markdown(f"| key | does |\n| --- | --- |\n{rows}")


def _repros(record: Record, selection: Selection) -> None:
    """The case as a file that needs no tsdash, to send or to keep."""
    spec = record.spec
    if selection.result is None or spec.saved is not None or spec.model.given is not None:
        return  # a repro builds the model from its file and exports it: there is none of what came from Python or was saved
    name = f"{record.spec.model.filename.removesuffix('.py')}_{selection.mode}_{selection.case.id}"
    name = "".join(letter if letter.isalnum() else "_" for letter in name)
    for label, write, file in (
        ("Python file", repro.script, f"repro_{name}.py"),
        ("pytest test", repro.pytest_file, f"test_{name}.py"),
    ):
        st.download_button(
            label,
            functools.partial(_written, write, record, selection),
            file,
            "text/x-python",
            icon=":material/download:",
            on_click="ignore",
            help="Builds the model and the smallest input that fails like this case, exports and shows the difference, without tsdash",
        )


def _written(write: Callable[..., str], record: Record, selection: Selection) -> str:
    """The file of the smallest failure that is known of the case; made when it is asked for."""
    result = shrunk(record.of(selection.mode), selection.case.id) or selection.result
    return write(record.spec.model, record.spec.cases[0], result, limit_s=record.spec.limits.case_s)


def _case_name(case: Case, base: Case) -> str:
    return f"{case.id}: {plan.describe(case, base)}"


def _output_name(facts: OutputFacts) -> str:
    shape = " × ".join(map(formats.count, facts.shape)) or "one number"
    return f"{facts.path}: {shape}, {facts.dtype}"
