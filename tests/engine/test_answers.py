"""An answer is believed as far as its form goes, or not at all."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdash.engine.answers import LONG_TEXTS, take, take_all
from tsdash.engine.workers import WorkerLost
from tsdash.spec import Cause, Description, ErrorFacts, Export, Histogram, OutputFacts, Side, TensorFacts, to_json

FACTS = OutputFacts(
    path="output",
    shape=(2, 3),
    dtype="float32",
    elements=6,
    identical=False,
    max_abs=float("inf"),
    max_ulp=None,
    histogram=Histogram(low=-3, counts=(1, 2)),
)
DESCRIPTION = Description(
    parameters=3, dims={"n": 2}, inputs=(TensorFacts(path="args[0]", shape=(2,), dtype="int64"),), training=False
)


@pytest.mark.parametrize("stage", [FACTS, DESCRIPTION, Side(ended="returned", seconds=1), Cause(cause="rng")])
def test_what_a_worker_says_comes_through(stage):
    """Nested stages, infinities, missing values."""
    assert take(type(stage), json.loads(json.dumps(to_json(stage)))) == stage


def test_code_and_graph_may_be_longer_than_other_texts():
    """Those of a large network come through whole: a graph may be longer than code, and code longer than a message."""
    for name, most in LONG_TEXTS.items():
        long = "x" * most
        export = take(Export, to_json(Export(mode="trace", seconds=1.0, **{name: long})))
        assert getattr(export, name) == long
    long = "x" * LONG_TEXTS["graph"]
    assert len(take(Export, to_json(Export(mode="trace", seconds=1.0, code=long))).code) < len(long)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (Side, None),
        (Side, []),
        (Side, {"ended": ["returned"]}),
        (Side, {"ended": "returned", "seconds": "soon"}),
        (Side, {"ended": "returned", "seconds": True}),
        (Side, {"ended": "timeout"}),
        (Export, {"mode": "trace"}),
        (Description, {**to_json(DESCRIPTION), "dims": {"n": "two"}}),
        (Description, {**to_json(DESCRIPTION), "dims": ["n"]}),
        (Description, {**to_json(DESCRIPTION), "parameters": 2**70}),
        (Description, {**to_json(DESCRIPTION), "parameters": True}),
        (OutputFacts, {**to_json(FACTS), "identical": 1}),
        (OutputFacts, {**to_json(FACTS), "histogram": [1]}),
        (OutputFacts, {**to_json(FACTS), "shape": "23"}),
        (bool, 0),
        (int, 1.5),
        (str, 1),
    ],
)
def test_what_is_not_of_its_type_is_a_lost_worker(kind, answer):
    with pytest.raises(WorkerLost, match="none that tsdash gives"):
        take(kind, answer)


@pytest.mark.parametrize("answer", [{}, {"ok": None}, {"ok": {"other": 1}}, [], "ok", None])
def test_a_missing_part_is_a_lost_worker(answer):
    with pytest.raises(WorkerLost):
        take(Side, answer, "ok", "side")


@pytest.mark.parametrize("answer", [None, [], {"causes": {}}, {"causes": [1]}])
def test_a_list_that_is_none_is_a_lost_worker(answer):
    with pytest.raises(WorkerLost):
        take_all(Cause, answer, "causes")


def test_a_list_that_is_missing_is_empty():
    assert take_all(Cause, {}, "causes") == ()


def test_texts_are_cut_and_cleaned():
    """What no store, terminal or page can take is escaped, and a text of any length fits."""
    error = take(ErrorFacts, {"type": "E\x00\x1b", "message": "x" * 10**6, "file": "\ud800"})
    assert (error.type, error.file) == ("E\\x00\\x1b", "\\ud800")
    assert len(error.message.encode()) < 8192 + 50


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["ended", "path", "shape"]), inner),
)


@given(JSON)
def test_no_json_at_all_makes_it_fail_otherwise(answer):
    for kind in (Side, OutputFacts, Description, Export):
        try:
            stage = take(kind, answer)
        except WorkerLost:
            continue
        json.dumps(to_json(stage)).encode()
