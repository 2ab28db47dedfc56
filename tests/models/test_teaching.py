"""What a teaching model promises about itself, read from its text."""

from __future__ import annotations

from tsdash.models import teaching
from tsdash.spec import ModelSource

TEXT = """1 / 0
EXPECTED = {"trace": "baked_shape", "script": None}
BLAME = {"trace": "keep = int(x.size(1))"}


def forward(x):
    keep = int(x.size(1))
"""


def source(text: str) -> ModelSource:
    return ModelSource(name="a.py", kind="file", filename="a.py", text=text)


def test_the_expected_causes_are_read_without_running_the_file() -> None:
    """None is a mode that ships."""
    assert teaching.expected(source(TEXT)) == {"trace": "baked_shape", "script": None}


def test_the_line_to_blame_is_found_by_its_code() -> None:
    """Whatever its indentation."""
    assert teaching.blamed(source(TEXT)) == {"trace": 7}


def test_a_file_that_promises_nothing_has_no_expectations() -> None:
    """As any model of a user's own."""
    assert teaching.expected(source("x = 1")) == teaching.blamed(source("x = 1")) == {}
