"""What holds for the project as a whole: its set-up, its documents and the size of its files."""

from __future__ import annotations

import ast
import importlib
import os
import re
import sys
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
NOT_OURS = {
    ".git",
    ".venv",
    "node_modules",
    "__pycache__",
    "test-results",
    ".hypothesis",
    "build",
    "tsdash.egg-info",
} | {f".{tool}_cache" for tool in ("mypy", "pytest", "ruff")}
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
REQUIREMENTS = (ROOT / "requirements.txt", ROOT / "tests" / "requirements.txt")
# What a package is called where it is imported, if not as it is installed.
DISTRIBUTIONS = {"playwright": "pytest-playwright", "axe_playwright_python": "axe-playwright-python"}
PYTEST_OWN = {
    "packaging",
    "tomllib",
    "tomli",
}  # pytest itself needs and brings these; tomllib is Python's own from 3.11 on

MODEL_FILES = ("tests/engine/hostile/",)  # models that do harm, some by not being Python

MAX_LINES = 400
LONGER: dict[str, str] = {  # path → why this file may have more than MAX_LINES
    "tests/test_compare.py": "one function, and every dtype, layout and place of a NaN that it must hold for",
    "tsdash/diagnose/instrument.py": "one syntax-tree visitor: its methods share its state and would not stand alone",
}

MACHINE_PATH = re.compile(
    r"(?<![\w.])/(?:home/(?!me\b)|root/|Users/(?!me\b)|work/)\w|[.]pyenv"
)  # /home/me stands for anyone's
REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian\.org|download\.pytorch\.org|conda\.anaconda"
)
CHANGES = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


@cache
def _files() -> tuple[Path, ...]:
    found: list[Path] = []
    for folder, below, names in os.walk(ROOT):
        below[:] = sorted(set(below) - NOT_OURS)  # os.walk goes on into what is left here
        found += (Path(folder) / name for name in sorted(names))
    return tuple(found)


def _texts(*suffixes: str) -> list[tuple[str, str]]:
    """Name and text of every file of ours that is text, or of those that end in one of `suffixes`."""
    texts = []
    for path in _files():
        raw = path.read_bytes()
        if (not suffixes or path.suffix in suffixes) and b"\0" not in raw:
            texts.append((path.relative_to(ROOT).as_posix(), raw.decode("utf-8")))
    return texts


def _pins(path: Path) -> list[Requirement]:
    lines = (line.strip() for line in path.read_text("utf-8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]


def _imported(folder: str) -> set[str]:
    """The packages that the Python files under `folder` import, anywhere in them."""
    names: set[str] = set()
    for name, text in _texts(".py"):
        if name.startswith(folder) and not name.startswith(MODEL_FILES):
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Import):
                    names |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"tsdash", "tests"}


@cache
def _pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def _marked_commands() -> dict[str, list[str]]:
    """The lines of each code block of the README that stands below a mark `<!-- NAME-command -->`."""
    blocks = re.findall(
        r"^<!-- (\w+)-command -->\n```sh\n(.*?)\n```$", (ROOT / "README.md").read_text("utf-8"), re.M | re.S
    )
    return {name: block.splitlines() for name, block in blocks}


@pytest.mark.parametrize("pattern", [MACHINE_PATH, REGISTRY], ids=["path", "registry"])
def test_no_file_names_a_machine(pattern: re.Pattern[str]) -> None:
    """No file holds an absolute path of someone's machine or the host of a package registry."""
    found = [f"{name}: {match[0]}" for name, text in _texts() for match in pattern.finditer(text)]
    assert not found


def test_no_file_is_too_long() -> None:
    """Python files and documents stay within 400 lines; the exceptions carry their reason, and are exceptions still."""
    long = {name for name, text in _texts(".py", ".md") if text.count("\n") > MAX_LINES}
    assert long == set(LONGER)


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_requirement_is_pinned(path: Path) -> None:
    """A requirement names one exact version."""
    assert [str(pin) for pin in _pins(path) if [specifier.operator for specifier in pin.specifier] != ["=="]] == []


@pytest.mark.parametrize("python", PYTHONS)
def test_every_python_gets_each_requirement_once(python: str) -> None:
    """Whatever the supported Python, exactly one pin of every package applies."""
    pins = [pin for path in REQUIREMENTS for pin in _pins(path)]
    applying = [pin.name for pin in pins if not pin.marker or pin.marker.evaluate({"python_version": python})]
    assert sorted(applying) == sorted({pin.name for pin in pins})


def test_every_import_is_a_requirement() -> None:
    """What the dashboard and the command line import is in requirements.txt, what the tests import besides in theirs."""
    needed, for_tests = ({pin.name for pin in _pins(path)} for path in REQUIREMENTS)
    at_run_time = _imported("tsdash/") | _imported("pages/") | _imported("app.py")
    in_tests = {DISTRIBUTIONS.get(name, name) for name in _imported("tests/")} - PYTEST_OWN
    assert at_run_time <= needed
    assert in_tests <= needed | for_tests


def test_every_requirement_is_justified() -> None:
    """CONTRIBUTING says in one line why each requirement is there, and lists none that is not."""
    table = re.findall(r"^\| `([\w-]+)` \| (\S.*\S) \|$", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.M)
    to_build = {Requirement(text).name for text in _pyproject()["build-system"]["requires"]}
    assert sorted(name for name, _ in table) == sorted(
        {pin.name for path in REQUIREMENTS for pin in _pins(path)} | to_build
    )


def test_what_is_installed_has_every_file_of_the_package() -> None:
    """Each folder of tsdash that holds Python files is installed, and the package data matches each file that is not Python."""
    setuptools = _pyproject()["tool"]["setuptools"]
    assert setuptools["packages"]["find"] == {
        "include": ["tsdash*"]
    }  # folders without __init__.py too, as is its default
    patterns = setuptools["package-data"]["*"]
    others = [path for path in _files() if path.is_relative_to(ROOT / "tsdash") and path.suffix not in (".py", ".pyc")]
    assert len(others) > 5
    assert [path.name for path in others if not any(fnmatch(path.name, pattern) for pattern in patterns)] == []


def test_what_is_installed_takes_version_and_requirements_from_where_they_stand() -> None:
    """The version is tsdash's own, the requirements are those of requirements.txt, the Pythons those that are tested."""
    project, dynamic = _pyproject()["project"], _pyproject()["tool"]["setuptools"]["dynamic"]
    assert sorted(project["dynamic"]) == ["dependencies", "version"]
    assert dynamic == {"version": {"attr": "tsdash.__version__"}, "dependencies": {"file": ["requirements.txt"]}}
    allowed = SpecifierSet(project["requires-python"])
    assert [f"3.{minor}" for minor in range(20) if f"3.{minor}.1" in allowed] == list(PYTHONS)
    assert not [line for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines() if line.startswith("-")]
    module, _, function = project["scripts"]["tsdash"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_the_readme_has_two_commands_of_one_line() -> None:
    """One command opens the dashboard and one passes the tests; both install into a virtual environment of the checkout."""
    commands = _marked_commands()
    assert sorted(commands) == ["dashboard", "test"]
    assert all(len(lines) == 1 and ".venv" in lines[0] for lines in commands.values())
    assert commands["dashboard"][0].endswith("streamlit run app.py")
    assert commands["test"][0].endswith("pytest")


def test_the_readme_says_how_to_install_it_before_it_imports_it() -> None:
    """The two snippets for the user's own folder stand below the command that makes `import tsdash` work there."""
    readme = (ROOT / "README.md").read_text("utf-8")
    sections = [part for part in re.split(r"^## ", readme, flags=re.M) if "-snippet -->" in part]
    assert len(sections) == 2
    assert all("pip install path/to/tsdash" in part.partition("<!--")[0] for part in sections)


def test_the_readme_shows_a_model_file_that_works() -> None:
    """The README's model file, as printed, makes a model that takes its inputs, at another size too."""
    text = re.findall(r"^```python\n(.*?)```$", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)[0]
    model_file: dict[str, Any] = {}
    exec(text, model_file)
    model = model_file["make_model"]()
    assert [tuple(model(*model_file["make_inputs"](batch=size)).shape) for size in (2, 5)] == [(2, 3), (5, 3)]


def test_the_changelog_is_kept() -> None:
    """The changelog starts with what is unreleased, groups changes by kind, and dates its releases, newest first."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    headings = re.findall(r"^## (.*)$", text, re.M)
    assert headings[0] == "[Unreleased]"
    releases = [re.fullmatch(r"\[\d+\.\d+\.\d+\] - (\d{4}-\d\d-\d\d)", heading) for heading in headings[1:]]
    assert all(releases)
    dates = [release[1] for release in releases if release]
    assert dates == sorted(dates, reverse=True)
    assert set(re.findall(r"^### (.*)$", text, re.M)) <= set(CHANGES)


def test_the_server_listens_to_this_machine_alone() -> None:
    """Streamlit's defaults, every interface and telemetry, are off."""
    config = (ROOT / ".streamlit" / "config.toml").read_text("utf-8")
    assert re.search(r'^address = "127\.0\.0\.1"', config, re.M)
    assert re.search(r"^gatherUsageStats = false", config, re.M)
