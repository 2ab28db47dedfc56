"""Imports point one way. The table says what each module may import; the tests hold every file to it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# One row a module or package, lowest first: a row may name only rows above it, so nothing can go round in a circle.
# A row speaks for everything under its name, unless a longer name has a row of its own; a line without a name goes on with
# the row before. In brackets: only inside functions or under TYPE_CHECKING. A module without a bare `torch` belongs to the
# server's side, which must start without torch.
TABLE = """
module             | of tsdash                                                          | libraries
-------------------|--------------------------------------------------------------------|----------------------
wire               |                                                                    |
facts              |                                                                    |
spec               | wire facts                                                         |
study              | spec                                                               |
errors             |                                                                    |
formats            |                                                                    |
tokens             |                                                                    |
environment        | errors                                                             |
tracebacks         | spec                                                               |
seeds              |                                                                    | torch numpy
settings           |                                                                    | torch
models             | spec errors tracebacks                                             | (torch torchvision numpy)
models.loading     | spec errors tracebacks seeds models                                | torch numpy
transforms         | spec errors                                                        | (torch)
inputs             | spec errors models transforms                                      | (torch)
ties               | study tracebacks                                                   |
onnxfile           |                                                                    | (torch onnxruntime)
onnxtext           | tracebacks                                                         | (onnx numpy)
mutation           | onnxfile                                                           | torch
complaints         | spec tracebacks                                                    | (torch)
graph              | formats                                                            |
graphdiff          | graph                                                              |
layers             |                                                                    |
layout             | graph layers                                                       |
graphtext          | tracebacks onnxfile onnxtext                                       | (torch)
ranges             | spec inputs                                                        | (torch)
contract           | spec formats                                                       |
state              |                                                                    | torch numpy
exporters          | spec tracebacks inputs ranges contract complaints graphtext onnxfile | (torch)
                   | (state mutation)                                                   |
plan               | spec errors models transforms inputs exporters                     |
tensorfile         |                                                                    | torch
nodes              |                                                                    | torch numpy
tree               | spec nodes                                                         | torch
decades            |                                                                    | numpy
chunks             |                                                                    | torch numpy
argmax             |                                                                    | numpy
tally              | decades                                                            | torch numpy
bits               | chunks                                                             | torch numpy
norms              | chunks                                                             | torch numpy
totals             | spec decades chunks tally                                          | torch numpy
widened            | chunks argmax tally bits totals                                    | torch numpy
close              | chunks argmax tally totals widened                                 | torch numpy
compare            | spec chunks argmax tally bits norms totals widened close           | torch numpy
elements           | spec decades (chunks)                                              | numpy (torch)
stats              | spec                                                               | numpy
timing             | spec stats                                                         | torch
onedevice          |                                                                    | torch
calling            | spec seeds settings inputs tensorfile onedevice                    | torch
pristine           | spec inputs exporters state calling                                | torch
sameness           | tensorfile                                                         | torch
questions          | spec errors study tracebacks models.loading inputs exporters tree  | torch
                   | timing calling ties                                                |
judge              | spec formats stats contract                                        |
effects            | spec facts formats inputs nodes tree compare calling contract judge | torch
noise              | facts inputs tree compare calling                                  | torch
plain              |                                                                    |
repro              | spec models transforms inputs exporters plan judge plain           | (torch numpy)
diagnose.catalogue | spec                                                               |
diagnose           | spec errors formats tracebacks seeds models.loading inputs exporters plan nodes  | torch numpy
                   | tree compare calling effects contract diagnose.catalogue onnxfile  |
ways               | spec diagnose                                                      | torch
reach              | spec models models.loading ways                                    | torch (coverage)
localize           | spec seeds inputs exporters calling                                | torch
steps              | formats inputs seeds calling localize                              | torch
explain            | spec formats models.loading inputs exporters localize steps diagnose | torch
thresholds         | models models.loading                                              |
author             | spec errors tracebacks seeds models models.loading inputs exporters study | torch
                   | pristine tensorfile tree timing calling effects questions thresholds |
                   | (reach noise sameness explain)                                     |
clean              | spec errors tracebacks inputs exporters tensorfile tree compare elements | torch
                   | calling effects graphtext                                                    |
worker             | spec errors (author clean)                                         | (torch)
records            | spec                                                               |
schema             |                                                                    |
store              | spec errors environment records schema                             |
saved              | spec errors models exporters store onnxfile                        | (onnx)
libraries          | spec                                                               |
recommendation     | formats stats                                                      |
caveats            | spec formats exporters judge                                       |
verdicts           | spec formats exporters stats contract judge records libraries      |
                   | recommendation caveats                                             |
rejudge            | spec errors judge records verdicts                                 |
archive            | spec errors schema store                                           |
search             | spec formats plan judge records                                    |
engine             | spec errors formats environment tracebacks models exporters judge  | psutil
                   | store verdicts study plan search                                   |
engine.coldstart   | worker engine                                                      |
engine.zygote      | engine (worker)                                                    | (torch)
findings           | spec formats stats judge                                           |
failures           | spec formats findings                                              |
contrast           | spec formats findings                                              |
past               | spec formats                                                       |
tables             | spec plan stats judge records findings                             | numpy pandas
glossary           |                                                                    |
plots              | spec formats tokens glossary                                       | numpy pandas plotly
ui.style           | tokens                                                             |
ui.html            | spec formats tokens glossary findings ui.style                     |
overview           | spec stats records recommendation verdicts findings tables ui.html | pandas
summary            | spec formats tokens                                                |
progress           | spec formats environment records engine                            |
report             | spec formats tokens exporters stats contract judge records libraries | numpy pandas plotly
                   | verdicts rejudge search findings tables plots                      |
figures            | spec formats judge elements plots                                  | numpy
ui.marks           | spec records ui.html                                               |
document           | spec formats tokens plan judge stats elements records findings failures | jinja2 markupsafe
                   | tables plots ui.style ui.html ui.marks overview figures            |
takeaway           | errors records store tables summary report document                | pandas
result             | spec stats judge records store verdicts findings tables ui.style   | (pandas)
                   | ui.html recommendation overview summary report takeaway            |
api                | spec errors models inputs exporters plan store verdicts engine     |
                   | progress result                                                    |
testing            | plan judge summary result api                                      |
cli                | spec errors formats tokens environment models transforms inputs    |
                   | exporters plan stats judge repro diagnose.catalogue records store  |
                   | verdicts rejudge search archive engine findings past tables plots  |
                   | summary progress report takeaway saved                             |
__main__           | cli                                                                |
ui                 | spec errors formats tokens environment models transforms inputs    | numpy pandas streamlit
                   | exporters plan elements stats judge repro diagnose.catalogue study |
                   | graph graphdiff layout                                             |
                   | records store caveats verdicts search archive engine findings past |
                   | failures tables plots                                              |
                   | report libraries recommendation rejudge glossary contrast ui.style |
                   | ui.html ui.marks overview contract figures takeaway                |
"""
SCRIPTS = ("app", "pages")  # may import what `ui` may, and `ui` itself
OTHERS = ("tsdash/models/gallery/",)  # model files: their text is read, only a worker imports them


@dataclass(frozen=True, kw_only=True)
class Row:
    """What a module may import: names at module level, and names that are allowed inside functions as well."""

    name: str
    at_import: frozenset[str]
    inside: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Import:
    """One imported name, with the line and whether it happens when the module itself is imported."""

    name: str
    line: int
    at_import: bool


def _rows() -> dict[str, Row]:
    rows: dict[str, Row] = {}
    name = ""
    for text in TABLE.strip().splitlines()[2:]:
        first, *columns = text.split("|")
        name = first.strip() or name
        bracketed = {word for column in columns for words in re.findall(r"\((.*?)\)", column) for word in words.split()}
        bare = {word for column in columns for word in re.sub(r"\(.*?\)", "", column).split()}
        row = rows.get(name, Row(name=name, at_import=frozenset(), inside=frozenset()))
        rows[name] = replace(row, at_import=row.at_import | bare, inside=row.inside | bare | bracketed)
    ui = rows["ui"]
    scripts = replace(ui, at_import=ui.at_import | {"ui"}, inside=ui.inside | {"ui"})
    return rows | {name: replace(scripts, name=name) for name in SCRIPTS}


ROWS = _rows()


def _module_name(path: Path) -> str:
    """The dotted name below tsdash: `models.files`, or "" for tsdash itself."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[1:] if parts[0] == "tsdash" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _sources() -> list[Path]:
    found = [ROOT / "app.py", *(ROOT / "tsdash").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]
    return sorted(path for path in found if not path.relative_to(ROOT).as_posix().startswith(OTHERS))


def _row_of(name: str) -> Row | None:
    """The row with the longest name that `name` is, or lies under."""
    parts = name.split(".")
    return next((ROWS[key] for n in range(len(parts), 0, -1) if (key := ".".join(parts[:n])) in ROWS), None)


def _imports(node: ast.AST, at_import: bool = True) -> Iterator[Import]:
    """Every import below a node, as dotted names: `from a import b` gives a.b."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(name=alias.name, line=child.lineno, at_import=at_import) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"line {child.lineno}: import from tsdash by its full name"
            yield from (
                Import(name=f"{child.module}.{alias.name}", line=child.lineno, at_import=at_import)
                for alias in child.names
            )
        else:
            typing_only = isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, at_import and not typing_only and not function)


def _violations(path: Path) -> Iterator[str]:
    row = _row_of(_module_name(path))
    assert row is not None, f"{path.relative_to(ROOT)} has no row in the table"
    for imported in _imports(ast.parse(path.read_text("utf-8"))):
        library, _, rest = imported.name.partition(".")
        if library in sys.stdlib_module_names:
            continue
        if imported.name == "tsdash.__version__":
            continue
        target = _row_of(rest) if library == "tsdash" else None
        name = target.name if target else imported.name if library == "tsdash" else library
        allowed = row.at_import if imported.at_import else row.inside
        if name != row.name and name not in allowed:
            where = "" if imported.at_import or name not in row.inside else " inside a function"
            yield f"{path.relative_to(ROOT)}:{imported.line}: {row.name} may not import {name}{where}"


@pytest.mark.parametrize("path", _sources(), ids=lambda path: _module_name(path) or "tsdash")
def test_a_module_imports_only_what_its_row_allows(path: Path) -> None:
    """A file imports nothing of tsdash, and no library, that the table does not grant it."""
    if path == ROOT / "tsdash" / "__init__.py":
        found = [name for name in _imports(ast.parse(path.read_text("utf-8"))) if name.at_import]
        assert not found, "`import tsdash` alone must load nothing"
        return
    assert not list(_violations(path))


def test_the_table_points_one_way() -> None:
    """A row names only rows above it: there is an order in which every module can be read after what it uses."""
    above: set[str] = set()
    for row in ROWS.values():
        assert not {name for name in row.inside if name in ROWS} - above, f"{row.name} names a row below it"
        above.add(row.name)


def test_every_row_has_a_module() -> None:
    """A module that is gone or renamed leaves no row behind."""
    assert {row.name for path in _sources() if (row := _row_of(_module_name(path)))} == set(ROWS)


def test_streamlit_and_plotly_stay_where_they_belong() -> None:
    """Only pages and ui know Streamlit, only plots and report know plotly."""
    assert {row.name for row in ROWS.values() if "streamlit" in row.inside} == {"ui", *SCRIPTS}
    assert {row.name for row in ROWS.values() if "plotly" in row.inside} == {"plots", "report"}


def test_the_server_side_starts_without_torch() -> None:
    """Importing every module that the server uses, in a new process, does not import torch."""
    names = [_module_name(path) for path in _sources() if path.is_relative_to(ROOT / "tsdash")]
    server = [f"tsdash.{name}" for name in names if (row := _row_of(name)) and "torch" not in row.at_import]
    program = (
        "import importlib, sys\n"
        f"for name in {server}:\n"
        "    importlib.import_module(name)\n"
        "    assert 'torch' not in sys.modules, f'{name} imports torch'\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
