"""The named dims of a model file, read from its text."""

from __future__ import annotations

import pytest

from tsdash.errors import ModelError
from tsdash.models import default_dims
from tsdash.spec import ModelSource


def source(text: str) -> ModelSource:
    return ModelSource(name="decoder.py", kind="file", filename="decoder.py", text=text)


def with_inputs(signature: str, before: str = "") -> ModelSource:
    return source(f"{before}\ndef make_model(): ...\ndef make_inputs({signature}): ...\n")


def test_the_integer_defaults_are_the_dims() -> None:
    """In the order in which they are written."""
    assert list(default_dims(with_inputs("seq=8, batch=2")).items()) == [("seq", 8), ("batch", 2)]


def test_other_defaults_are_not_dims() -> None:
    """A bool is an int in Python, but not a size."""
    assert default_dims(with_inputs("batch=2, masked=True, scale=0.5, name='x', mask=None")) == {"batch": 2}


def test_keyword_only_and_negative_defaults_are_dims() -> None:
    """Both are integers with a name."""
    assert default_dims(with_inputs("a=1, /, b=-1, *rest, c=3, **more")) == {"a": 1, "b": -1, "c": 3}


def test_a_constant_of_the_file_may_be_the_default() -> None:
    """WIDTH = 8 above it."""
    assert default_dims(with_inputs("width=WIDTH, depth=f()", before="WIDTH = 8")) == {"width": 8}


def test_nothing_of_the_file_is_run() -> None:
    """Reading dims is safe for any file."""
    assert default_dims(with_inputs("batch=2", before="1 / 0")) == {"batch": 2}


def test_functions_that_are_defined_conditionally_or_imported_count() -> None:
    """They exist once the file is imported."""
    text = "from nets import make_model\ntry:\n    import x\nexcept ImportError:\n    def make_inputs(batch=3): ...\n"
    assert default_dims(source(text)) == {"batch": 3}


@pytest.mark.parametrize("missing", ["make_model", "make_inputs"])
def test_a_missing_function_is_named_with_what_a_model_file_defines(missing: str) -> None:
    """The message says what to write."""
    text = "def make_model(): ...\ndef make_inputs(): ...\n".replace(missing, "other")
    with pytest.raises(ModelError, match=f"does not define {missing}. A model file defines make_model"):
        default_dims(source(text))


def test_a_syntax_error_has_its_line() -> None:
    """File and line are in the message and beside it."""
    with pytest.raises(ModelError, match=r"decoder.py line 2: this is not valid Python .* Mend that line") as caught:
        default_dims(source("x = 1\ndef make_model(:\n"))
    assert (caught.value.file, caught.value.line) == ("decoder.py", 2)


@pytest.mark.parametrize("text", ["a\0b", "(" * 5000, "-" * 100_000 + "1"])
def test_text_that_the_parser_refuses_is_a_clear_error(text: str) -> None:
    """NUL characters and endless nesting are not syntax errors to Python."""
    with pytest.raises(ModelError, match=r"decoder\.py"):
        default_dims(source(text))


def test_an_argument_without_default_is_refused_with_its_line() -> None:
    """A dim without a size cannot be made."""
    with pytest.raises(ModelError, match=r"line 3: 'seq' of make_inputs has no default") as caught:
        default_dims(with_inputs("seq, batch=2"))
    assert caught.value.line == 3
