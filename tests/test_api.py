"""tsdash from Python: a live module judged in workers, the result, and the helper for users' own suites."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn

import tsdash
from tsdash import api
from tsdash.errors import ModelError, OptionError
from tsdash.testing import assert_exports

ROOT = Path(__file__).parents[1]


class Branch(nn.Module):
    """Decides by the values that it gets."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            return x + 1
        return x - 1


@pytest.fixture(scope="module", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> object:
    """One engine and one store for all checks of this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TSDASH_HOME", str(tmp_path_factory.mktemp("home")))
        api._engine.cache_clear()
        yield
        api._engine().close()
        api._engine.cache_clear()


@pytest.fixture(scope="module")
def failed(_home: object) -> tsdash.Result:
    return tsdash.check(Branch().eval(), torch.ones(2, 4), modes="trace", effort="quick", values=("negative",))


def test_a_live_module_is_judged(failed: tsdash.Result) -> None:
    """The verdict, and the cause in the line of this file."""
    assert failed.verdicts["trace"].verdict == "do_not_ship"
    cause = failed.causes["trace"][0]
    assert (cause.cause, cause.file) == ("baked_control_flow", "tests/test_api.py")
    assert cause.code == "if x.sum() > 0:"


def test_a_result_can_be_taken_along(failed: tsdash.Result, tmp_path: Path) -> None:
    """JSON of the contract, a table of cases, text and HTML tell the same."""
    written = json.loads((failed.to_json(tmp_path / "report.json"), (tmp_path / "report.json").read_text())[1])
    assert written["schema"] == "tsdash.check/1"
    assert list(failed.to_pandas()["outcome"]) == ["identical", "mismatch"]
    assert "✗ do not ship" in str(failed)
    assert "do not ship" in failed._repr_html_()


def test_assert_exports_says_why(failed: tsdash.Result) -> None:
    """The failure of a user's test has the verdict, the case, the cause with its line and the fix."""
    with pytest.raises(AssertionError) as raised:
        assert_exports(Branch().eval(), torch.ones(2, 4), values=("negative",))
    words = str(raised.value)
    for expected in ("Branch in mode trace: ✗ do not ship", "baked_control_flow, tests/test_api.py line", "fix: "):
        assert expected in words


def test_assert_exports_passes_what_ships() -> None:
    """A model that the export answers for like eager raises nothing, and gives its result back."""
    assert assert_exports(nn.Identity(), torch.ones(2, 4), "trace", values=("negative",)).ships


def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    """A script without `if __name__ == "__main__"` runs once, and the causes name its own lines."""
    (tmp_path / "train.py").write_text(
        textwrap.dedent("""\
        import torch, tsdash
        print("once")
        class Net(torch.nn.Module):
            def forward(self, x):
                return x * len(x)
        result = tsdash.check(Net(), torch.ones(2, 4), modes="trace", dims={"batch": (2, 3)})
        cause = result.causes["trace"][0]
        print(cause.file, cause.line, result.verdicts["trace"].verdict)
        """)
    )
    environment = {"PYTHONPATH": str(ROOT), "TSDASH_HOME": str(tmp_path), "PATH": ""}
    ended = subprocess.run(
        [sys.executable, "train.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.stdout.splitlines() == ["once", "train.py 5 do_not_ship"], ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_readmes_snippets_run_as_printed(tmp_path: Path) -> None:
    """The Python snippet writes its report, the pytest snippet passes."""
    readme = (ROOT / "README.md").read_text("utf-8")
    snippets = dict(re.findall(r"^<!-- (\w+)-snippet -->\n```python\n(.*?)```$", readme, re.M | re.S))
    (tmp_path / "script.py").write_text(snippets["python"])
    (tmp_path / "test_net.py").write_text(snippets["pytest"])
    environment = {"PYTHONPATH": str(ROOT), "TSDASH_HOME": str(tmp_path / "home"), "PATH": ""}
    for command in (["script.py"], ["-m", "pytest", "-p", "no:cacheprovider", "test_net.py"]):
        ended = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (tmp_path / "report.html").read_text("utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        (("early_exit", torch.ones(1)), {}, "its file makes its own inputs"),
        ((nn.Identity(),), {}, "There are no inputs"),
        ((nn.Identity(), torch.ones(1)), {"modes": "trase"}, "Did you mean trace"),
        ((nn.Identity(), torch.ones(1)), {"value": "nan"}, "Did you mean values"),
        ((nn.Identity(), torch.ones(1)), {"effort": "much"}, "Unknown effort"),
    ],
)
def test_a_wrong_option_is_refused(arguments: tuple[object, ...], options: dict[str, object], says: str) -> None:
    """Before anything runs, with what is allowed."""
    with pytest.raises(OptionError, match=says):
        tsdash.check(*arguments, **options)


def test_inputs_that_the_model_does_not_take_are_no_export_error() -> None:
    """Eager's own message, with the line."""
    with pytest.raises(
        ModelError, match=r"eager itself raises on the base inputs: RuntimeError: mat1 and mat2 .* \(2x8 and 4x2\)"
    ):
        tsdash.check(nn.Linear(4, 2).eval(), torch.ones(2, 8), effort="quick")


def test_a_model_that_cannot_be_built_says_where() -> None:
    """What the user's function raises in the worker comes back with its message."""

    def broken() -> nn.Module:
        raise ValueError("no weights here")

    with pytest.raises(ModelError, match="no weights here"):
        tsdash.check(broken, torch.ones(1), modes="trace")
