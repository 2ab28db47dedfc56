"""The playground: what may be run, what is asked, what is marked at which line, what a link holds."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from tsdash import models
from tsdash.errors import ModelError, OptionError
from tsdash.spec import Cause, ErrorFacts, Export, ExportWarning, ModelSource, RunSpec
from tsdash.store import Store
from tsdash.study import Answer, Array, ModeStudy, Study, StudySpec
from tsdash.ui import answers, service, sharing, trying

PAGE = str(Path(__file__).parents[2] / "pages" / "playground.py")
OWN = "import torch\n\n\ndef make_model():\n    return torch.nn.ReLU()\n\n\ndef make_inputs(n=2):\n    return (torch.ones(n),)\n"


def answer(*values: float) -> Answer:
    return Answer(structure="a tensor", outputs=(Array(shape=(len(values),), dtype="float32", values=values),))


def studied(spec: StudySpec) -> Study:
    """Eager says 1 to everything; trace says 1.5 to the second question, script cannot be exported."""
    n = len(spec.questions)
    warning = ExportWarning(message="a branch", file=spec.model.filename, line=2, category="TracerWarning")
    error = ErrorFacts(type="NotSupportedError", message="no such thing", file=spec.model.filename, line=3)
    return Study(
        eager=(answer(1.0),) * n,
        modes={
            "trace": ModeStudy(
                export=Export(mode="trace", seconds=0.1, warnings=(warning,), graph="graph(%x : Tensor):\n"),
                answers=tuple(answer(1.5 if i == 1 else 1.0) for i in range(n)),
            ),
            "script": ModeStudy(export=Export(mode="script", seconds=0.1, error=error, ended="raised")),
        },
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[StudySpec]:
    """Studies that are answered at once, in the order in which they were asked for."""
    specs: list[StudySpec] = []

    def study(spec: StudySpec) -> Future[Study]:
        specs.append(spec)
        future: Future[Study] = Future()
        future.set_result(studied(spec))
        return future

    monkeypatch.setattr(service, "study", study)
    monkeypatch.setattr(service, "allows_code", lambda: True)
    return specs


def page(**query: str) -> AppTest:
    shown = AppTest.from_file(PAGE, default_timeout=30)
    for name, value in query.items():
        shown.query_params[name] = value
    shown.run()
    assert not shown.exception, shown.exception
    return shown


def run(shown: AppTest) -> AppTest:
    shown.button(key="play run").click().run()
    assert not shown.exception, shown.exception
    return shown


def test_a_link_shows_its_source_and_waits_for_run(asked: list[StudySpec]) -> None:
    shown = page(source=sharing.packed(OWN))
    assert asked == []
    assert "came with the link" in shown.info[0].value
    run(shown)
    assert asked[0].model.text == OWN
    assert (asked[0].model.kind, asked[0].modes) == ("file", ("trace", "script"))


def test_answers_are_told_apart(asked: list[StudySpec]) -> None:
    """In the heading, and in a table with the largest |Δ|."""
    shown = run(page(model="mlp"))
    assert asked[0].model == models.gallery_source("mlp")
    heading = shown.subheader[0].value.replace("\\", "")
    assert heading.startswith(f"trace: 1 of {len(asked[0].questions)} answers is not eager's, largest |Δ| 0.50;")
    assert "script: cannot be exported (no such thing)" in heading
    table = next(body for body in html(shown) if "ts-answers" in body)
    assert table.count("</span>same") == len(asked[0].questions) - 1
    assert "|Δ| 0.50" in table
    assert "no export" in table


def html(shown: AppTest) -> list[str]:
    return [element.proto.body for element in shown.get("html")]  # type: ignore[attr-defined]


def test_rounding_is_no_other_answer() -> None:
    """A study has no referee: what torch.testing.assert_close allows is rounding, on one side infinite it is not."""
    nan, inf = float("nan"), float("inf")
    pairs = [((1.0, nan), (1.000001, nan), True), ((1.0, 2.0), (1.0, 2.1), False), ((1.0, 2.0), (1.0, inf), False)]
    assert [answers.near(answer(*one), answer(*other)) for one, other, _ in pairs] == [same for *_, same in pairs]
    kept = ModeStudy(export=Export(mode="onnx", seconds=0.1), answers=(answer(1.000001),))
    study = Study(eager=(answer(1.0),), modes={"onnx": kept})
    assert (answers.wrong(study, "onnx"), "but for rounding" in answers.summary(study, "onnx")) == (0, True)


def test_the_cause_is_found_by_a_run_of_its_own(
    asked: list[StudySpec], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the modes that answer otherwise; its causes are told when it ends."""
    runs: list[RunSpec] = []

    def submit(spec: RunSpec, sweep: dict[str, object]) -> int:
        runs.append(spec)
        number = store.create(spec, sweep, {})
        store.begin(number)
        cause = Cause(cause="baked_constant", file="mlp.py", line=9, message="it was decided while tracing")
        store.add_causes(number, "trace", (cause,))
        store.end(number, "done")
        return number

    monkeypatch.setattr(service, "submit", submit)
    shown = run(page(model="mlp"))
    shown.button(key="play why").click().run()
    assert not shown.exception, shown.exception
    assert runs[0].modes == ("trace", "script")
    assert any("it was decided while tracing" in heading.value for heading in shown.subheader)
    assert any("baked_constant" in text.value for text in shown.markdown)


def test_a_syntax_error_is_told_without_a_run(asked: list[StudySpec]) -> None:
    shown = run(page(source=sharing.packed("def make_model(:\n")))
    assert asked == []
    assert "line 1" in shown.error[0].value


def test_a_server_that_runs_no_code_still_runs_the_gallery(
    asked: list[StudySpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says why the user's own is not run."""
    monkeypatch.setattr(service, "allows_code", lambda: False)
    shown = run(page(source=sharing.packed(OWN)))
    assert asked == []
    assert "switched off on this server" in shown.error[0].value
    run(page(model="mlp"))
    assert len(asked) == 1


def test_two_hundred_thousand_characters_are_too_many() -> None:
    with pytest.raises(OptionError, match="200,001 characters, and 200,000 are the most"):
        trying.source_of("#" * 200_001, "mlp", allow_code=True)


@pytest.mark.parametrize("name", [listing.name for listing in models.names() if listing.kind == "gallery"])
def test_every_gallery_model_has_questions(name: str) -> None:
    """The base case first."""
    cases = trying.cases(models.gallery_source(name))
    assert cases[0].varied == "base"
    assert 3 <= len(cases) <= trying.MOST_QUESTIONS


def test_lines_are_marked_with_what_points_to_them() -> None:
    """Causes and errors before warnings; what another file says is not of this source."""
    source = ModelSource(name="x.py", kind="file", filename="x.py", text=OWN)
    study = studied(StudySpec(model=source))
    cause = Cause(cause="baked_constant", file="x.py", line=2, message="it was decided")
    elsewhere = Cause(cause="baked_constant", file="y.py", line=1, message="not here")
    marks = trying.marks(source, study, [cause, elsewhere])
    assert {line: mark.kind for line, mark in marks.items()} == {2: "guilty", 3: "guilty"}
    assert marks[2].notes == ("baked_constant: it was decided", "trace: TracerWarning: a branch")
    assert marks[3].notes == ("script, while exporting: NotSupportedError: no such thing",)
    failure = ModelError("x.py line 4: no", file="x.py", line=4)
    assert trying.marks(source, None, failure=failure)[4].notes == ("x.py line 4: no",)


@settings(max_examples=25)
@given(st.text(max_size=200))
def test_a_link_gives_back_what_was_shared(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    assert sharing.unpacked(sharing.packed(text)) == text


@pytest.mark.parametrize("letters", ["", "ä", "abc", "eJw", sharing.packed(OWN)[:-9]])
def test_a_damaged_link_says_so(letters: str) -> None:
    with pytest.raises(OptionError, match="damaged"):
        sharing.unpacked(letters)


def test_a_link_neither_holds_nor_opens_too_much() -> None:
    """A small address can hold gigabytes of zeros."""
    with pytest.raises(OptionError, match="letters of an address"):
        sharing.packed("".join(chr(33 + i * i % 89) + str(i) for i in range(4000)))
    with pytest.raises(OptionError, match="more than 200,000"):
        sharing.unpacked(sharing.packed("a" * 900_000))
