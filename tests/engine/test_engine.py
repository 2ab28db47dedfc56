"""A run from its spec to its last fact, on models that behave and on models that do not."""

from __future__ import annotations

import os
import threading
from collections import Counter
from pathlib import Path

import psutil
import pytest

from tsdash import plan
from tsdash.judge import judge
from tsdash.report import check_report
from tsdash.spec import Limits, ModelSource, RunSpec, Sweep
from tsdash.verdicts import refusal, verdicts

GOOD = """
import torch
def make_model():
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)).eval()
def make_inputs(n=2):
    return (torch.randn(n, 4),)
"""

BRANCH = """
import torch
class M(torch.nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x * 3
        return x - 1
def make_model():
    return M().eval()
def make_inputs(n=2):
    return (torch.ones(n, 4),)
"""

DRAWING = """
import torch
class M(torch.nn.Module):
    def forward(self, x):
        y = x * 2 + torch.rand_like(x)
        if x.std() > 20:
            y = y + 0.3
        return y
def make_model():
    return M().eval()
def make_inputs(n=4):
    return (torch.randn(n, 16),)
"""


def outcomes(record, mode="trace"):
    return [judge(result).outcome for result in record.of(mode)]


def test_a_good_model_ships_in_every_mode(check):
    """The same bits in every case, traced and scripted."""
    record = check(
        GOOD,
        modes=("trace", "script"),
        sweep=Sweep(dims={"n": (2, 3)}, values=("negative", "nan"), dtypes=("float64",)),
    )
    assert record.state == "done"
    assert {mode: set(outcomes(record, mode)) for mode in ("trace", "script")} == {
        "trace": {"identical"},
        "script": {"identical"},
    }
    assert {found.verdict for found in verdicts(record).values()} == {"ship"}


def test_a_baked_branch_is_found_where_it_matters_and_nowhere_else(check):
    record = check(BRANCH, modes=("trace", "script"), sweep=Sweep(values=("x3", "negative")))
    assert outcomes(record) == ["identical", "identical", "mismatch"]
    assert outcomes(record, "script") == ["identical"] * 3


def test_float64_is_no_referee_of_random_numbers(check):
    """torch draws other float64 than float32: a difference of 0.3 is no noise, in no case however many there are."""
    record = check(DRAWING, modes=("trace",), sweep=Sweep(seeds=tuple(range(1, 9)), values=("x100",), product=True))
    assert Counter(outcomes(record)) == {"identical": 9, "mismatch": 9}
    drawn = [result for result in record.of("trace") if judge(result).outcome == "mismatch"]
    assert all(result.outputs[0].oracle is None for result in drawn)


def test_a_mismatch_keeps_the_facts_and_the_view_of_its_elements(check, engine):
    """Every element counted, the worst named, the picture stored."""
    record = check(BRANCH, sweep=Sweep(values=("negative",)))
    facts = record.of("trace")[1].outputs[0]
    worst = facts.worst[0]
    assert (facts.elements, facts.over_plain, facts.max_abs, worst.expected, worst.actual, worst.delta) == (
        8,
        8,
        1.0,
        -2.0,
        -3.0,
        -1.0,
    )
    assert list(engine.store.views(record.id, "trace", "c2")) == ["output"]
    assert engine.store.views(record.id, "trace", "c1") == {}


def test_the_export_keeps_its_warning_with_the_users_line(check):
    """TracerWarning names the line of the branch."""
    warnings = check(BRANCH).exports["trace"].warnings
    assert ("model.py", 5) in [(warning.file, warning.line) for warning in warnings]


def test_every_call_of_a_case_is_on_a_model_that_no_other_case_has_touched(check):
    """A buffer that counts calls starts again in every case, on both sides."""
    counting = (
        GOOD.replace("return torch.nn.Sequential", "return Count(torch.nn.Sequential").replace(".eval()", ").eval()")
        + """
class Count(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.register_buffer("calls", torch.zeros(()))
    def forward(self, x):
        self.calls += 1
        return self.inner(x) * self.calls
"""
    )
    record = check(counting, modes=("script",), sweep=Sweep(calls=(1, 2, 3), seeds=(1,)))
    assert set(outcomes(record, "script")) == {"identical"}


def test_latency_has_every_mode_and_the_control_in_one_measurement(check):
    record = check(GOOD, modes=("trace", "script"), sweep=Sweep(), latency_s=2.0)
    arms = {arm.name: arm for arm in record.latencies[0].arms}
    assert set(arms) == {"eager", "eager again", "trace", "script"}
    assert len({len(arm.samples_s) for arm in arms.values()}) == 1


def test_every_size_is_timed_and_what_an_artefact_takes_is_measured_alone(check):
    """The base case first; with it the alternation of shapes and the footprint of each mode."""
    record = check(GOOD, modes=("trace", "script"), sweep=Sweep(dims={"n": (2, 4)}, values=("nan",)), latency_s=3.0)
    assert [latency.case.dims for latency in record.latencies] == [{"n": 2}, {"n": 4}]
    base = record.latencies[0]
    assert [(taken.mode, len(taken.visits_s)) for taken in base.alternations] == [("trace", 2), ("script", 2)]
    assert {taken.mode for taken in base.footprints} == {"trace", "script"}
    assert all(taken.load_s > 0 and taken.first_call_s > 0 for taken in base.footprints)


def test_every_device_of_the_sweep_is_timed_with_all_arms_on_it(check):
    """Another name of the processor stands for an accelerator; meta computes nothing, so it is not timed."""
    record = check(GOOD, modes=("trace",), sweep=Sweep(devices=("cpu:0", "meta")), latency_s=2.0)
    assert [latency.case.device for latency in record.latencies] == ["cpu", "cpu:0"]
    assert {arm.name for arm in record.latencies[1].arms} == {"eager", "eager again", "trace"}
    sizes = check_report(record)["modes"]["trace"]["latency"]["sizes"]
    assert sizes[0]["device"] == "cpu:0"
    assert sizes[0]["speedup"]["ratio"] > 0


def test_latency_is_measured_by_threads_and_the_same_program_once(check):
    """Frozen, trace and script of plain layers are one program; both names have its samples."""
    modes = ("trace", "trace+freeze", "script+freeze")
    base = check(GOOD, modes=modes, sweep=Sweep(), latency_s=3.0, threads=(1, 2)).latencies[0]
    assert (base.threads, [taken.threads for taken in base.by_threads]) == (1, [2])
    for taken in (base, *base.by_threads):
        arms = {arm.name: arm for arm in taken.arms}
        assert arms["script+freeze"].same_as == "trace+freeze"
        assert arms["script+freeze"].samples_s == arms["trace+freeze"].samples_s != arms["trace"].samples_s
    assert {taken.mode for taken in base.footprints} == set(modes)


def test_a_mode_that_cannot_be_cast_is_not_held_against_it(check):
    """A frozen artefact keeps its dtype: the case is not run, and the mode ships."""
    record = check(GOOD, modes=("trace+freeze",), sweep=Sweep(dtypes=("float64", "inputs:float64")))
    assert outcomes(record, "trace+freeze") == ["identical", "not_run", "identical"]


@pytest.fixture(scope="module", autouse=True)
def canary():
    """A secret in the environment from before the engine starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TSDASH_CANARY_SECRET", "canary")
        yield


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("good", ["identical"] * 3),
        ("infinite_loop", ["identical", "timeout", "identical"]),
        ("sys_exit", ["identical", "mismatch", "identical"]),
        ("segfault", ["identical", "crash", "identical"]),
        ("memory_hog", ["identical", "mismatch", "identical"]),
        ("stdout_flood", ["identical", "identical", "identical"]),
        ("unpicklable_exception", ["export_error"] * 3),  # eager raises on the base inputs already
        ("huge_message", ["identical", "mismatch", "identical"]),
        ("cyclic_output", ["identical", "mismatch", "identical"]),
        ("non_tensor_output", ["identical", "mismatch", "identical"]),
        ("global_state", ["identical", "identical", "identical"]),
    ],
)
def test_a_case_that_misbehaves_is_marked_and_the_others_are_done(hostile, name, expected):
    """What eager does wrong in one case stays in that case; the export of these models is harmless."""
    limits = Limits(case_s=3 if name == "infinite_loop" else 60, memory_mib=2048)
    record = hostile(name, limits=limits)
    assert (record.state, outcomes(record)) == ("done", expected)


def test_a_segfault_names_its_signal_and_the_python_line(hostile):
    error = hostile("segfault").of("trace")[1].eager.error
    assert "SIGSEGV" in error.message
    assert "in forward" in error.traceback


def test_a_huge_message_is_cut(hostile):
    assert len(hostile("huge_message").of("trace")[1].eager.error.message) < 9000


def test_a_random_output_is_random_on_both_sides_alike(hostile):
    """Torch's own random numbers are seeded: the model is called stochastic, the trace agrees."""
    record = hostile("nondeterministic")
    assert record.description.stochastic
    assert set(outcomes(record)) == {"identical"}


def test_a_model_that_does_not_repeat_itself_is_reported_as_that(check):
    """Eager differs from itself under one seed: no verdict about the export."""
    restless = BRANCH.replace(
        "if x.sum() > 0:", "import os; x = x + int.from_bytes(os.urandom(2), 'big')\n        if True:"
    )
    record = check(restless)
    assert not record.description.deterministic
    assert verdicts(record)["trace"].verdict == "inconclusive"


def test_secrets_of_the_parent_do_not_reach_the_model(hostile):
    """Neither through the environment of the worker nor through that of its parent."""
    leaked = hostile("steal_secrets").of("trace")[0].eager.error.message
    assert leaked.startswith("LEAK {'env': None")
    assert "'ppid': False" in leaked or "'ppid': 'PermissionError'" in leaked


def test_hostile_text_survives_storing_as_text(hostile):
    """Markup, escapes, NUL and a lone surrogate reach the store without breaking it."""
    message = hostile("html_message").of("trace")[0].eager.error.message
    assert "<script>window.PWNED=1</script>" in message
    assert not set(message) & {"\x00", "\x1b", "\ud800", "\u202e"}


def test_what_is_no_model_fails_with_a_sentence(hostile):
    """What was returned, and what must be."""
    record = hostile("not_a_model", sweep=Sweep())
    assert record.state == "failed"
    assert "returned a dict, and must return a torch.nn.Module" in record.failure.message


def test_a_model_that_raises_on_its_own_inputs_is_not_an_export_failure(hostile):
    """There is nothing to export from, and the verdict says so in the model's words."""
    found = verdicts(hostile("html_message"))["trace"]
    assert found.verdict == "inconclusive"
    assert "Eager itself raises on the base inputs" in found.reasons[0]


def test_where_eager_refuses_its_inputs_nothing_could_be_judged(hostile, check):
    """The message is eager's; a model that returns in some case was judged there."""
    assert "eager itself raises on the base inputs: " in refusal(hostile("html_message"))
    some = BRANCH.replace("if x.sum() > 0:", "if x.shape[0] == 2: raise ValueError('two')\n        if True:")
    assert refusal(check(some)).endswith("two (model.py line 5). Give inputs that forward takes.")
    assert refusal(check(some, modes=("script",))) == ""
    assert refusal(check(BRANCH)) == ""


DROPS = """
import torch
class Net(torch.nn.Module):
    def forward(self, x):
        return torch.nn.functional.dropout(x, 0.5, {training})
def make_model():
    return Net()
def make_inputs(n=2):
    return (torch.ones(n, 8),)
"""


@pytest.mark.parametrize(
    ("training", "draws", "switchable"),
    [("True", ("torch",), False), ("self.training", ("torch",), True), ("False", (), False)],
)
def test_a_forward_that_draws_or_minds_its_mode_is_found(check, training, draws, switchable):
    """By the state of the generators after its call, and by its answer in evaluation mode."""
    described = check(DROPS.replace("{training}", training), sweep=Sweep()).description
    assert (described.draws, described.switchable) == (draws, switchable)


def test_a_device_that_is_not_there_is_named(check):
    """Not the code of make_inputs, which is not at fault."""
    record = check(GOOD, sweep=Sweep(devices=("cuda:99",)))
    assert verdicts(record)["trace"].reasons == (
        "It was not tried on cuda:99, which was asked for: this machine has no cuda:99.",
    )


def test_a_model_that_kills_its_process_while_loading_fails_once(check):
    record = check("import os, torch\nos._exit(3)\ndef make_model(): ...\ndef make_inputs(n=2): ...\n")
    assert record.state == "failed"
    assert "while loading" in record.failure.message


def test_a_cancelled_run_ends_at_once_and_keeps_what_it_has(engine, check):
    """Cancel does not wait for a case that never ends."""
    text = (Path(__file__).parent / "hostile" / "infinite_loop.py").read_text()
    source = ModelSource(name="loop.py", kind="file", filename="loop.py", text=text)
    spec = RunSpec(
        model=source,
        modes=("trace",),
        cases=plan.cases(Sweep(dims={"n": (2, 4, 3, 5)}), {"n": 2}),
        limits=Limits(case_s=600),
    )
    run = engine.store.create(spec, {}, {})
    future = engine.submit(run, spec)
    reached = threading.Event()

    def watch() -> None:
        while engine.store.progress(run)[1] < 2:
            reached.wait(0.02)
        engine.cancel(run)

    threading.Thread(target=watch).start()
    future.result(60)
    record = engine.store.load(run)
    assert (record.state, len(record.results)) == ("cancelled", 2)


def test_nothing_is_left_behind(engine, check):
    """No worker lives on after its run, and no folder of it stays in shared memory."""
    check(GOOD)
    zygote = [child for child in psutil.Process().children() if "tsdash.engine.zygote" in " ".join(child.cmdline())]
    alive = Counter(child.status() for parent in zygote for child in parent.children(recursive=True))
    assert sum(alive.values()) == 0
    assert not [
        path
        for path in Path("/dev/shm").glob("tsdash-*")
        if path.stat().st_uid == os.getuid() and str(os.getpid()) in path.name
    ]
