"""The frame of every lesson: read, predict, reveal, why, the fix, your own, one question to check."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace

import streamlit as st

from tsdash.errors import ModelError, UserError
from tsdash.spec import Case, ModelSource
from tsdash.study import Question, Study
from tsdash.ui import asking, glossary, progress, service, sheet, tied, trying
from tsdash.ui.editor import KEYS_HELP, editor
from tsdash.ui.html import code_view, diff_view
from tsdash.ui.lesson import Choice, Lesson, to_read
from tsdash.ui.lessons import LESSONS
from tsdash.ui.page import PRESENT, PRESENTED, as_markdown, grid, section

OWN_SEEDS = 5
OWN_HEIGHT_PX = 360
CELL_PX = 460  # the least width of the model and of the prediction beside it
LARGE_TYPE = f"<style>:root {{ font-size: {15 * PRESENTED:g}px }}</style>"

# A lesson is long, and the next one begins at its top.
_TOP = st.components.v2.component(
    "tsdash_top",
    html="<span></span>",
    js="""
export default function ({ parentElement, data }) {
  const host = parentElement.host ?? parentElement
  if (host.dataset.lesson && host.dataset.lesson !== data.lesson) host.scrollIntoView({ block: "center" })
  host.dataset.lesson = data.lesson
}
""",
)


def learn() -> None:
    """The page: choose a lesson, work through it."""
    present = PRESENT in st.query_params
    if present:
        st.html(LARGE_TYPE)
    names = list(LESSONS)
    if st.session_state.get("lesson") not in names:
        st.session_state["lesson"] = (
            st.query_params.get("lesson") if st.query_params.get("lesson") in names else names[0]
        )
    name = _chosen(names, present)
    lesson = LESSONS[name]
    st.query_params["lesson"] = name
    _lesson(lesson, names.index(name))
    terms = glossary.used(lesson.text, lesson.why, lesson.mended.text, lesson.because)
    if terms:
        section("Words", "The terms of this lesson")
        st.html(glossary.explained(terms))
    progress.keep()


def _chosen(names: list[str], present: bool) -> str:
    """The row of lessons with what is done, the ways to the next and the previous, the presenter view and the sheets."""
    finished = progress.done()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        at = names.index(str(st.session_state["lesson"]))
        st.button(
            "Previous", icon=":material/arrow_back:", shortcut="P", key="previous", disabled=at == 0,
            on_click=_go, args=(names[max(0, at - 1)],), help="The lesson before; also the key P",
        )  # fmt: skip
        name = st.selectbox(
            "Lesson", names, key="lesson", label_visibility="collapsed", width=340,
            format_func=lambda n: f"{names.index(n) + 1} {LESSONS[n].title}{' ✓' if n in finished else ''}",
            help="All lessons; ✓ marks those that you have finished",
        )  # fmt: skip
        st.button(
            "Next", icon=":material/arrow_forward:", shortcut="N", key="next", disabled=at == len(names) - 1,
            on_click=_go, args=(names[min(len(names) - 1, at + 1)],), help="The next lesson; also the key N",
        )  # fmt: skip
        st.caption(f"{len(finished & set(names))} of {len(names)} finished")
        _TOP(key="top", data={"lesson": name}, width=1, height=1)
        st.space("stretch")
        st.button(
            "Leave" if present else "Present", icon=":material/slideshow:", key="present", on_click=_present,
            help="Large type without the navigation, for a class: N and P go through the lessons",
        )  # fmt: skip
        with st.popover("Sheets", icon=":material/print:", help="Lessons on paper, and your progress"):
            lesson = LESSONS[str(name)]
            st.download_button(
                "This lesson", lambda: sheet.page([lesson], _studies([lesson])), f"tsdash-{lesson.name}.html", "text/html",
                key="sheet", help="One page of HTML to print, with the numbers of this machine", on_click="ignore",
            )  # fmt: skip
            st.download_button(
                "All lessons", lambda: sheet.page(list(LESSONS.values()), _studies(list(LESSONS.values()))),
                "tsdash-lessons.html", "text/html", key="sheets", on_click="ignore",
                help="Every lesson is run first: this takes a while",
            )  # fmt: skip
            st.button("Begin again", key="forget", on_click=progress.forget, help="Forget which lessons are finished")
    return str(name)


def _go(name: str) -> None:
    st.session_state["lesson"] = name


def _present() -> None:
    if PRESENT in st.query_params:
        del st.query_params[PRESENT]
    else:
        st.query_params[PRESENT] = "1"


def _studies(lessons: list[Lesson]) -> dict[str, tuple[Study, Study]]:
    """What running the lessons and their fixes shows, for a sheet."""
    return {lesson.name: (service.studied(lesson.spec), service.studied(lesson.mended.spec)) for lesson in lessons}


def _lesson(lesson: Lesson, index: int) -> None:
    key = lesson.name
    revealed = bool(st.session_state.get(f"revealed {key}"))
    section(f"Lesson {index + 1} of {len(LESSONS)} · {lesson.title}", lesson.claim if revealed else lesson.question)
    st.html(glossary.linked(lesson.text))
    source = lesson.spec.model
    cells = grid(2, min_column_width=CELL_PX)
    with cells.cell():
        text, first = to_read(source)
        st.html(code_view(text, title=source.filename, first_line=first))
    with cells.cell():
        section("Predict first", lesson.predict.question)
        guess = _radio("Your prediction", lesson.predict, f"guess {key}")
        st.button(
            ":primary[**Reveal**]", key=f"reveal {key}", disabled=guess is None or revealed, icon=":material/play_arrow:",
            on_click=_reveal, args=(key,), help="Run the model, now and here" if guess is not None else "Choose an answer first",
        )  # fmt: skip
        found = _found(lesson, guess) if revealed and guess is not None else None
    if found:
        _revealed(lesson, *found)


def _reveal(key: str) -> None:
    st.session_state[f"revealed {key}"] = True


def _radio(label: str, choice: Choice, key: str) -> int | None:
    return st.radio(
        label, range(len(choice.options)), index=None, key=key, label_visibility="collapsed",
        format_func=lambda i: as_markdown(choice.options[i]), persist_state="session",
        help="There is no harm in being wrong: that is what the lesson is for",
    )  # fmt: skip


def _found(lesson: Lesson, guess: int) -> tuple[Study, Study] | None:
    """What running the lesson and its fix shows, with the guess held against it; None where it could not run."""
    with st.spinner("Running it"):
        try:
            study, mended = service.studied(lesson.spec), service.studied(lesson.mended.spec)
        except UserError as error:
            st.error(as_markdown(str(error)), icon=":material/error:")
            return None
    right = lesson.right(study)
    said = as_markdown(lesson.said(study))
    if guess == right:
        st.success(f"**As you predicted.** {said}", icon=":material/check:")
    else:
        truth = as_markdown(lesson.predict.options[right]) if right >= 0 else "None of these"
        st.warning(f"**Not so. {truth}.** {said}", icon=":material/lightbulb:")
    return study, mended


def _revealed(lesson: Lesson, study: Study, mended: Study) -> None:
    if lesson.tied:
        st.html(tied.panes(lesson.spec.model, study, modes=[mode for mode, kept in study.modes.items() if kept.code]))
    lesson.show(study)
    section("Why?", lesson.reason)
    st.html(glossary.linked(lesson.why))
    section("The fix", lesson.mended.said(mended))
    st.html(glossary.linked(lesson.mended.text))
    changes = diff(lesson.spec.model, lesson.mended.spec.model)
    if changes:
        st.html(diff_view(changes, title="The fix, as it was just run"))
    if lesson.mended.show:
        lesson.mended.show(mended)
    _own(lesson)
    _check(lesson)


def diff(before: ModelSource, after: ModelSource) -> str:
    """What the fix changes, with two lines around it; "" where the model stays."""
    lines = difflib.unified_diff(before.text.splitlines(), after.text.splitlines(), lineterm="", n=2)
    return "\n".join(lines).rstrip()


def _own(lesson: Lesson) -> None:
    key = lesson.name
    section("Try your own", "Change the model and run it")
    if not service.allows_code():
        st.caption("Code of your own is switched off on this server.")
        return
    with st.expander("The model as text", icon=":material/edit:"):
        ran: Own | None = st.session_state.get(f"ran {key}")
        edited = editor(
            lesson.spec.model.text, key=f"own {key}", label="The model, to change", height=OWN_HEIGHT_PX,
            marks=trying.marks(ran.source, ran.study, failure=ran.failure) if ran else {},
        )  # fmt: skip
        st.caption(KEYS_HELP)
        pressed = st.button(
            "Run mine", key=f"run {key}", icon=":material/play_arrow:", help="Export your text and ask it"
        )
        if pressed or edited.run:
            st.session_state[f"ran {key}"] = _run_own(lesson, edited.text)
            st.rerun()
        if ran is not None:
            _ran(ran)


@dataclass(frozen=True, kw_only=True)
class Own:
    """The reader's own model and what came of it."""

    source: ModelSource
    study: Study | None = None
    failure: ModelError | None = None


def _run_own(lesson: Lesson, text: str) -> Own:
    """The reader's own model, asked its own inputs under several seeds."""
    source = replace(lesson.spec.model, text=text)
    spec = replace(lesson.spec, model=source, labelled=False, latency_s=None, questions=own_questions())
    with st.spinner("Running it"):
        try:
            return Own(source=source, study=service.studied(spec))
        except ModelError as error:
            return Own(source=source, failure=error)


def _ran(own: Own) -> None:
    if own.study is None:
        st.error(as_markdown(str(own.failure)), icon=":material/error:")
        return
    asking.asked(
        own.study, [f"make_inputs(), seed {i}" for i in range(len(own.study.eager))], label="Answers of your model"
    )


def own_questions() -> tuple[Question, ...]:
    """The model file's own inputs, drawn with several seeds."""
    return tuple(Question(case=Case(id=f"seed{seed}", dims={}, seed=seed)) for seed in range(OWN_SEEDS))


def _check(lesson: Lesson) -> None:
    key = lesson.name
    section("Check", lesson.check.question)
    chosen = _radio("Your answer", lesson.check, f"check {key}")
    if st.button("Check", key=f"checked {key}", disabled=chosen is None, help="See whether that is right"):
        st.session_state[f"checked answer {key}"] = chosen
        if chosen == lesson.answer and lesson.name not in progress.done():
            progress.finish(lesson.name)
            st.rerun()
    checked = st.session_state.get(f"checked answer {key}")
    if checked is None or checked != chosen:
        return
    if checked == lesson.answer:
        st.success("**Right.** This lesson is finished.", icon=":material/check:")
        st.html(glossary.linked(lesson.because))
        following = list(LESSONS)[list(LESSONS).index(key) + 1 :][:1]
        if following:
            st.button(
                f"Next: {LESSONS[following[0]].title}", icon=":material/arrow_forward:", key="next at the end",
                on_click=_go, args=(following[0],), help="Also the key N",
            )  # fmt: skip
    else:
        st.warning("Not that one. Look at what was shown once more.", icon=":material/refresh:")
