"""Stored runs become tidy tables."""

from dataclasses import replace

import pandas as pd
import pytest

from tsdash import plan, tables
from tsdash.spec import Arm, CaseResult, Element, Latency, ModelSource, OutputFacts, RunSpec, Side, Sweep
from tsdash.store import Store

FACTS = OutputFacts(
    path="output",
    shape=(2,),
    dtype="int64",
    elements=2,
    identical=False,
    max_abs=3.0,
    worst=(Element(index=(1,), expected=4, actual=1, delta=-3),),
)


@pytest.fixture
def record(tsdash_home):
    """A run of two modes and three cases, of which one result is there."""
    spec = RunSpec(
        model=ModelSource(name="m", kind="file", filename="m.py", text=""),
        modes=("trace", "script"),
        cases=plan.cases(Sweep(dims={"n": (1, 2)}, values=("nan",)), {"n": 1}),
    )
    store = Store()
    run = store.create(spec, {}, {})
    returned = Side(ended="returned")
    store.add_case(
        run, CaseResult(case=spec.cases[1], mode="trace", eager=returned, exported=returned, outputs=(FACTS,)), {}
    )
    return store.load(run)


def test_every_planned_cell_has_a_row(record):
    """What has not run says so."""
    table = tables.outcomes(record)
    assert table[["mode", "case", "outcome"]].to_numpy().tolist() == [
        ["trace", "c1", "not_run"],
        ["trace", "c2", "mismatch"],
        ["trace", "c3", "not_run"],
        ["script", "c1", "not_run"],
        ["script", "c2", "not_run"],
        ["script", "c3", "not_run"],
    ]


def test_a_plan_has_the_same_table(record):
    """Before Run the page draws the same grid."""
    pd.testing.assert_frame_equal(
        tables.planned(record.spec).drop(columns=["outcome", "detail", "hover", "max_abs", "plain_rule"]),
        tables.outcomes(record)[["mode", "case", "varied", "label"]],
    )


def test_labels_are_the_shortest_that_tell_cases_apart(record):
    assert tables.planned(record.spec)["label"].head(3).tolist() == ["1", "2", "nan"]


def test_the_worst_elements_keep_both_values():
    assert tables.worst_elements(FACTS).to_numpy().tolist() == [["1", 4, 1, -3]]


def test_the_tidy_cases_carry_choices_and_facts(record):
    row = tables.cases(record).iloc[0]
    assert (row["mode"], row["n"], row["outcome"], row["max_abs"], row["plain_rule"]) == (
        "trace",
        2,
        "mismatch",
        3.0,
        False,
    )


def test_samples_keep_the_warm_up_apart(record):
    latency = Latency(case=record.spec.cases[0], arms=(Arm(name="eager", warmup_s=(0.5,), samples_s=(0.1, 0.2)),))
    assert tables.samples([latency])[["phase", "call", "seconds"]].to_numpy().tolist() == [
        ["warm-up", 1, 0.5],
        ["steady", 1, 0.1],
        ["steady", 2, 0.2],
    ]


def test_a_case_that_compared_nothing_has_no_difference(record):
    assert tables.max_abs(replace(record.results[0], outputs=())) is None


def test_two_runs_are_compared_case_by_case_whatever_their_numbers(record):
    """The same inputs under another number are the same case; what only one run has is new or gone."""
    same, worse = record.results[0], record.results[0]
    healed = replace(worse, outputs=(replace(FACTS, identical=True, max_abs=0.0),))
    moved = replace(healed, case=replace(healed.case, id="c9"))
    extra = replace(same, mode="script")
    before, after = record, replace(record, results=(moved, extra))
    table = tables.changes(before, after)
    assert table[["mode", "before", "after", "change"]].to_numpy().tolist() == [
        ["trace", "mismatch", "identical", "better"],
        ["script", "absent", "mismatch", "new"],
    ]
    assert tables.changes(after, before)["change"].tolist() == ["worse", "gone"]
