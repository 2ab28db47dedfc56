"""A statement rewritten for torch.export."""

from __future__ import annotations

import ast

import pytest

from tsdash.diagnose.moving import rewrite


@pytest.mark.parametrize(
    ("source", "begins"),
    [
        ("if sure.any():\n    y = early", "torch.cond(sure.any(), if_true, if_false, (…,))"),
        ("y = a if x.sum() > 0 else b", "torch.cond(x.sum() > 0, if_true, if_false, (…,))"),
        ("if n > 4:\n    raise ValueError(n)", "torch._check(not (n > 4))"),
        ("assert n < 4", "torch._check(n < 4)"),
        ("while x.norm() > 1:\n    x = x / 2", "torch.while_loop(lambda …: x.norm() > 1, step, (…,))"),
        ("for i in range(x.size(1)):\n    y = y + x[:, i]", "torch.while_loop(lambda i, …: i < …"),
        ("n = lengths.max().item()", "n = lengths.max().item()\ntorch._check(n >= 0)"),
    ],
)
def test_a_statement_becomes_what_stays_in_the_graph(source: str, begins: str) -> None:
    assert rewrite("unsupported_python", ast.parse(source), 1).startswith(begins)


def test_a_plain_statement_or_another_cause_has_no_rewrite() -> None:
    assert rewrite("unsupported_python", ast.parse("y = f(x)"), 1) == ""
    assert rewrite("signature", ast.parse("if x:\n    pass"), 1) == ""
