"""The way to torch.export: the statement that it refuses or fixes, rewritten so that the decision stays in its graph.

torch.cond and torch.while_loop are its control flow; a trace's script_if_tracing does not exist there.
"""

from __future__ import annotations

import ast

from tsdash.diagnose.fixes import MAX_LENGTH, statement_at

REFUSED = ("unsupported_python", "baked_control_flow", "unrolled_loop")


def rewrite(cause: str, tree: ast.Module | None, line: int | None) -> str:
    """What torch.export takes instead of the statement at `line`; empty where there is nothing to say of it in particular."""
    statement = statement_at(tree, line) if tree is not None and line is not None else None
    if statement is None or cause not in REFUSED:
        return ""
    written = _checked(statement) or _branched(statement) or _looped(statement) or _read(statement)
    return written if len(written) <= MAX_LENGTH else ""


def _checked(statement: ast.stmt) -> str:
    """`if wrong: raise …` and `assert right` as a check that stays in the graph."""
    if isinstance(statement, ast.Assert):
        return f"torch._check({ast.unparse(statement.test)})  # checked when the exported program runs"
    if isinstance(statement, ast.If) and isinstance(statement.body[0], ast.Raise) and not statement.orelse:
        return f"torch._check(not ({ast.unparse(statement.test)}))  # checked when the exported program runs"
    return ""


def _branched(statement: ast.stmt) -> str:
    chosen = statement if isinstance(statement, ast.If) else None
    inline = next((node for node in ast.walk(statement) if isinstance(node, ast.IfExp)), None)
    test = chosen.test if chosen is not None else inline.test if inline is not None else None
    if test is None:
        return ""
    return (
        f"torch.cond({ast.unparse(test)}, if_true, if_false, (…,))  # two functions of the tensors they use; "
        f"or torch.where(…), with both sides computed"
    )


def _looped(statement: ast.stmt) -> str:
    if isinstance(statement, ast.While):
        return f"torch.while_loop(lambda …: {ast.unparse(statement.test)}, step, (…,))  # step: the loop's body as a function"
    loop = next((node.iter for node in ast.walk(statement) if isinstance(node, (ast.For, ast.comprehension))), None)
    if loop is None:
        return ""
    return (
        f"torch.while_loop(lambda i, …: i < …, step, (0, …))  # in place of the loop over `{ast.unparse(loop)}`; "
        f"better: one operator over the whole tensor"
    )


def _read(statement: ast.stmt) -> str:
    """A value read into Python: torch.export goes on with an unknown, whose range it has to be told."""
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
        return ""
    if not any(isinstance(node, ast.Attribute) and node.attr in ("item", "tolist") for node in ast.walk(statement)):
        return ""
    name = statement.targets[0].id
    return f"{ast.unparse(statement)}\ntorch._check({name} >= 0)  # and its upper bound: what torch.export may assume of {name}"
