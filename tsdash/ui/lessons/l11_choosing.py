"""Choosing: a table that the reader fills, the tool's own recommendation, and where TorchScript stands."""

from __future__ import annotations

import streamlit as st

from tsdash import formats, models, plan
from tsdash.errors import UserError
from tsdash.spec import RunSpec
from tsdash.study import Study, StudySpec, asked
from tsdash.ui import answers, service, variants
from tsdash.ui.lesson import Choice, Lesson, Mended, model
from tsdash.ui.page import as_markdown, section

MODES = ("trace", "script", "export")
HEAD = "import torch\n\n\nclass Model(torch.nn.Module):\n    def forward(self, x):\n"
TAIL = "\n\n\ndef make_model():\n    return Model()\n\n\ndef make_inputs(rows=3):\n    return (torch.arange(1.0, rows + 1),)\n"
BRANCH = f"{HEAD}        if x.sum() > 0:\n            return x * 2\n        return x - 1{TAIL}"
WHERE = f"{HEAD}        return torch.where(x.sum() > 0, x * 2, x - 1){TAIL}"
CONSTRUCTS = {
    "a branch: `if x.sum() > 0:`": BRANCH,
    "rounds from a size: `for i in range(x.shape[0]):`": f"{HEAD}        for i in range(x.shape[0]):\n            x = x + i\n        return x{TAIL}",
    "a lambda: `double = lambda a: a * 2`": f"{HEAD}        double = lambda a: a * 2\n        return double(x){TAIL}",
    "a value as a number: `x * x[0].item()`": f"{HEAD}        return x * x[0].item(){TAIL}",
    "operators alone: `torch.where(…)`": WHERE,
}
NAME_PX, BOX_PX = 400, 80
INPUTS = ([1.0, 2.0, 3.0], [-1.0, -2.0, -3.0], [1.0, 2.0, 3.0, 4.0, 5.0])


def spec(text: str) -> StudySpec:
    return StudySpec(model=model("choose", text), modes=MODES, questions=tuple(asked(values) for values in INPUTS))


def right(study: Study) -> int:
    """Which mode gives a wrong answer without an error; -1 for none or several."""
    silent = [i for i, mode in enumerate(MODES) if variants.kind(study, mode) == "mismatch"]
    return silent[0] if len(silent) == 1 else -1


def said(study: Study) -> str:
    return "; ".join(f"{mode}: {answers.summary(study, mode)}" for mode in MODES) + "."


def show(study: Study) -> None:
    """The table to fill, what running it shows, and the recommendation for a model of the reader's."""
    section("Your table", "Mark the modes that keep each construct, then compare with what runs")
    st.caption("A mode keeps a construct if it answers as eager does, whatever the input.")
    marked = {name: _row(i, name) for i, name in enumerate(CONSTRUCTS)}
    if st.button("Compare", key="compare", help="Export each of them in each mode now"):
        st.session_state["compared"] = True
    if st.session_state.get("compared"):
        with st.spinner("Exporting fifteen times"):
            found = variants.studies({name: spec(text) for name, text in CONSTRUCTS.items()})
        st.markdown(f"**{as_markdown(score(found, marked))}**")
        st.html(variants.table(found, MODES, head="construct"))
    _recommend()


def _row(number: int, name: str) -> list[str]:
    """A row of the table to fill: the modes that the reader marks for a construct."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.markdown(as_markdown(name), width=NAME_PX)
        return [mode for mode in MODES if st.checkbox(mode, key=f"keeps {number} {mode}", width=BOX_PX, help=None)]


def score(found: dict[str, Study], marked: dict[str, list[str]]) -> str:
    """How many marks agree with what ran."""
    agreed = sum(
        (mode in marked[name]) == (variants.kind(study, mode) == "identical")
        for name, study in found.items()
        for mode in MODES
    )
    return f"{agreed} of {len(found) * len(MODES)} marks agree with what ran."


def _recommend() -> None:
    section("Your model", "What tsdash recommends for a model of yours")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Model", "early_exit_mended", key="recommend for", width=320,
            help="A model of the gallery, torchvision:NAME, the path of a model file, or package.module:factory",
        )  # fmt: skip
        pressed = st.button(
            "Recommend", key="recommend", icon=":material/play_arrow:", help="A quick check of three modes"
        )
    if pressed:
        try:
            source = models.find(name.strip(), allow_code=service.allows_code())
            dims = models.default_dims(source)
            sweep = plan.own_plan(dims, "quick")
            run = RunSpec(model=source, modes=MODES, cases=plan.cases(sweep, dims))
            st.session_state["recommended run"] = service.submit(run, service.sweep_facts(sweep, "quick"))
        except UserError as error:
            st.error(as_markdown(str(error)), icon=":material/error:")
    run_id = st.session_state.get("recommended run")
    if run_id is not None:
        running = service.store().progress(run_id)[0] in ("queued", "running")
        st.fragment(_recommended, run_every=0.5 if running else None)(run_id)


def _recommended(run: int) -> None:
    state, done, _ = service.store().progress(run)
    if state in ("queued", "running"):
        st.caption(f"Running: {formats.counted(done, 'case')} done")
        return
    loaded = service.load(run)
    if loaded.record.state != "done":
        st.error(as_markdown(loaded.record.failure.message if loaded.record.failure else "The run did not finish."))
        return
    mode = loaded.recommended
    st.markdown(f"**{as_markdown(f'Ship {mode}.' if mode else 'Ship none of them.')}**")
    st.markdown("\n".join(f"- {as_markdown(reason)}" for reason in loaded.recommendation.reasons))
    st.page_link(
        "pages/explore.py", label="See the whole run", query_params={"run": str(run)}, icon=":material/search_insights:"
    )


LESSON = Lesson(
    name="choosing",
    title="Choosing",
    question="Which mode for which model?",
    claim="Choose the mode that keeps your model, then the one with a future, then the fast one.",
    text="[trace], [script] and [torch.export] fail in different ways, as you have seen. [TorchScript], behind the first two, is "
    "deprecated: it still loads and runs, nothing new is built on it, and PyTorch points to [torch.export].",
    spec=spec(BRANCH),
    predict=Choice(question="A branch on a value. Which mode is wrong without an error?", options=MODES),
    right=right,
    said=said,
    show=show,
    reason="A trace cannot tell what it missed; the others mostly keep or refuse.",
    why="A [script] keeps the branch, or refuses a construct. [torch.export] checks its own "
    "assumptions and refuses a branch on a value. A refusal costs you a rewrite; a silent difference costs you the trust in the model.",
    mended=Mended(
        text="Written with operators alone, a model can be exported in every mode, and you are free to choose the one with a future.",
        spec=spec(WHERE),
        said=lambda study: f"With `torch.where`: {variants.together(study, MODES)}.",
    ),
    check=Choice(
        question="A new model, operators alone, to be served for years. What do you export it with?",
        options=("torch.jit.trace", "torch.jit.script", "torch.export"),
    ),
    answer=2,
    because="All three would be right today; [TorchScript] is deprecated, and [torch.export] is what PyTorch goes on with. Check the artefact all the same.",
    tied=True,
)
