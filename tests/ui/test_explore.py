"""The Explore page in every state, on stored runs: what it says, what it draws, what it offers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.ui.conftest import EQUAL, GUILTY, WRONG, early_exit, result
from tsdash import models, plan
from tsdash.spec import SEARCH, RunSpec
from tsdash.store import Store
from tsdash.ui import mend, selection, service

PAGE = "../../pages/explore.py"
EARLY_EXIT_DIMS = models.default_dims(models.gallery_source("early_exit"))


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
    n = len(plan.cases(plan.own_plan(EARLY_EXIT_DIMS, "standard"), EARLY_EXIT_DIMS))
    assert headings(page) == [f"Choose a model, then run\\: eager and every export get the same {n} inputs."]
    assert f"{n} planned cases for each of 2 modes" in captions(page)
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
        "Nothing: inputs, shared memory, strides and state are as with eager.",
        "trace answers in 100 µs, eager in 200 µs: 2.00× [2.00, 2.00] as fast, after 1 warm-up call.",
        "trace keeps 1 operator in 1 module; 1 is add.",
    ]


def test_verdicts_stand_beside_the_plain_rule(finished: Callable[..., int]) -> None:
    """The table has verdict, reason and how often the plain rule holds."""
    text = html(explore(run=str(finished())))
    for words in ("✓ ship", "✗ do not ship", "2 of 3", "3 of 3", "[2.00, 2.00]"):
        assert words in text


def test_the_first_failure_is_selected(finished: Callable[..., int]) -> None:
    """Without a choice the page opens the case that matters, and leaves the address as short as it was given."""
    page = explore(run=str(finished()))
    assert page.selectbox(key="mode").value == "trace"
    assert "x100" in page.selectbox(key="case").format_func(page.selectbox(key="case").value)
    assert "mode" not in page.query_params


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
    assert headings(page)[-2] == "Latency was not measured in this run\\: turn Latency on and run again."


def test_another_device_has_its_own_sentence(finished: Callable[..., int], store: Store) -> None:
    """Beside the heading, which speaks of the base case."""
    base = store.load(run := finished()).latencies[0]
    there = replace(base.case, id="c9", device="cuda", varied="device")
    store.add_latency(run, replace(base, case=there))
    text = "\n".join(element.value for element in explore(run=str(run)).markdown).replace("\\", "")
    assert "On cuda: trace answers in 100 µs, eager in 200 µs: 2.00×" in text


def test_a_run_that_is_not_there_is_said() -> None:
    """An old or mistyped address leaves the page usable."""
    page = explore(run="999")
    assert "There is no run 999" in page.error[0].value.replace("\\", "")
    assert not page.button(key="start").disabled


def test_an_address_that_is_no_number_is_said() -> None:
    """Whatever stands in the address, the page answers."""
    for asked in ("x'; --", "", "9" * 30):
        assert "is not the number of a run" in explore(run=asked).error[0].value


def test_a_run_with_a_search_shows_all_of_its_sections(store: Store, finished: Callable[..., int]) -> None:
    """Cases that a search made are no cells of the grid, and hide nothing of the page."""
    run = finished()
    base = early_exit().cases[0]
    made = replace(base, id="s0411ab", dims={**base.dims, "batch": 5}, varied=SEARCH, origin="c3")
    store.add_case(run, result(made, "trace", WRONG), {})
    page = explore(run=str(run))
    assert any(heading.startswith("trace answers in") for heading in headings(page))


def test_a_model_that_cannot_be_loaded_shows_its_line(failed: int) -> None:
    """What happened, where, and a way to try again. The line says what is wrong with it, which need not be an error raised there."""
    page = explore(run=str(failed))
    assert "cannot be run" in headings(page)[0]
    assert "no module named" in page.error[0].value
    assert "no module named &#x27;einops&#x27;" in html(page)
    assert "raised here" not in html(page)
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
    assert html(page).count("ts-runs") == 1


def test_a_choice_is_one_step_in_the_address(finished: Callable[..., int]) -> None:
    """Mode and case stand in the address together, so that Back undoes one choice."""
    page = explore(run=str(finished()))
    page.selectbox(key="case").set_value("c1").run()
    assert (page.query_params["mode"], page.query_params["case"]) == ("trace", "c1")


def test_the_grid_can_be_filtered_and_grouped(finished: Callable[..., int]) -> None:
    """The figure has the cases that are asked for."""
    page = explore(run=str(finished()))
    assert len(figures(page)["grid"]["data"][0]["z"][0]) == 3
    page.multiselect(key="only").set_value(["values: x100"]).run()
    assert len(figures(page)["grid"]["data"][0]["z"][0]) == 1
    page.multiselect(key="only").set_value(["values: x100", "batch: 3"]).run()
    assert "No case has all of this" in captions(page)


def test_a_tolerance_judges_the_run_anew(finished: Callable[..., int]) -> None:
    """Under |Δ| ≤ 10⁻² the case that is off by 11 still fails, and the address carries the tolerance."""
    page = explore(run=str(finished()), tolerance="0.01")
    assert "beyond 0.010" in "\n".join(element.value for element in page.markdown)
    page.select_slider(key="tolerance").set_value("1e-05").run()
    assert page.query_params["tolerance"] == "1e-05"


def test_two_modes_stand_side_by_side(finished: Callable[..., int]) -> None:
    """The same case in another mode, on the same page."""
    page = explore(run=str(finished()), beside="script")
    assert any(heading.startswith("trace, x100 values\\: mismatch") for heading in headings(page))
    assert {"0", "1"} <= {key.rsplit(" ", 1)[-1] for key in figures(page)}


def test_a_run_can_be_named(finished: Callable[..., int], store: Store) -> None:
    """Name and note are kept with the run."""
    run = finished()
    page = explore(run=str(run))
    page.text_input(key=f"name {run}").set_value("before the fix").run()
    assert store.summary(run).name == "before the fix"


def test_a_preset_varies_one_kind_of_thing(submitted: list[RunSpec]) -> None:
    """precision tries dtypes and nothing else."""
    page = explore(model="mlp")
    page.selectbox(key="preset").set_value("precision").run()
    page.button(key="start").click().run()
    assert {case.varied for case in submitted[0].cases} == {"base", "dtype"}


def test_what_was_baked_stands_beside_its_line(finished: Callable[..., int]) -> None:
    """The value while exporting, and the value here."""
    text = html(explore(run=str(finished())))
    assert "<b>False</b> while exporting, <b>True</b> here" in text


def test_modules_are_listed_with_their_error(finished: Callable[..., int]) -> None:
    """A tree, coloured by |Δ|, and the same along the network."""
    page = explore(run=str(finished()))
    assert "ts-tree" in html(page)
    assert "divergence" in figures(page)


def test_the_verdict_says_how_much_of_forward_it_speaks_for(finished: Callable[..., int]) -> None:
    """Lines that never ran are named."""
    text = html(explore(run=str(finished())))
    assert "the cases ran 5 of 6 lines and 1 of 2 branches" in text
    assert "early_exit.py line 30 never runs" in text


def test_a_change_that_helps_is_said(finished: Callable[..., int], store: Store, submitted: list[RunSpec]) -> None:
    """The run that tried a fix says which verdicts turned, and shows the change."""
    before = finished()
    record = store.load(before)
    changed = record.spec.model.text.replace("if sure.any():", "if True:")
    mend.run_changed(record, changed)
    run = store.runs()[0].id
    for case in record.spec.cases:
        for mode in record.spec.modes:
            store.add_case(run, result(case, mode, EQUAL), {})
    store.end(run, "done")
    page = explore(run=str(run))
    assert headings(page)[0].replace("\\", "") == "trace turned from do not ship to ship; script is as before."
    assert "changed since run 1" in html(page)
    assert "ts-line ts-add" in html(page)


def test_a_change_that_is_no_python_is_refused(finished: Callable[..., int], store: Store) -> None:
    """The sentence names the line, and nothing runs."""
    record = store.load(finished())
    mend.run_changed(record, "def make_model(:\n")
    assert "line 1" in st.session_state["mend problem"]
    assert len(store.runs()) == 1


def test_a_model_file_can_be_uploaded(submitted: list[RunSpec]) -> None:
    """The file becomes the model that Run runs; what is none is answered beside the field."""
    page = explore()
    page.file_uploader(key="model file").set_value(("mine.py", b"x = 1\n", "text/x-python")).run()
    assert any("does not define make_model" in error.value.replace("\\", "") for error in page.error)
    text = b"from torch import nn\nimport torch\n\n\ndef make_model():\n    return nn.Linear(2, 2)\n\n\ndef make_inputs(rows=3):\n    return (torch.ones(rows, 2),)\n"
    page.file_uploader(key="model file").set_value(("mine.py", text, "text/x-python")).run()
    page.button(key="start").click().run()
    assert submitted[0].model.filename == "mine.py"
    assert submitted[0].cases[0].dims == {"rows": 3}


def test_the_next_failure_comes_round(finished: Callable[..., int]) -> None:
    """From a case that agrees, the next failure is the one that fails, and so is the one before."""
    loaded = service.load(finished())
    here = selection.at(loaded, "script", "c2")
    failing = ("trace", next(case.id for case in loaded.record.spec.cases if case.values == "x100"))
    assert selection.step_failure(loaded, here, 1) == failing
    assert selection.step_failure(loaded, here, -1) == failing
    assert selection.step_failure(loaded, selection.at(loaded, *failing), 1) is None
