"""A stored run is judged again under a tolerance, from its facts alone."""

from dataclasses import replace

import pytest

from tsdash import rejudge, tables
from tsdash.cli import main
from tsdash.errors import OptionError
from tsdash.judge import Tolerance, judge
from tsdash.report import check_report
from tsdash.spec import Case, CaseResult, ModelSource, Oracle, OutputFacts, RunSpec, Side, StructureDifference
from tsdash.store import Store

NEAR = Oracle(expected_rms=1e-7, actual_rms=1e-3, expected_max=1e-7, actual_max=1e-3, scale_rms=1.0, scale_max=1.0)
SAME = OutputFacts(path="output", shape=(2,), dtype="float32", elements=2, identical=True)
OFF = replace(SAME, identical=False, max_abs=1e-3, max_rel=1e-3, oracle=NEAR)
FACTS = {
    "same": (SAME,),
    "off": (OFF,),
    "two": (replace(OFF, path="a", max_abs=1e-6), replace(OFF, path="b", max_abs=1e-2)),
    "integers": (OFF, replace(OFF, path="ids", dtype="int64", max_abs=1.0)),
    "nan": (replace(OFF, nan_disagree=1),),
}
RETURNED = Side(ended="returned")
BENT = StructureDifference(path="output", what="type", expected="dict", actual="tuple")


@pytest.fixture
def record(tsdash_home):
    cases = tuple(
        Case(id=name, dims={}, varied="base" if name == "same" else "values") for name in (*FACTS, "bent", "raises")
    )
    results = [
        CaseResult(case=case, mode="trace", eager=RETURNED, exported=RETURNED, outputs=FACTS.get(case.id, (OFF,)))
        for case in cases
    ]
    results[-2] = replace(results[-2], structure=(BENT,))
    results[-1] = replace(results[-1], exported=Side(ended="raised"))
    store = Store()
    model = ModelSource(name="m", kind="file", filename="m.py", text="")
    run = store.create(RunSpec(model=model, modes=("trace", "script"), cases=cases), {}, {})
    for result in results:
        store.add_case(run, result, {})
        store.add_case(run, replace(result, mode="script", outputs=(SAME,), structure=(), exported=RETURNED), {})
    store.end(run, "done")
    return store.load(run)


@pytest.mark.parametrize(
    "tolerance", [None, *(Tolerance(absolute=limit) for limit in (0.0, *rejudge.TOLERANCES, 10.0))]
)
def test_every_case_is_judged_as_it_would_be_alone(record, tolerance):
    """Judging a whole run again takes no shortcut that changes an outcome or its sentence."""
    found = rejudge.rejudge(record, tolerance).judgements
    assert found == {(result.mode, result.case.id): judge(result, tolerance) for result in record.results}


def test_a_looser_tolerance_forgives_numbers_and_nothing_else(record):
    """NaN, integers, structure and errors are no matter of tolerance."""
    outcomes = {
        case: j.outcome
        for (mode, case), j in rejudge.rejudge(record, Tolerance(absolute=1.0)).judgements.items()
        if mode == "trace"
    }
    assert outcomes == {
        "same": "identical", "off": "within_noise", "two": "within_noise", "integers": "mismatch", "nan": "mismatch",
        "bent": "mismatch", "raises": "runtime_error",
    }  # fmt: skip


def test_the_verdict_follows_the_tolerance(record):
    """One mode is judged by its own cases."""
    only = replace(record, results=tuple(r for r in record.results if r.case.id in ("same", "off", "two")))
    only = replace(only, spec=replace(only.spec, cases=only.spec.cases[:3]))
    rejudging = rejudge.Rejudging(only)
    found = [rejudging.under(Tolerance(absolute=limit)).verdicts["trace"].verdict for limit in (1e-4, 1e-2)]
    assert found == ["do_not_ship", "ship"]
    assert rejudging.under(None).verdicts["script"].verdict == "ship"


def test_the_table_is_recoloured_as_if_it_were_made_anew(record):
    """What does not depend on the judgement is kept."""
    judgements = rejudge.rejudge(record, Tolerance(absolute=1e-2)).judgements
    found = tables.recoloured(tables.outcomes(record), judgements)
    assert found.equals(tables.outcomes(record, judgements))
    assert [outcome for *_, outcome in tables.cells(record, judgements)] == found["outcome"].tolist()


def test_the_command_line_judges_again(record, capsys):
    """`runs show --tolerance` says by what it judges, and its status follows."""
    assert main(["runs", "show", "1", "--tolerance", "1e-2"]) == 1
    assert "judged again by |Δ| ≤ 0.010" in capsys.readouterr().out
    assert check_report(record, Tolerance(absolute=1e-2))["modes"]["trace"]["cases"][1]["outcome"] == "within_noise"


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "tight"])
def test_what_is_no_tolerance_is_refused(text):
    with pytest.raises(OptionError, match="is no tolerance"):
        rejudge.parse(text)
