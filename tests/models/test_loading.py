"""Loading a model file, and saying what is wrong with it."""

from __future__ import annotations

import random
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from tsdash.errors import ModelError, OptionError
from tsdash.models.loading import Loaded, load, module_name
from tsdash.spec import ModelSource

GOOD = '''"""Doubles."""
import torch


class Double(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(3, 3)

    def forward(self, x):
        return self.fc(x) * 2


def make_model():
    return Double().eval()


def make_inputs(batch=2):
    return (torch.randn(batch, 3),)
'''


def source(text: str, filename: str = "decoder.py") -> ModelSource:
    return ModelSource(name=filename, kind="file", filename=filename, text=text)


def broken(tmp_path: Path, old: str, new: str) -> Loaded:
    """GOOD with `old` replaced by `new`, loaded."""
    assert old in GOOD
    return load(source(GOOD.replace(old, new)), tmp_path)


def test_a_good_file_gives_module_inputs_and_description(tmp_path: Path) -> None:
    """What a run needs of it."""
    loaded = load(source(GOOD), tmp_path)
    args, kwargs = loaded.inputs()
    assert isinstance(loaded.build(), torch.nn.Module)
    assert (args[0].shape, kwargs, loaded.dims, loaded.description) == ((2, 3), {}, {"batch": 2}, "Doubles.")


def test_building_twice_gives_the_same_weights(tmp_path: Path) -> None:
    """Random initialisation is seeded."""
    loaded = load(source(GOOD), tmp_path)
    first = loaded.build().state_dict()
    torch.randn(5)
    assert all(torch.equal(value, first[name]) for name, value in loaded.build().state_dict().items())


def test_inputs_depend_on_the_seed_alone(tmp_path: Path) -> None:
    """Every generator a model file may draw from is seeded."""
    draws = "torch.randn(batch, 3) + np.random.rand() + random.random()"
    text = "import random\nimport numpy as np\n" + GOOD.replace("torch.randn(batch, 3)", draws)
    loaded = load(source(text), tmp_path)
    first = loaded.inputs(seed=1)[0][0]
    random.random(), np.random.rand(), torch.rand(1)
    assert torch.equal(loaded.inputs(seed=1)[0][0], first)
    assert not torch.equal(loaded.inputs(seed=2)[0][0], first)


def test_dims_are_passed_on_and_the_others_stay(tmp_path: Path) -> None:
    """One dim changed at a time."""
    loaded = broken(
        tmp_path,
        "batch=2):\n    return (torch.randn(batch, 3)",
        "batch=2, seq=4):\n    return (torch.randn(batch, seq, 3)",
    )
    assert loaded.inputs({"seq": 5})[0][0].shape == (2, 5, 3)


def test_an_unknown_dim_says_which_there_are(tmp_path: Path) -> None:
    """With the nearest name."""
    with pytest.raises(OptionError, match=r"Unknown dim 'bach'. Did you mean batch\?"):
        load(source(GOOD), tmp_path).inputs({"bach": 3})


def test_keyword_arguments_get_the_dims_they_name(tmp_path: Path) -> None:
    """make_kwargs need not take them all."""
    kwargs = "\ndef make_kwargs(batch):\n    return {'scale': torch.ones(batch)}\n"
    assert load(source(GOOD + kwargs), tmp_path).inputs({"batch": 4})[1]["scale"].shape == (4,)


def test_labelled_data_is_found_in_either_form(tmp_path: Path) -> None:
    """LABELLED or make_labelled()."""
    assert load(source(GOOD), tmp_path).labelled() is None
    assert load(source(GOOD + "LABELLED = (1, 2)\n"), tmp_path).labelled() == (1, 2)
    assert load(source(GOOD + "def make_labelled():\n    return 3, 4\n"), tmp_path).labelled() == (3, 4)


@pytest.mark.parametrize("filename", ["002_nan_guard.py", "random.py", "my net.py", "класс.py", "x" * 200 + ".py"])
def test_any_file_name_scripts_saves_and_loads(tmp_path: Path, filename: str) -> None:
    """A module name that begins with a digit would make an archive that cannot be loaded."""
    loaded = load(source(GOOD, filename), tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(loaded.build())
        scripted.save(tmp_path / "artefact.pt")
        restored = torch.jit.load(tmp_path / "artefact.pt")
    args, _ = loaded.inputs()
    assert torch.equal(restored(*args), loaded.build()(*args))
    assert filename.removesuffix(".py") != module_name(filename)


def test_a_file_saved_again_in_the_same_second_is_read_again(tmp_path: Path) -> None:
    """No stale bytecode, and scripting sees the new source."""
    load(source(GOOD), tmp_path)
    loaded = broken(tmp_path, "* 2", "* 3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(loaded.build())
    args, _ = loaded.inputs()
    assert torch.equal(scripted(*args), loaded.build()(*args))
    assert not list(tmp_path.rglob("*.pyc"))


def test_source_with_a_coding_line_is_scripted_as_it_was_written(tmp_path: Path) -> None:
    """The file on disk is in the encoding that it names."""
    text = "# coding: latin-1\n" + GOOD.replace('"""Doubles."""', '"""Dés."""').replace("* 2", "* 2  # é")
    loaded = load(source(text), tmp_path)
    assert loaded.description == "Dés."
    assert loaded.path.read_bytes().decode("latin-1") == text


def load_and_use(text: str, folder: Path) -> None:
    loaded = load(source(text), folder)
    loaded.build()
    loaded.inputs()


@pytest.mark.parametrize(
    ("old", "new", "message", "line"),
    [
        ("import torch\n", "import torch\nimport zzz_missing.sub\n", "needs the package 'zzz_missing', which is not installed here", 3),
        ("import torch\n", "import torch\nfrom torch import nothing\n", "importing it raised ImportError: cannot import name", 3),
        ("import torch\n", "import torch\nraise SystemExit(0)\n", r"importing it ended the program \(SystemExit\)", 3),
        ("import torch\n", "import torch\nbreak\n", "importing it raised SyntaxError: 'break' outside loop", 3),
        ("import torch\n", "import torch\n1 / 0\n", "importing it raised ZeroDivisionError: division by zero", 3),
        ("torch.nn.Linear(3, 3)", "torch.nn.Linear('a', 3)", r"make_model\(\) raised TypeError", 8),
        ("return Double().eval()", "raise KeyboardInterrupt", r"make_model\(\) raised KeyboardInterrupt", 15),
        ("return Double().eval()", "return {'a': 1}", "make_model returned a dict, and must return a torch.nn.Module", 14),
        ("return Double().eval()", "Double()", "make_model returned None, and must return a torch.nn.Module", 14),
        ("return Double().eval()", "return Double", r"returned the class Double, .*: write return Double\(\)", 14),
        ("(torch.randn(batch, 3),)", "torch.randn(batch, 3)", r"make_inputs returned a Tensor, .*: write return \(x,\)", 18),
        ("(torch.randn(batch, 3),)", "[1]", "make_inputs returned a list, and must return a tuple", 18),
        ("torch.randn(batch, 3)", "torch.randn(-batch, 3)", r"make_inputs\(batch=2\) raised RuntimeError: Trying to create", 19),
        ("def make_model():", "def make_model(width):", r"make_model\(\) raised TypeError: make_model\(\) missing 1 required", None),
    ],
)  # fmt: skip
def test_each_fault_is_one_sentence_with_file_and_line(
    tmp_path: Path, old: str, new: str, message: str, line: int | None
) -> None:
    """Under the user's own file name, never the path it was saved as."""
    assert old in GOOD
    with pytest.raises(ModelError, match=message) as caught:
        load_and_use(GOOD.replace(old, new), tmp_path)
    error = caught.value
    where = f"decoder.py line {line}: " if line else "decoder.py: "
    assert str(error).startswith(where)
    assert error.line == line
    assert str(tmp_path) not in str(error)


def test_a_name_that_is_not_a_function_is_refused(tmp_path: Path) -> None:
    """make_model = 5."""
    text = GOOD.replace("def make_model():\n    return Double().eval()", "make_model = 5")
    with pytest.raises(ModelError, match="make_model is a int, not a function"):
        load(source(text), tmp_path)


def test_a_hostile_exception_is_a_model_error(tmp_path: Path) -> None:
    """Its message cannot be had, its line can."""
    hostile = "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E\nimport torch\n"
    with pytest.raises(ModelError, match=r"line 4: importing it raised E: \(its __str__ raised SystemExit\)"):
        broken(tmp_path, "import torch\n", hostile)
