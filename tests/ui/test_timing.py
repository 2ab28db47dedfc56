"""Explore: how latency is measured, what disturbed it, and what an export keeps beside the values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.ui.conftest import EQUAL, early_exit, result
from tests.ui.test_explore import explore, headings
from tsdash.spec import CONTROL, Arm, ContractChange, Latency
from tsdash.store import Store
from tsdash.ui.live import left_s, now_doing


def test_what_else_of_the_contract_changed_is_a_heading_and_a_list(store: Store, finished: Callable[..., int]) -> None:
    """A difference that a caller can see is named; a mode that keeps everything says so."""
    run = finished()
    change = ContractChange(what="input", path="args[0]", expected="left alone", actual="written to")
    altered = store.load(run).of("trace")[0]
    store.add_case(run, replace(altered, contract=(change,)), {})
    page = explore(run=str(run))
    shown = [text.value for text in page.markdown]
    assert "args[0] is written to by the export, and left alone by eager." in [
        text.replace("\\", "") for text in headings(page)
    ]
    assert any("Told" in text or "It treats" in text or "In 1 of 3 cases" in text for text in shown)


def test_timing_is_chosen_where_latency_is_on(store: Store, finished: Callable[..., int]) -> None:
    """Seconds and threads; a number of threads that nobody has is refused in words."""
    page = explore(run=str(finished()))
    assert [box.label for box in page.number_input if box.key == "latency_s"] == ["Seconds for all of it"]
    page.text_input(key="threads").set_value("0,2").run()
    assert any("each must be from 1 to 256" in error.value for error in page.error)
    assert page.button(key="start").disabled


def test_a_noisy_measurement_is_said_and_offered_again(store: Store, finished: Callable[..., int]) -> None:
    """With what disturbed it, beside latency by threads."""
    run = finished(latency=False)
    arms = [Arm(name=name, warmup_s=(0.01,), samples_s=(2e-4,) * 60) for name in ("eager", CONTROL, "trace", "script")]
    base = Latency(case=store.load(run).spec.cases[0], arms=tuple(arms), load_average=9.0, cpus=2)
    store.add_latency(run, replace(base, by_threads=(replace(base, threads=2),)))
    page = explore(run=str(run))
    assert any("9.0 programs wanted to run on 2 processors" in text.value for text in page.markdown)
    assert page.button(key="measure_again").label == "Measure again"
    page.toggle(key="latency").set_value(True).run()
    assert not page.exception
    assert not any("tsdash failed here" in error.value for error in page.error)


def test_the_time_left_counts_down_while_latency_is_measured(store: Store) -> None:
    """Half of the cases: as long again as they took and the timing; all: the timing, less what it has taken; then nothing."""
    spec = replace(early_exit(latency=True), latency_s=8.0)
    run = store.create(spec, {}, {})
    store.begin(run)
    assert left_s(store.load(run), 0.0) is None
    for case in spec.cases:
        store.add_case(run, result(case, "trace", EQUAL), {})
    half = store.load(run)
    assert half.began_at is not None
    assert left_s(half, half.began_at + 5.0) == pytest.approx(5.0 + 8.0)
    for case in spec.cases:
        store.add_case(run, result(case, "script", EQUAL), {})
    whole = store.load(run)
    assert whole.told_at is not None
    assert left_s(whole, whole.told_at + 3.0) == pytest.approx(5.0)
    assert left_s(whole, whole.told_at + 9.0) is None


def test_what_is_being_done_is_said_in_words(store: Store) -> None:
    """A case while there are cases; then what follows them, though the engine has told of nothing newer."""
    spec = early_exit(latency=True)
    run = store.create(spec, {}, {})
    store.begin(run)
    assert now_doing(store.load(run)) == "loading the model"
    store.doing(run, "script", "c1")
    assert now_doing(store.load(run)) == "script · the base case"
    store.add_case(run, result(spec.cases[0], "trace", EQUAL), {})
    store.doing(run, "", "")
    assert now_doing(store.load(run)) == "one case after another"
    store.doing(run, "script", "c1")
    for mode in spec.modes:
        for case in spec.cases:
            store.add_case(run, result(case, mode, EQUAL), {})
    assert now_doing(store.load(run)) == "judging script"
    for what, words in (
        (("trace", "diagnosing"), "trace · diagnosing"),
        (("trace", "s1a2b3c"), "trace · narrowing the failure down"),
        (("coverage", "c1"), "seeing which lines of forward ran"),
        (("latency", "c1"), "measuring latency"),
    ):
        store.doing(run, *what)
        assert now_doing(store.load(run)) == words
