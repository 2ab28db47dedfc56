"""The numbers of each lesson against a direct computation, in plain Python where that is possible."""

from __future__ import annotations

import importlib
import math
import re

import numpy as np
import pytest
import torch

from tests.learn.conftest import Studied
from tsdash.study import Question, Study
from tsdash.ui import answers, variants
from tsdash.ui.lesson import Lesson
from tsdash.ui.lessons import LESSONS


def module(name: str) -> object:
    """The file of a lesson."""
    found = {importlib.import_module(f"tsdash.ui.lessons.{stem}") for stem in STEMS}
    return next(one for one in found if one.LESSON.name == name)


STEMS = (
    "l01_what_is_exported",
    "l02_same_answers",
    "l03_branches",
    "l04_shapes",
    "l05_scripting",
    "l06_training_and_state",
    "l07_devices_and_precision",
    "l08_ways_out",
    "l09_faster",
    "l10_accuracy",
    "l11_choosing",
)


def of(name: str, studied: Studied) -> tuple[object, Study, Study]:
    """A lesson's file, its study and that of its fix."""
    lesson = LESSONS[name]
    return module(name), studied(lesson.spec), studied(lesson.mended.spec)


def values(study: Study, mode: str) -> list[list[float]]:
    sides = study.eager if mode == "eager" else study.modes[mode].answers
    return [list(answer.outputs[0].values) if answer.outputs else [] for answer in sides]


def test_there_are_eleven_lessons_in_their_order() -> None:
    assert [module(name) for name in LESSONS] == [
        importlib.import_module(f"tsdash.ui.lessons.{stem}") for stem in STEMS
    ]


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=list(LESSONS))
def test_a_question_has_an_answer_among_its_options(lesson: Lesson) -> None:
    """The check has one right option, and every option is another one."""
    assert 0 <= lesson.answer < len(lesson.check.options)
    for choice in (lesson.predict, lesson.check):
        assert len(set(choice.options)) == len(choice.options) >= 2


def test_a_trace_unrolls_the_rounds(studied: Studied) -> None:
    """3 rows, 3 additions; at other numbers of rows the trace is wrong, by what adding 3 rows would give."""
    lesson, study, mended = of("what-is-exported", studied)
    assert (lesson.additions(study), lesson.right(study)) == (3, 1)
    wanted = []
    for rows in lesson.ROWS:
        x = np.array(lesson.inputs(rows))
        wanted.append(np.maximum(x * [2, -1] + x.sum(0), 0).ravel().tolist())
    assert values(study, "eager") == values(study, "script") == values(mended, "trace") == wanted
    assert answers.wrong(study, "trace") == 4
    assert len(lesson.grown(study, len(study.steps))[0]) == sum(bool(tied.line) for tied in study.modes["trace"].graph)
    assert lesson.grown(study, 0) == ([], 0)


def test_differences_grow_with_the_outputs(studied: Studied) -> None:
    """max |Δ| and the L2 norm are numpy's, 10⁻⁵ is passed by size alone, and float64 finds both sides equally near."""
    lesson, study, _ = of("same-answers", studied)
    n = len(lesson.EXPONENTS)
    eager, export = (np.array(values(study, side)[:n]) for side in ("eager", lesson.MODE))
    assert [delta for _, delta in lesson.by_size(study)] == pytest.approx(np.abs(export - eager).max(1))
    assert lesson.l2(study.modes[lesson.MODE].answers[0], study.eager[0]) == pytest.approx(
        np.linalg.norm(export[0] - eager[0])
    )
    assert np.abs(export - eager)[0].max() < 1e-5 < np.abs(export - eager)[-1].max()
    assert np.allclose(eager[0], [0.8, 0.1, 0.1], atol=1e-6)
    assert [answer.outputs[0].dtype for answer in study.eager[2 * n :]] == ["float16", "bfloat16"]
    assert lesson.largest(study.eager[2 * n], study.eager[n]) > 1e-5


def test_the_curves_part_at_the_branch(studied: Studied) -> None:
    """Eager is relu(2x) above 0 and relu(x − 1) from 0 down; the trace, recorded below, is relu(x − 1) everywhere."""
    lesson, study, mended = of("branches", studied)
    x = np.array([lesson.at(mean) for mean in lesson.MEANS], dtype=np.float32)
    above = x.mean(1, dtype=np.float32)[:, None] > 0
    eager = np.maximum(np.where(above, x * 2, x - 1), 0).mean(1)
    curves = lesson.curves(study)
    far = np.abs(lesson.MEANS) > 0.01  # at 0 itself the mean of the inputs is rounding
    assert np.array(curves["eager"])[far] == pytest.approx(eager[far], abs=1e-6)
    assert np.array(curves["trace"]) == pytest.approx(np.maximum(x - 1, 0).mean(1), abs=1e-6)
    assert lesson.right(study) == 1
    assert answers.wrong(mended, "trace") == answers.wrong(study, "script") == 0


def test_the_length_is_baked_and_the_batch_is_not(studied: Studied) -> None:
    """The trace is right where half the length, rounded down, is 4; with // everywhere."""
    lesson, study, mended = of("shapes", studied)
    assert lesson.agreeing(study, "trace") == {(b, s): s // 2 == 4 for b in lesson.BATCHES for s in lesson.LENGTHS}
    assert all(lesson.agreeing(study, "script").values())
    assert all(lesson.agreeing(mended, "trace").values())
    assert lesson.right(study) == 1


def test_script_gives_or_another_meaning(studied: Studied) -> None:
    """Eager clamps to `limit or 8`, the script to int(bool(limit or 8)), which is 1."""
    lesson, study, mended = of("scripting", studied)
    assert (
        values(study, "eager")
        == values(mended, "script")
        == [[min(x, limit or 8) for x in lesson.X] for limit in lesson.LIMITS]
    )
    assert values(study, "script") == [[1.0, 1.0]] * len(lesson.LIMITS)


def test_constructs_are_captured_refused_or_changed(studied: Studied) -> None:
    """What the lesson says of six constructs is what compiling them shows."""
    lesson = module("scripting")
    kinds = {"captured": "identical", "refused": "export_error", "changed": "mismatch"}
    for name, body in lesson.CONSTRUCTS.items():
        text = lesson.NUMBER.format(body=body)
        source = lesson.model("construct", text)
        spec = lesson.StudySpec(model=source, modes=("script",), questions=(lesson.asked(lesson.X),))
        assert variants.kind(studied(spec), "script") == kinds[name.partition(":")[0]], name


def test_a_trace_keeps_its_mode_and_its_count(studied: Studied) -> None:
    """Eager after .eval() adds 10 for each call; the trace goes on dropping, and is at its first call forever."""
    lesson, study, mended = of("training-and-state", studied)
    assert values(study, "eager")[2:] == [[11.0] * 6, [31.0] * 6]
    for given in values(study, "trace")[2:]:
        assert set(given) == {10.0, 12.0}
    assert (lesson.right(study), answers.wrong(study, "script"), answers.wrong(mended, "trace")) == (1, 0, 0)


def test_a_trace_keeps_dtype_and_device(studied: Studied) -> None:
    """A float16 input gives float32, and the meta device an error; the fix follows both."""
    lesson, study, mended = of("devices-and-precision", studied)
    assert [
        lesson.dtype(study, "trace", lesson.HALF),
        study.eager[lesson.HALF].outputs[0].dtype,
    ] == ["float32", "float16"]
    assert study.modes["trace"].answers[lesson.META].ended == "raised"
    message = study.modes["trace"].answers[lesson.META].error.message
    assert re.search("device.* meta", message), message  # worded in two ways, by what the process has imported of torch
    assert values(study, "eager")[1] == pytest.approx([x + i for i, x in enumerate(lesson.X, 1)], rel=1e-6)
    assert answers.wrong(mended, "trace") == answers.wrong(study, "script") == 0


def test_every_way_out_does_what_the_lesson_says(studied: Studied) -> None:
    """Halving until all is within 1 is x / 2**ceil(log2(max)); which mode keeps it depends on how it is written."""
    lesson = module("ways-out")
    found = {name: studied(lesson.spec(text)) for name, text in lesson.WAYS.items()}
    wanted = [[x / 2 ** max(0, math.ceil(math.log2(max(given)))) for x in given] for given in lesson.INPUTS]
    for study in found.values():
        assert values(study, "eager") == wanted
    kinds = {name: [variants.kind(study, mode) for mode in lesson.MODES] for name, study in found.items()}
    assert kinds["as it is"] == ["mismatch", "identical", "export_error"]
    assert kinds["rewrite: count first"] == kinds["`torch.where`, at most 12 rounds"] == ["identical"] * 3
    assert kinds["`script_if_tracing`"][0] == kinds["mixing: a scripted part in a trace"][0] == "identical"
    assert kinds["`torch.jit.ignore`"][1] == "export_error"
    assert lesson.right(found["as it is"]) == 1


def test_an_a_a_test_is_shown_both_ways(studied: Studied) -> None:
    """The naive ratio is that of the means of the two blocks; the paired one has eager against itself beside it."""
    lesson, study, _ = of("faster", studied)
    kept = study.modes["trace"]
    blocks = {block.name: np.array(block.samples_s) for block in kept.naive}
    assert lesson.naive_ratio(kept) == pytest.approx(blocks["eager"].mean() / blocks["eager again"].mean())
    assert lesson.right(study) in (0, 1, 2)
    assert "eager against itself" in lesson.ours(study)


def test_equal_accuracy_hides_flips(studied: Studied) -> None:
    """Computed from the scores with numpy: accuracies within half a percent, an output off by more than 0.1, none after the fix."""
    lesson, study, mended = of("accuracy", studied)
    labels = np.array(study.labels)
    eager, trace = (np.array(values(study, side)) for side in ("eager", "trace"))
    accuracies = [(side.argmax(1) == labels).mean() for side in (eager, trace)]
    assert abs(accuracies[0] - accuracies[1]) < 0.005
    assert [
        lesson.accuracy(side, study.labels) for side in (study.eager, study.modes["trace"].answers)
    ] == pytest.approx(accuracies)
    assert np.abs(eager - trace).max() > 0.1
    assert max(lesson.differences(study)) == pytest.approx(np.abs(eager - trace).max())
    assert lesson.flips(study) == np.flatnonzero(eager.argmax(1) != trace.argmax(1)).tolist() != []
    assert np.array(lesson.matrix(study)).sum() == len(labels)
    assert lesson.flips(mended) == []
    assert (lesson.right(study), lesson.right(mended)) == (1, 0)


def test_only_a_trace_is_wrong_without_a_word(studied: Studied) -> None:
    lesson, study, mended = of("choosing", studied)
    assert [variants.kind(study, mode) for mode in lesson.MODES] == ["mismatch", "identical", "export_error"]
    assert [variants.kind(mended, mode) for mode in lesson.MODES] == ["identical"] * 3
    found = {"a branch on a value": study, "operators alone": mended}
    marked = {"a branch on a value": ["script"], "operators alone": ["trace"]}
    assert lesson.score(found, marked).startswith("4 of 6")


def test_the_answer_of_eager_is_that_of_the_model_itself(studied: Studied) -> None:
    """The study's eager is the model file run here, in this process."""
    lesson, study, _ = of("branches", studied)
    scope: dict[str, object] = {}
    exec(lesson.FILE, scope)
    question: Question = LESSONS["branches"].spec.questions[40]
    direct = scope["make_model"]()(torch.tensor(question.arguments[0].values))
    assert list(study.eager[40].outputs[0].values) == direct.tolist()
