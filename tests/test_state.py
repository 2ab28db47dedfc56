"""The fingerprint of a model: unchanged by calls that change nothing, changed by any other."""

from __future__ import annotations

import pytest
import torch

from tsdash.state import fingerprint, parts, written


class Counting(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = torch.nn.Linear(3, 5)
        self.register_buffer("calls", torch.zeros(()))
        self.seen: list[int] = []
        self.kept = torch.zeros(7, dtype=torch.bool)


def test_a_model_that_is_left_alone_keeps_its_fingerprint() -> None:
    model = Counting()
    before = fingerprint(model)
    model.lin(torch.ones(2, 3))
    assert fingerprint(model) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.calls.add_(1),
        lambda model: model.lin.weight.data.add_(1.0),
        lambda model: model.lin.bias.data[4:].mul_(2),
        lambda model: model.kept.numpy().fill(1),
        lambda model: model.seen.append(1),
        lambda model: setattr(model, "calls", torch.zeros(())),
        lambda model: model.lin.eval(),
    ],
    ids=["in place", "through .data", "the last bytes", "through numpy", "a list", "another buffer", "the mode"],
)
def test_a_change_changes_the_fingerprint(change: object) -> None:
    """Tensors in place or behind the version counter's back, Python values, objects replaced."""
    model = Counting()
    before = fingerprint(model)
    with torch.no_grad():
        change(model)  # type: ignore[operator]
    assert fingerprint(model) != before


def test_a_model_with_an_object_that_cannot_be_looked_into_has_no_fingerprint() -> None:
    model = Counting()
    model.lock = object()
    assert fingerprint(model) is None


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(0),
        torch.zeros(2, device="meta"),
        torch.zeros(3, 3).to_sparse(),
        torch.ones(2, 2, dtype=torch.complex64).conj().T,
    ],
)
def test_any_tensor_has_a_fingerprint(tensor: torch.Tensor) -> None:
    model = torch.nn.Module()
    model.held = tensor
    assert fingerprint(model) == fingerprint(model)


def test_what_was_written_to_is_named() -> None:
    """Buffers, parameters, attributes old and new; a value that is written again is as it was."""
    model = Counting()
    before = parts(model)
    model.calls += 1
    model.lin.weight.data.mul_(2)
    model.seen.append(1)
    model.fresh = "new"
    model.kept = model.kept.clone()
    assert sorted(written(model, before)) == ["calls", "fresh", "lin.weight", "seen"]
    assert written(model, parts(model)) == ()
