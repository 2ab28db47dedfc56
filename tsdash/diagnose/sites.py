"""The places in a source that report: expressions, decisions, loops, writes and returns."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

VALUE = "value"  # an expression
CHOICE = "choice"  # which argument min or max hands back
TEST = "test"  # what is decided by truth: if, while, assert, the operands of and and or
ITERATION = "iteration"  # a loop or a comprehension, with its number of rounds
ROUTE = "route"  # an exception handler or a match case that is entered
WRITE = "write"  # what is changed and outlives the statement
RETURN = "return"
DECISIONS = (TEST, ITERATION, ROUTE)


@dataclass(frozen=True, kw_only=True)
class Site:
    """One place in the source. `line` is what a user would point at: of a test the `if`, not the expression."""

    number: int
    kind: str
    path: str  # of the file on disk
    line: int
    code: str  # the expression, or the target of a write, as Python
    node: ast.AST = field(repr=False, compare=False)
    function: str = ""
    inside: int | None = None  # the decision whose expression contains this value
    parent: int | None = None  # the value of which this one is a part
    statement: str = ""  # of a decision: "if", "while", "assert", "for", "comprehension", "except", "case", …
    called: int | None = None  # of what a call left behind: the site of that call
    own: bool = True  # in the user's source; False: in a library that it calls
