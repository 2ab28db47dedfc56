"""What a call does beside what it returns."""

import pytest
import torch

from tsdash import contract, effects
from tsdash.calling import observe
from tsdash.spec import Case, ContractChange

CASE = Case(id="c1", dims={})
X = torch.arange(6.0).reshape(2, 3)


def read(model, *args):
    found, leaves = effects.read(observe(model, args, {}, CASE), args, {})
    return found, leaves


def changes(actual, expected):
    return effects.changes(read(actual, X)[0], read(expected, X)[0])


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
    """They follow the outputs among the leaves of both."""
    sides = [read(lambda x: (x.add_(1), 2)[0], X), read(lambda x: x.add_(1) * 2, X)]
    found = effects.pairs(*((seen, len(leaves)) for seen, leaves in sides))
    path, actual, expected = found[-1]
    assert path == "args[0] after the call"
    assert torch.equal(sides[0][1][actual], sides[1][1][expected])
