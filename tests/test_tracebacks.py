"""Exceptions and positions in the user's terms."""

from __future__ import annotations

import json
import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from tsdash.tracebacks import TEXT_BYTES, SourceMap, clean_text, type_name, user_error, user_positions

NOBODY = SourceMap()


def raised(text: str, path: str) -> BaseException:
    """What running `text`, saved as `path`, raises."""
    try:
        exec(compile(text, path, "exec"), {"__name__": "m_user"})
    except BaseException as exc:
        return exc
    raise AssertionError("nothing was raised")


def test_the_deepest_frame_of_the_users_file_is_reported_under_their_name() -> None:
    """A library frame below the user's does not hide theirs."""
    text = "import json\ndef f():\n    json.loads('{')\nf()\n"
    facts = user_error(raised(text, "/job/m_decoder.py"), SourceMap(files={"/job/m_decoder.py": "decoder.py"}))
    assert (facts.type, facts.file, facts.line) == ("JSONDecodeError", "decoder.py", 3)


def test_the_path_on_disk_is_not_shown() -> None:
    """Message and traceback name the user's file, not the one it was saved as."""
    text = "raise ValueError('in /job/m_decoder.py')"
    facts = user_error(raised(text, "/job/m_decoder.py"), SourceMap(files={"/job/m_decoder.py": "decoder.py"}))
    assert facts.message == "in decoder.py"
    assert 'File "decoder.py", line 1' in facts.traceback
    assert "/job" not in facts.traceback


def test_an_exception_without_a_user_frame_has_no_line() -> None:
    """Nobody's file is blamed for what happened elsewhere."""
    facts = user_error(raised("1 / 0", "/elsewhere.py"), NOBODY)
    assert (facts.file, facts.line) == (None, None)


def test_the_line_of_a_syntax_error_is_the_one_it_names() -> None:
    """A syntax error has no frame in the file that contains it."""
    facts = user_error(raised("x = 1\nreturn x\n", "/job/m_a.py"), SourceMap(files={"/job/m_a.py": "a.py"}))
    assert (facts.type, facts.file, facts.line) == ("SyntaxError", "a.py", 2)


def test_the_cause_of_an_exception_is_blamed_where_it_has_no_frame_of_the_users() -> None:
    """A library that wraps the user's exception does not hide its line."""
    inner = raised("\n\n1 / 0", "/job/m_a.py")
    outer = RuntimeError("wrapped")
    outer.__cause__ = inner
    facts = user_error(outer, SourceMap(files={"/job/m_a.py": "a.py"}))
    assert (facts.file, facts.line) == ("a.py", 3)
    assert facts.traceback.index("ZeroDivisionError") < facts.traceback.index("RuntimeError: wrapped")


def test_a_compiler_message_names_the_culprit_first() -> None:
    """TorchScript's compiler lists the callers after the culprit."""
    text = 'not supported:\n  File "/job/m_a.py", line 9\n called from\n  File "/job/m_a.py", line 20\n'
    facts = user_error(RuntimeError(text), SourceMap(files={"/job/m_a.py": "a.py"}))
    assert (facts.file, facts.line) == ("a.py", 9)


def test_an_interpreter_traceback_names_the_culprit_last() -> None:
    """TorchScript's interpreter lists the callers before the culprit."""
    text = 'Traceback of TorchScript, original code:\n  File "/job/m_a.py", line 20, in forward\n  File "/job/m_a.py", line 9, in head\n'
    facts = user_error(RuntimeError(text), SourceMap(files={"/job/m_a.py": "a.py"}))
    assert (facts.file, facts.line) == ("a.py", 9)


def test_positions_outside_the_users_source_are_left_out() -> None:
    """A library's position in a message is not the user's."""
    text = 'File "/lib/functional.py", line 3, File "/job/m_a.py", line 9'
    assert user_positions(text, SourceMap(files={"/job/m_a.py": "a.py"})) == (("a.py", 9),)


def test_a_project_is_the_users_and_its_installed_packages_are_not() -> None:
    """An entry point's whole project counts as the user's source."""
    sources = SourceMap(aliases={"/job/m_x.py": "nets.mlp:build"}, root="/home/me/project", base="/home/me/project")
    assert sources.name("/home/me/project/nets/mlp.py") == "nets/mlp.py"
    assert sources.name("/home/me/project/.venv/lib/site-packages/torch/nn/linear.py") is None
    assert sources.name("/home/me/project2/mlp.py") is None
    assert sources.name("/job/m_x.py") is None


def hostile(body: str) -> BaseException:
    space: dict[str, type[BaseException]] = {}
    exec(f"class Hostile(Exception):\n    def __str__(self):\n        {body}", space)
    return space["Hostile"]()


def test_a_message_that_raises_is_reported_as_that() -> None:
    """`__str__` may raise."""
    assert user_error(hostile("raise ValueError('no')"), NOBODY).message == "(its __str__ raised ValueError)"


def test_a_message_that_exits_is_reported_as_that() -> None:
    """`__str__` may call sys.exit."""
    assert user_error(hostile("raise SystemExit(0)"), NOBODY).message == "(its __str__ raised SystemExit)"


def test_a_message_that_is_not_a_string_is_reported_as_that() -> None:
    """`__str__` may return something else."""
    assert user_error(hostile("return 5"), NOBODY).message == "(its __str__ raised TypeError)"


def test_a_message_of_a_str_subclass_becomes_a_plain_str() -> None:
    """A subclass of str could lie about its length or run code when it is printed."""
    subclass = "return type('S', (str,), {'__len__': lambda s: 1 / 0, 'replace': lambda *a: 1 / 0})('hello')"
    message = user_error(hostile(subclass), NOBODY).message
    assert (message, type(message)) == ("hello", str)


def test_a_class_that_hides_its_name_is_still_named() -> None:
    """A metaclass may override __name__."""
    meta = type("Meta", (type,), {"__name__": property(lambda cls: 1 / 0)})
    assert type_name(meta("Odd", (Exception,), {})()) == "Odd"


def test_a_huge_message_keeps_head_and_tail_and_says_its_length() -> None:
    """Ten million characters become about 8 KB."""
    facts = user_error(ValueError("head" + "x" * 10_000_000 + "tail"), NOBODY)
    assert facts.message.startswith("headxxx")
    assert facts.message.endswith("xxxtail")
    assert "10,000,008 characters" in facts.message
    assert len(facts.message) < TEXT_BYTES + 100
    assert len(facts.traceback) < TEXT_BYTES + 100


def test_a_deep_recursion_is_reported() -> None:
    """A traceback of a thousand frames is cut."""
    facts = user_error(raised("def f(): f()\nf()", "/job/m_a.py"), SourceMap(files={"/job/m_a.py": "a.py"}))
    assert (facts.type, facts.file, facts.line) == ("RecursionError", "a.py", 1)


def test_an_exception_that_is_its_own_cause_ends() -> None:
    """A cycle of causes is followed a few steps."""
    exc = ValueError("me")
    exc.__cause__ = exc
    assert user_error(exc, NOBODY).message == "me"


def test_surrogates_nul_and_escape_sequences_are_escaped() -> None:
    """What JSON, SQLite and terminals choke on is written as Python would write it."""
    assert clean_text("a\ud800\x00\x1b[31m\u202eb\n\tc") == "a\\ud800\\x00\\x1b[31m\\u202eb\n\tc"


@given(st.text(st.characters(exclude_categories=[]), max_size=200), st.integers(10, 400))
def test_any_text_survives_json_and_sqlite(text: str, limit: int) -> None:
    """Whatever a message holds, what is kept of it is text everywhere and near the limit."""
    cleaned = clean_text(text, limit)
    assert len(cleaned.encode()) <= limit + 50
    assert json.loads(json.dumps(cleaned)) == cleaned
    with sqlite3.connect(":memory:") as store:
        assert store.execute("select ?", (cleaned,)).fetchone() == (cleaned,)


@given(st.text(st.characters(exclude_categories=["C"]), max_size=40))
def test_plain_text_is_left_alone(text: str) -> None:
    """Nothing is lost of a text that is short and safe."""
    assert clean_text(text) == text
