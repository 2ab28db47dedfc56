"""The Learn page: every lesson predicted, revealed and checked; progress, presenter view and sheets."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.learn.conftest import Studied
from tsdash.ui import glossary, service, sheet
from tsdash.ui.editor import given
from tsdash.ui.lessons import LESSONS

PAGE = str(Path(__file__).parents[2] / "pages" / "learn.py")


@pytest.fixture(autouse=True)
def _live(studied: Studied, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page asks the engine that all tests share."""
    monkeypatch.setattr(service, "studied", studied)


def opened(name: str) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=120)
    page.query_params["lesson"] = name
    page.run()
    assert not page.exception, page.exception
    return page


def press(page: AppTest, key: str) -> None:
    page.button(key=key).click().run()
    assert not page.exception, page.exception


def edit(page: AppTest, key: str, text: str) -> None:
    """Put a text into an editor: a test without a browser cannot type there."""
    page.session_state[given(key)] = (text, 1)
    page.run()


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_is_predicted_revealed_and_checked(name: str, studied: Studied) -> None:
    """The prediction is held against what ran, the numbers are those of the study, the right answer finishes the lesson."""
    lesson, page = LESSONS[name], opened(name)
    assert page.button(key=f"reveal {name}").disabled
    study = studied(lesson.spec)
    page.radio(key=f"guess {name}").set_value(lesson.right(study)).run()
    press(page, f"reveal {name}")
    assert any("As you predicted" in item.value for item in page.success)
    assert any(
        lesson.said(study)[:12].replace("[", "") in item.value.replace("\\", "").replace("[", "")
        for item in page.success
    )
    wrong = (lesson.answer + 1) % len(lesson.check.options)
    page.radio(key=f"check {name}").set_value(wrong).run()
    press(page, f"checked {name}")
    assert any("Not that one" in item.value for item in page.warning)
    page.radio(key=f"check {name}").set_value(lesson.answer).run()
    press(page, f"checked {name}")
    assert any("This lesson is finished" in item.value for item in page.success)
    assert "1 of 11 finished" in [caption.value for caption in page.caption]


def test_a_wrong_prediction_is_told_what_came_true() -> None:
    page = opened("branches")
    page.radio(key="guess branches").set_value(0).run()
    press(page, "reveal branches")
    assert any("Not so" in item.value for item in page.warning)


def test_a_model_of_ones_own_runs(studied: Studied) -> None:
    """The reader's text is exported and asked; an error names its line."""
    page = opened("branches")
    page.radio(key="guess branches").set_value(1).run()
    press(page, "reveal branches")
    edit(page, "own branches", LESSONS["branches"].mended.spec.model.text)
    press(page, "run branches")
    assert any("trace: all 5 answers are eager's" in item.value.replace("\\", "") for item in page.subheader)
    edit(page, "own branches", "def make_model(:\n")
    press(page, "run branches")
    assert any("line 1" in item.value for item in page.error)


def test_next_and_previous_go_through_the_lessons() -> None:
    names = list(LESSONS)
    page = opened(names[0])
    press(page, "next")
    assert page.selectbox(key="lesson").value == names[1]
    press(page, "previous")
    assert page.selectbox(key="lesson").value == names[0]


def test_a_sheet_has_every_lesson_with_its_numbers(studied: Studied) -> None:
    """One page of HTML with a page break after each lesson; what happened stands in it."""
    lessons = [LESSONS[name] for name in ("branches", "shapes")]
    html = sheet.page(lessons, {one.name: (studied(one.spec), studied(one.mended.spec)) for one in lessons})
    assert html.count("<article>") == 3
    assert "break-after: page" in html
    for lesson in lessons:
        assert lesson.said(studied(lesson.spec)).split(",")[0][:20] in html


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=list(LESSONS))
def test_every_link_to_a_term_has_its_explanation(lesson: object) -> None:
    """What a text sets in brackets as a term is in the glossary, and the page lists it."""
    terms = glossary.used(lesson.text, lesson.why, lesson.mended.text, lesson.because)
    html = glossary.explained(terms)
    assert terms
    for text in (lesson.text, lesson.why, lesson.mended.text, lesson.because):
        for link in glossary.linked(text).split('href="#')[1:]:
            assert f'id="{link.partition(chr(34))[0]}"' in html
