"""What a call does beside what it returns."""

from dataclasses import replace

import pytest
import torch

from tsdash import contract, effects
from tsdash.calling import observe
from tsdash.judge import judge
from tsdash.spec import Case, CaseResult, ContractChange, ErrorFacts, Export, Side
from tsdash.verdicts import verdict

CASE = Case(id="c1", dims={})
X = torch.arange(6.0).reshape(2, 3)


def read(model, *args):
    found, leaves = effects.read(observe(model, args, {}, CASE), args, {})
    return found, leaves


def changes(actual, expected):
    return effects.changes(read(actual, X), read(expected, X))


def test_a_call_that_only_returns_has_no_effects():
    """Fresh memory, in C order, of its own; and a call is no change from itself."""
    found, leaves = read(lambda x: (x + 1, x * 2), X)
    assert (found.shared, found.changed, found.strides["output[1]"], len(leaves)) == ((), (), (3, 1), 2)
    assert changes(torch.exp, torch.exp) == ()


def test_an_input_that_is_written_to_is_seen_with_its_new_values():
    """Through `.data` too, which raises no version; the caller's own tensor stays as it is."""
    found, leaves = read(lambda x: x.data.add_(1).sum(), X)
    assert found.changed == ("args[0]",)
    assert torch.equal(leaves[-1], X + 1)
    assert X[0, 0] == 0


@pytest.mark.parametrize(
    ("model", "shared"),
    [
        (lambda x: x.view(-1), ("output and args[0]",)),
        (lambda x: x[1:], ("output and args[0]",)),
        (lambda x: (lambda y: (y, y[0]))(x + 1), ("output[1] and output[0]",)),
        (lambda x: (x + 1).split(1), ()),
    ],
)
def test_memory_is_shared_where_the_same_bytes_are(model, shared):
    """Views of one tensor that lie side by side share nothing."""
    assert read(model, X)[0].shared == shared


def test_writing_to_an_input_on_one_side_counts():
    """A caller sees it at once."""
    change = ContractChange(what="input", path="args[0]", expected="left alone", actual="written to")
    assert changes(lambda x: x.add_(1), lambda x: (x + 1).view(2, 3))[0] == change
    assert contract.counts(change)
    assert contract.sentence(change) == "args[0] is written to by the export, and left alone by eager."


def test_memory_that_is_newly_shared_counts_and_memory_that_is_no_longer_does_not():
    """The first lets a caller overwrite an answer that it keeps; the second costs a copy."""
    (new,) = changes(lambda x: x, lambda x: x.clone())
    (lost,) = changes(lambda x: x.clone(), lambda x: x)
    assert [contract.counts(change) for change in (new, lost)] == [True, False]
    assert "writing to args[0] changes it" in contract.sentence(new)


def test_other_strides_are_noted_and_do_not_count():
    (change,) = changes(lambda x: (x + 1).t().contiguous().t(), lambda x: x + 1)
    assert contract.sentence(change) == "output has strides (1, 2), eager's (3, 1)."
    assert not contract.counts(change)


def test_inputs_that_both_sides_write_to_are_compared_by_their_values():
    """Rounding is no change, another value is; where eager does it as well that is noted, after all that differs."""
    (alike,) = changes(lambda x: x.add_(1).exp(), lambda x: x.add_(1 + 1e-7).exp())
    assert contract.sentence(alike) == "Eager's forward itself writes to args[0], and so does the export."
    assert not contract.counts(alike)
    (change,) = changes(lambda x: x.add_(1).exp(), lambda x: x.add_(1.5).exp())
    assert (
        contract.sentence(change)
        == "args[0] is written to otherwise (max |Δ| 0.50) by the export, and written to by eager."
    )


def test_what_is_noted_of_a_mode_begins_with_what_differs():
    """That both sides write to an input comes last; where nothing is noted, the cases that can tell are counted."""
    strides = ContractChange(what="strides", path="output", expected="(3, 1)", actual="(1, 2)")
    alike = ContractChange(what="alike", path="args[0]", expected="written to", actual="written to")
    returned = Side(ended="returned")
    plain = CaseResult(case=CASE, mode="trace", eager=returned, exported=returned)
    noted = contract.notable(None, [(r, judge(r)) for r in [replace(plain, contract=(alike, strides))]])
    assert [said.split()[0] for said in noted] == ["output", "Eager's"]
    raising = replace(plain, eager=Side(ended="raised"), exported=Side(ended="raised"))
    both = [(r, judge(r)) for r in (plain, raising)]
    assert contract.nothing(both[:1]) == "Nothing: inputs, shared memory, strides and state are as with eager."
    assert contract.nothing(both).endswith("as with eager in 1 of 2 cases, those in which both return.")
    assert contract.nothing(both[1:]) == "Nothing can be said: in no case do eager and the export both return."


def test_an_export_that_failed_is_told_nothing_after_loading():
    """There is none to be loaded."""
    failed = Export(mode="trace", seconds=0.0, ended="raised", error=ErrorFacts(type="E", message="m"))
    case = replace(CASE, training=False)
    result = CaseResult(case=case, mode="trace", eager=Side(), exported=Side(ended="export_error", error=failed.error))
    assert contract.kept(failed, [(result, judge(result))]) == ()


def test_a_change_that_counts_forbids_shipping_and_leaves_the_outcome():
    """The outcome is about what was returned."""
    change = ContractChange(what="input", path="args[0]", expected="written to", actual="left alone")
    result = CaseResult(
        case=CASE, mode="trace", eager=Side(ended="returned"), exported=Side(ended="returned"), contract=(change,)
    )
    found = verdict([result])
    assert (found.outcome, found.verdict) == ("identical", "do_not_ship")
    assert found.reasons == (
        "In the one case a caller sees that args[0] is left alone by the export, and written to by eager.",
    )
    assert judge(result).detail.endswith("But args[0] is left alone by the export, and written to by eager.")


def test_what_a_mode_keeps_is_said_in_sentences():
    """What holds in every case, what does not in how many, and what a loaded artefact does when it is switched."""
    returned = {"mode": "trace", "eager": Side(ended="returned"), "exported": Side(ended="returned")}
    strides = ContractChange(what="strides", path="output", expected="(3, 1)", actual="(1, 2)")
    results = [
        CaseResult(case=CASE, contract=(strides,), **returned),
        CaseResult(case=replace(CASE, id="c2", training=False), **returned),
        CaseResult(case=replace(CASE, id="c3", dtype="float64"), **returned | {"exported": Side(ended="raised")}),
    ]
    export = Export(
        mode="trace", seconds=1.0, contract=(ContractChange(what="state", path="n", expected="", actual=""),)
    )
    assert contract.kept(export, [(result, judge(result)) for result in results]) == (
        "It treats its inputs as eager does in all 2 cases.",
        "Its outputs share memory with inputs and with each other as eager's do.",
        "output has strides (1, 2), eager's (3, 1). In 1 of 2 cases, noted only.",
        "Exporting wrote to n of the model that it was given, noted only.",
        "Told train() or eval() after loading, it answers as eager does.",
        "Cast to another dtype after loading, it answers as eager does in 0 of 1 case.",
    )


def test_what_saving_changes_is_said():
    """The same answer up to rounding is no change; another one is, and so is an error."""
    given = ((X,), {})
    assert effects.saved(torch.exp, lambda: lambda x: torch.exp(x) * (1 + 1e-7), given, CASE) is None
    change = effects.saved(torch.exp, lambda: torch.sin, given, CASE)
    assert contract.sentence(change) == "the base case: an answer in memory, another one once it is saved and loaded."
    broken = effects.saved(torch.exp, lambda: torch.nn.Linear(9, 9), given, CASE)
    assert broken.actual == "RuntimeError raised"
