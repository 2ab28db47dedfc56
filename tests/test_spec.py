"""Every stage survives JSON."""

import json
import math

from tsdash.spec import (
    Case,
    CaseResult,
    Element,
    ErrorFacts,
    Export,
    ExportWarning,
    Histogram,
    Limits,
    ModelSource,
    Oracle,
    OutputFacts,
    RunSpec,
    Side,
    from_json,
    to_json,
)


def through_json(stage):
    return from_json(type(stage), json.loads(json.dumps(to_json(stage))))


def test_a_run_spec_comes_back_as_it_was():
    """Nested dataclasses, tuples, dicts and optional fields survive."""
    case = Case(id="c1", dims={"batch": 2}, training=False, dtype="inputs:float16")
    spec = RunSpec(
        model=ModelSource(name="m", kind="file", filename="m.py", text="x = 'é\ud800'"),
        modes=("trace", "script"),
        cases=(case,),
        limits=Limits(case_s=2.5),
    )
    assert through_json(spec) == spec


def test_a_case_result_comes_back_as_it_was():
    """Facts keep their numbers, infinities included."""
    facts = OutputFacts(
        path="output",
        shape=(2, 3),
        dtype="float32",
        elements=6,
        identical=False,
        max_abs=math.inf,
        worst=(Element(index=(0, 1), expected=1.0, actual=2.0, delta=1.0),),
        histogram=Histogram(low=-12, counts=(0, 1)),
        oracle=Oracle(expected_rms=0.1, actual_rms=0.1, expected_max=0.1, actual_max=0.1, scale_rms=1.0, scale_max=1.0),
    )
    result = CaseResult(
        case=Case(id="c1", dims={}),
        mode="trace",
        eager=Side(ended="returned", seconds=0.1),
        exported=Side(ended="raised", error=ErrorFacts(type="E", message="m")),
        outputs=(facts,),
    )
    assert through_json(result) == result


def test_an_export_comes_back_as_it_was():
    """Warnings with and without a line survive."""
    export = Export(
        mode="trace",
        seconds=0.5,
        warnings=(ExportWarning(message="a"), ExportWarning(message="b", file="f.py", line=3)),
    )
    assert through_json(export) == export


def test_what_a_newer_version_added_is_dropped():
    """Unknown fields are ignored, so that an older tsdash reads a newer one's results."""
    raw = {**to_json(Case(id="c1", dims={})), "moon_phase": "full"}
    assert from_json(Case, raw) == Case(id="c1", dims={})


def test_the_hash_is_of_the_text_alone():
    """The same source under another name has the same hash."""
    one, other = (ModelSource(name=name, kind="file", filename=name, text="pass") for name in ("a.py", "b.py"))
    assert one.sha256 == other.sha256
