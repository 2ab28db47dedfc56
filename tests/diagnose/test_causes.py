"""Kinds of failure that are easily taken for another, each with its cause and its line."""

from __future__ import annotations

import pytest

from tsdash.diagnose.laboratory import Laboratory
from tsdash.diagnose.retrace import retraced

SIZES = """
class Model(nn.Module):
    def forward(self, boxes, image):
        size = torch.tensor([image.size(1), image.size(0)])  # here
        return boxes / size

def make_inputs(height=4, width=6):
    return torch.ones(3, 2), torch.ones(height, width)
"""
LENGTHS = """
class Model(nn.Module):
    def forward(self, x, lengths):
        parts = torch.split(x, lengths.tolist())  # here
        return torch.cat([part.cumsum(0) for part in parts])

def make_inputs(n=6):
    return torch.ones(n), torch.tensor([2, n - 2])
"""
ON_DEVICE = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(9, 2)

    def forward(self, ids):
        places = torch.arange(ids.size(0), device=ids.device)  # here
        return self.table(ids) + self.table(places)

def make_inputs(n=4):
    return (torch.arange(n),)
"""
EQUAL = """
class Model(nn.Module):
    def forward(self, x):
        y = x * 2
        if (y > 0).any() == True:  # here
            y = y + 1
        return y

def make_inputs(n=3):
    return (torch.ones(n),)
"""
BY_NAME = """
class Model(nn.Module):
    def forward(self, x, *, scale=1.0):  # here
        return x * scale

def make_inputs(n=3):
    return (torch.ones(n),)

def make_kwargs():
    return {"scale": 2.0}
"""
RENORMED = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(9, 4, max_norm=1.0)

    def forward(self, ids):
        return self.table(ids)  # here

def make_inputs(n=4):
    return (torch.arange(n) % 9,)
"""
CLAMPED = """
class Model(nn.Module):
    def forward(self, x):
        y = x.clamp(max=1.0)
        if x.max() > 1:  # here
            x.clamp_(max=1.0)
        return y

def make_inputs(n=3):
    return (torch.ones(n),)
"""


def _told(found):
    cause, marked = found
    return cause.cause, cause.line == marked


def test_a_tensor_made_of_sizes_is_a_size_that_was_baked(explain):
    """Not a value, although it is a tensor in the export."""
    assert _told(explain(SIZES, dims={"width": 8})) == ("baked_shape", True)


def test_values_that_are_read_as_sizes_are_values(explain):
    """Also where another size is what shows it."""
    assert _told(explain(LENGTHS, dims={"n": 7})) == ("baked_constant", True)


def test_a_device_is_baked_where_the_meta_device_itself_would_not_mind(explain):
    """An embedding on meta takes ids that lie on the CPU, and no real device does."""
    assert _told(explain(ON_DEVICE, device="meta")) == ("device_baked", True)


def test_an_operator_that_no_trace_can_keep_is_found_by_its_types(explain):
    """The tracer's error has no line."""
    assert _told(explain(EQUAL)) == ("unsupported_python", True)


def test_an_argument_that_goes_by_its_name_alone_is_a_matter_of_the_signature(explain):
    assert _told(explain(BY_NAME)) == ("signature", True)


def test_weights_that_exporting_rounds_are_a_side_effect_of_it(explain):
    """An embedding with max_norm scales its rows in place; in float64 they are no longer what they were."""
    assert _told(explain(RENORMED, dtype="float64")) == ("export_side_effect", True)


def test_a_branch_that_writes_to_an_input_is_found_though_the_answers_agree(explain):
    assert _told(explain(CLAMPED, values="x100")) == ("baked_control_flow", True)


PARAMETRIZED = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Linear(3, 3)
        self.bounded = torch.nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3))

    def forward(self, x):
        y = self.scale(x)
        return self.bounded(y)  # here

def make_inputs(n=3):
    return (torch.ones(n, 3),)
"""


def test_a_layer_that_the_compiler_gives_up_in_is_named_where_it_is_called(explain):
    """The construct that it refuses lies in torch."""
    assert _told(explain(PARAMETRIZED, "script")) == ("unsupported_python", True)


NAMED_TYPE = """
class Model(nn.Module):
    def forward(self, x):
        levels = 255 if x.type() == "torch.FloatTensor" else 15  # here
        return torch.round(x * levels)

def make_inputs(n=3):
    return (torch.ones(n) / 7,)
"""


def test_a_choice_by_the_name_of_a_type_is_one_by_dtype(explain):
    assert _told(explain(NAMED_TYPE, dtype="float64")) == ("dtype_baked", True)


LARGER = """
class Model(nn.Module):
    def forward(self, a, b):
        return max(a.sum(), b.sum()) * a  # here

def make_inputs(n=3):
    return torch.ones(n), torch.arange(n).float() - 1
"""
SHORTER = """
class Model(nn.Module):
    def forward(self, x):
        k = min(x.size(0), 4)  # here
        return x.topk(k).values.mean()

def make_inputs(n=3):
    return (torch.arange(n).float(),)
"""


def test_max_of_values_decides_and_min_of_sizes_is_a_size(explain):
    """The built-in ones, which hand one of their arguments back."""
    assert _told(explain(LARGER, values="negative")) == ("baked_control_flow", True)
    assert _told(explain(SHORTER, dims={"n": 6})) == ("baked_shape", True)


OUTPUT_CLASS = """
class Output(dict):
    def __getattr__(self, name):
        return self[name]

class Model(nn.Module):
    def forward(self, x):
        return Output(double=x * 2)  # here

def make_inputs(n=3):
    return (torch.ones(n),)
"""


def test_an_output_whose_class_the_compiler_refuses_is_a_matter_of_structure(explain):
    """Its error is about a line of that class."""
    assert _told(explain(OUTPUT_CLASS, "script")) == ("output_structure", True)


SEEDED = """
class Model(nn.Module):
    def forward(self, x):
        torch.manual_seed(13)  # here
        return x @ torch.randn(x.size(-1), 2)

def make_inputs(n=3):
    return (torch.randn(n, 4),)
"""


def test_a_seed_that_forward_sets_is_not_in_the_trace(explain):
    """Proved by leaving it out in eager."""
    found = explain(SEEDED)
    assert (*_told(found), found[0].proved) == ("rng", True, True)


ROUNDS = """
class Model(nn.Module):
    def forward(self, x):
        total = torch.zeros(2)
        for row in range(x.size(0)):  # here
            total = total + x[row]
        return total

def make_inputs(rows=4):
    return (torch.ones(rows, 2),)
"""


def test_a_loop_that_torch_export_unrolled_is_guarded_and_a_trace_goes_on(explain):
    """At fewer rows the program of torch.export raises by its guard; the trace raises too, but by reading beyond the end."""
    cause, line = explain(ROUNDS, "export", dims={"rows": 3})
    assert (cause.cause, cause.line) == ("unrolled_loop", line)
    (guarded,) = [sentence for sentence in cause.evidence if "Guard failed" in sentence]
    assert guarded.startswith("export checks this in every call and raises where it does not hold")
    assert not any("returns exactly what" in sentence for sentence in cause.evidence)
    assert not any("Guard" in sentence for sentence in explain(ROUNDS, "trace", dims={"rows": 3})[0].evidence)


def test_a_proof_says_whether_both_return_or_both_raise(explain):
    """More rows: the trace returns the sum of four, and so does eager when it is held to four rounds."""
    cause, _ = explain(ROUNDS, "trace", dims={"rows": 6})
    assert any(sentence.endswith("eager returns exactly what trace returns.") for sentence in cause.evidence)
    cause, _ = explain(ROUNDS, "trace", dims={"rows": 3})
    assert any(sentence.endswith("eager raises as trace does.") for sentence in cause.evidence)


MASKED = """
class Model(nn.Module):
    def forward(self, x):
        seen = x.sum(-1).unsqueeze(-2) > 0
        return nn.functional.scaled_dot_product_attention(x, x, x, attn_mask=seen)

def make_inputs(): return (torch.rand(1, 1, 4, 4),)
"""
DROPPED = """
class Model(nn.Module):
    def forward(self, x): return nn.functional.dropout(x, 0.5, training=True)

def make_inputs(): return (torch.ones(1, 64),)
"""


def test_what_only_the_conversion_to_onnx_gets_wrong_is_no_baked_value(explain):
    """Rows that attend to nothing: the captured program answers as eager does."""
    cause, _ = explain(MASKED, "onnx", values="negative")
    assert cause.cause == "unknown"
    assert "converting it to ONNX" in cause.message


def test_random_numbers_of_the_runtime_are_told_apart(explain):
    cause, _ = explain(DROPPED, "onnx")
    assert "random numbers of its own" in cause.message


DROPS_IN_TRAINING = """
class Model(nn.Module):
    def forward(self, x):
        return nn.functional.dropout(x, 0.5, self.training)  # here

def make_inputs(n=8):
    return (torch.ones(1, n),)
"""


@pytest.mark.parametrize("mode", ["trace", "export"])
def test_the_mode_of_the_module_is_exported_with_it(subject, mode):
    """Where no read of the flag is proved, a second trace shows it: torch.export captures the mode of the module as a trace does."""
    failing, line = subject(DROPS_IN_TRAINING, mode, training=True)
    (found,) = retraced(Laboratory(failing))
    assert (found.cause, found.line) == ("training_mode", line)
    assert "stays so" in found.message
