"""How far eager itself moves."""

import torch

from tsdash import noise
from tsdash.judge import judge
from tsdash.spec import Case, CaseResult, Noise, Oracle, OutputFacts, Side

X = torch.tensor([[1.0, -2.0, 0.0, 3e38], [float("nan"), float("inf"), 1e-45, 5.0]])


def measured(model, x, batched=frozenset({"args[0]"})):
    found = noise.measure(
        lambda args, kwargs: model(*args), (x,), {}, expected=[model(x)], paths={"output": 0}, batched=batched
    )
    return {moved.kind: moved for moved in found}


def test_jitter_moves_every_finite_float_by_one_ulp_and_nothing_else():
    """Zero, NaN and infinity stay; every other is a neighbour."""
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        x = torch.randn(50, generator=torch.Generator().manual_seed(1)).to(dtype)
        moved = noise.jittered(x, torch.Generator().manual_seed(0))
        steps = (moved.view(noise._INTEGERS[x.element_size()]) - x.view(noise._INTEGERS[x.element_size()])).abs()
        assert steps.tolist() == [1] * 50
    moved = noise.jittered(X, torch.Generator().manual_seed(0))
    assert moved[0, 2] == 0
    assert torch.isnan(moved[1, 0])
    assert torch.isinf(moved[1, 1])


def test_jitter_keeps_strides_and_the_callers_tensor():
    x = torch.randn(4, 3).t()
    before = x.clone()
    assert noise.jittered(x, torch.Generator().manual_seed(0)).stride() == x.stride()
    assert torch.equal(x, before)
    assert noise.jittered(torch.ones(1, 3).expand(4, 3), torch.Generator().manual_seed(0)).shape == (4, 3)


def test_a_model_of_independent_rows_is_measured_in_three_ways():
    """Doubling moves by one rounding when its input does, and by nothing else."""
    found = measured(lambda x: x * 2, torch.ones(3, 2))
    assert sorted(found) == ["jitter", "row", "threads"]
    assert found["threads"].max_abs == found["row"].max_abs == 0
    assert 0 < found["jitter"].max_abs <= 2**-22
    assert found["row"].elements == 2


def test_rows_that_depend_on_each_other_are_no_noise():
    """A softmax over the batch answers otherwise for a row alone, and that is its meaning."""
    assert "row" not in measured(lambda x: x.softmax(0), torch.randn(3, 2))


def test_integers_have_no_noise():
    assert measured(lambda x: x.argmax(1), torch.randn(3, 2)) == {}


def test_threads_are_put_back():
    before = torch.get_num_threads()
    measured(lambda x: x * 2, torch.ones(3, 2))
    assert torch.get_num_threads() == before


def test_the_judge_says_what_moves_eager_as_far():
    """The least of those that explain the difference; none where all are smaller."""
    close = Oracle(expected_rms=1e-7, actual_rms=1e-7, expected_max=1e-6, actual_max=1e-6, scale_rms=1.0, scale_max=1.0)
    facts = OutputFacts(
        path="output", shape=(2,), dtype="float32", elements=2, identical=False, max_abs=1e-6, oracle=close
    )
    moves = [
        Noise(kind=kind, words=f"given {kind}", path="output", elements=2, max_abs=by)
        for kind, by in (("jitter", 3e-6), ("row", 2e-6), ("threads", 1e-9))
    ]
    result = CaseResult(
        case=Case(id="c1", dims={}), mode="script", eager=Side(ended="returned"), exported=Side(ended="returned"),
        outputs=(facts,), noise=tuple(moves),
    )  # fmt: skip
    assert judge(result).detail.endswith("Eager itself moves by 2.0×10⁻⁶ when given row.")
