"""The Explore page in every state, on stored runs: what it says, what it draws, what it offers."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.conftest import GUILTY, early_exit
from tsdash.spec import RunSpec
from tsdash.store import Store
from tsdash.ui import service

PAGE = "../../pages/explore.py"


@pytest.fixture
def submitted(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[RunSpec]:
    """What the page submits, in place of an engine."""
    specs: list[RunSpec] = []

    def submit(spec: RunSpec, sweep: dict[str, object]) -> int:
        specs.append(spec)
        run = store.create(spec, sweep, {})
        store.end(run, "cancelled")
        return run

    monkeypatch.setattr(service, "submit", submit)
    return specs


def explore(**query: str) -> AppTest:
    """The page at an address, run once."""
    page = AppTest.from_file(PAGE, default_timeout=30)
    for name, value in query.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception, page.exception
    return page


def headings(page: AppTest) -> list[str]:
    return [heading.value for heading in page.subheader]


def captions(page: AppTest) -> str:
    """All small print of the page."""
    return "\n".join(caption.value for caption in page.caption)


def html(page: AppTest) -> str:
    """All hand-written HTML of the page."""
    return "".join(element.proto.body for element in page.get("html"))


def figures(page: AppTest) -> dict[str, dict]:  # type: ignore[type-arg]
    """The plotly specs of the page by their key."""
    found = {}
    for chart in page.get("plotly_chart"):
        found[chart.proto.id.rsplit("-", 1)[-1]] = json.loads(chart.proto.spec)
    return found


def test_before_the_first_run_the_plan_is_shown() -> None:
    """An empty page says what Run will do and draws the planned cases."""
    page = explore()
    assert headings(page) == ["Choose a model, then run\\: eager and every export get the same 37 inputs."]
    assert "37 planned cases for each of 2 modes" in captions(page)
    assert set(figures(page)["planned"]["data"][1]["text"]) == {"·"}


def test_effort_changes_the_plan() -> None:
    """Quick plans fewer cases, and the button says how many."""
    page = explore()
    before = page.button(key="start").label
    page.session_state["effort"] = "quick"
    page.run()
    assert page.button(key="start").label != before
    assert "planned cases" in captions(page)


def test_run_submits_the_choice(submitted: list[RunSpec]) -> None:
    """Run hands model, modes and cases to the engine and shows the run by its address."""
    page = explore(model="mlp")
    page.button(key="start").click().run()
    assert [spec.model.name for spec in submitted] == ["mlp"]
    assert submitted[0].modes == ("trace", "script")
    assert page.query_params["run"] == "1"


def test_a_size_that_is_changed_is_planned(submitted: list[RunSpec]) -> None:
    """The sizes of a dim are text: lists and ranges."""
    page = explore(model="mlp")
    page.text_input(key="dim batch mlp:standard").set_value("2,5:7").run()
    page.button(key="start").click().run()
    assert {case.dims["batch"] for case in submitted[0].cases} == {2, 5, 6, 7}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("resnet18", "torchvision"),
        ("early_exti", "Did you mean early"),
        ("nowhere.py", "nowhere.py"),
    ],
)
def test_a_model_that_is_not_there_says_what_to_do(model: str, message: str) -> None:
    """A wrong name is one sentence, and Run waits."""
    page = explore(model=model)
    assert message in page.error[0].value.replace("\\", "")
    assert page.button(key="start").disabled


def test_a_size_that_cannot_be_read_says_how_to_write_it() -> None:
    """A typing error is answered beside the controls."""
    page = explore(model="mlp")
    page.text_input(key="dim batch mlp:standard").set_value("2;3").run()
    assert not page.exception
    assert "whole numbers" in page.error[0].value


def test_no_mode_is_said() -> None:
    """Without a mode there is nothing to run."""
    page = explore()
    page.session_state["modes"] = []
    page.run()
    assert "at least one export mode" in page.error[0].value


def test_a_finished_run_answers_in_its_headings(finished: Callable[..., int]) -> None:
    """Read from the top down, the headings are the report."""
    page = explore(run=str(finished()))
    assert [heading.replace("\\", "") for heading in headings(page)] == [
        "Ship script: same bits in 3 of 3 cases, 1.25× as fast.",
        "trace fails on x100 values.",
        "The branch was decided while tracing.",
        "120 of 128 elements differ by more than 10⁻⁵, at most by 11. The predicted class changes in 14 of 16 rows.",
        "trace answers in 100 µs, eager in 200 µs: 2.00× [2.00, 2.00] as fast, after 1 warm-up call.",
    ]


def test_verdicts_stand_beside_the_plain_rule(finished: Callable[..., int]) -> None:
    """The table has verdict, reason and how often the plain rule holds."""
    text = html(explore(run=str(finished())))
    for words in ("✓ ship", "✗ do not ship", "2 of 3", "3 of 3", "[2.00, 2.00]"):
        assert words in text


def test_the_first_failure_is_selected(finished: Callable[..., int]) -> None:
    """Without a choice the page opens the case that matters, and the address says so."""
    page = explore(run=str(finished()))
    assert page.selectbox(key="mode").value == "trace"
    assert "x100" in page.selectbox(key="case").format_func(page.selectbox(key="case").value)
    assert page.query_params["mode"] == "trace"


def test_the_address_selects(finished: Callable[..., int]) -> None:
    """A link to a case opens that case; here one that agrees."""
    page = explore(run=str(finished()), mode="script", case="c2")
    assert page.selectbox(key="mode").value == "script"
    assert "All 128 elements are equal, bit for bit." in headings(page)
    assert "Plain rule holds" in captions(page)


def test_choosing_a_mode_moves_everything_below(finished: Callable[..., int]) -> None:
    """The selectors are the keyboard's way to what a click in the grid does."""
    page = explore(run=str(finished()))
    page.selectbox(key="mode").set_value("script").run()
    assert page.query_params["mode"] == "script"
    assert any(heading.startswith("script answers in") for heading in headings(page))


def test_a_selection_of_another_run_is_forgotten(finished: Callable[..., int]) -> None:
    """An address that names a case which does not exist falls back to the first failure."""
    page = explore(run=str(finished()), mode="onnx", case="c99")
    assert page.selectbox(key="mode").value == "trace"


def test_blame_and_warning_stand_at_their_line(finished: Callable[..., int]) -> None:
    """The guilty line is marked once, with the cause and PyTorch's own warning below it."""
    text = html(explore(run=str(finished())))
    assert text.count("ts-line ts-guilty") == 1
    marked = text.split("ts-line ts-guilty")[1]
    assert marked.index(f">{GUILTY}<") < marked.index("decided while tracing") < marked.index("TracerWarning")


def test_the_cause_comes_with_its_evidence(finished: Callable[..., int]) -> None:
    """Name, place, proof and evidence are in words."""
    text = "\n".join(element.value for element in explore(run=str(finished())).markdown)
    assert "baked_control_flow" in text
    assert "✓ proved" in text
    assert "Two graphs differ here." in text


def test_every_figure_can_be_read_without_seeing_it(finished: Callable[..., int]) -> None:
    """Every figure has its text alternative, with numbers in it."""
    charts = explore(run=str(finished())).get("plotly_chart")
    assert len(charts) >= 6
    assert all(any(sign.isdigit() for sign in chart.proto.alt) for chart in charts)


def test_without_latency_the_page_says_how_to_get_it(finished: Callable[..., int]) -> None:
    """Nothing measured is said as such, not drawn as empty axes."""
    page = explore(run=str(finished(latency=False)))
    assert headings(page)[-1] == "Latency was not measured in this run\\: turn Latency on and run again."


def test_a_run_that_is_not_there_is_said() -> None:
    """An old or mistyped address leaves the page usable."""
    page = explore(run="999")
    assert "There is no run 999" in page.error[0].value.replace("\\", "")
    assert not page.button(key="start").disabled


def test_an_address_that_is_no_number_is_said() -> None:
    """Whatever stands in the address, the page answers."""
    assert "is not the number of a run" in explore(run="x'; --").error[0].value


def test_a_model_that_cannot_be_loaded_shows_its_line(failed: int) -> None:
    """What happened, where, and a way to try again."""
    page = explore(run=str(failed))
    assert "cannot be run" in headings(page)[0]
    assert "no module named" in page.error[0].value
    assert "raised here" in html(page)
    assert page.button(key="again")


def test_run_again_runs_the_same_spec(failed: int, submitted: list[RunSpec]) -> None:
    """Run again takes the model, modes and cases of the run that is shown."""
    page = explore(run=str(failed))
    page.button(key="again").click().run()
    assert submitted == [early_exit()]


def test_a_cancelled_run_keeps_what_it_has(store: Store) -> None:
    """Cases that ran stay, modes that did not finish have no verdict."""
    spec = early_exit()
    run = store.create(spec, {}, {})
    store.begin(run)
    store.end(run, "cancelled")
    page = explore(run=str(run))
    assert "0 of 6 cases ran" in headings(page)[0]
    assert "not yet" in html(page)


def test_a_running_run_shows_progress_and_no_second_run(store: Store) -> None:
    """While a run runs the bar counts, the current cell is outlined, and Run is off."""
    run = store.create(early_exit(), {}, {})
    store.begin(run)
    store.doing(run, "trace", "c1")
    page = explore(run=str(run))
    assert page.button(key="start").disabled
    assert "Another process runs this" in captions(page)
    outlined = [shape for shape in figures(page)["live"]["layout"]["shapes"] if shape["type"] == "rect"]
    assert outlined[0]["x0"] == -0.5
