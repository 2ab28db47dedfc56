"""The fix in the user's own words: their statement rewritten where that can be done, else what the catalogue says in general.

A rewritten line is a proposal to read, not one to run: it keeps the names of the source and shows where the change goes.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator

from tsdash.diagnose.catalogue import CAUSES

Rewrite = Callable[[ast.stmt], "str | None"]
FIXES: dict[str, Rewrite] = {}
MAX_LENGTH = 200  # of a rewritten statement; a longer one is shown by the catalogue's example


def fix(cause: str, tree: ast.Module | None, line: int | None) -> str:
    """What to write instead of the statement at `line`."""
    statement = statement_at(tree, line) if tree is not None and line is not None else None
    if statement is not None and cause in FIXES:
        written = FIXES[cause](statement)
        if written is not None and len(written) <= MAX_LENGTH:
            return written
    return CAUSES[cause].fix


def statement_at(tree: ast.Module, line: int) -> ast.stmt | None:
    """The innermost statement that covers a line."""
    found = None
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            found = node  # walk goes from the outside in
    return found


def fixes(*causes: str) -> Callable[[Rewrite], Rewrite]:
    """Register a rewriting of the statement to blame."""

    def register(rewrite: Rewrite) -> Rewrite:
        FIXES.update(dict.fromkeys(causes, rewrite))
        return rewrite

    return register


@fixes("baked_control_flow")
def choose_while_running(statement: ast.stmt) -> str | None:
    test = getattr(statement, "test", None) or next(
        (node.test for node in ast.walk(statement) if isinstance(node, ast.IfExp)), None
    )
    if test is None:
        return None
    condition = ast.unparse(test)
    if isinstance(statement, ast.While):
        return f"@torch.jit.script_if_tracing  # on a function that holds this loop: `while {condition}` is then compiled\ndef …(…):"
    if any(name in _PYTHON_ONLY for name in _names(test)):
        return f"@torch.jit.script_if_tracing  # on a function that holds this branch: `if {condition}` is then decided anew\ndef …(…):"
    return f"torch.where({condition}, …, …)  # both sides computed, chosen while it runs; or this branch in a function under @torch.jit.script_if_tracing"


_PYTHON_ONLY = {
    "dim",
    "ndim",
    "ndimension",
    "size",
    "shape",
    "len",
    "numel",
    "is_grad_enabled",
    "requires_grad",
    "isinstance",
}


def _names(node: ast.AST) -> Iterator[str]:
    yield from (getattr(part, "attr", getattr(part, "id", "")) for part in ast.walk(node))


@fixes("unrolled_loop")
def compile_the_loop(statement: ast.stmt) -> str | None:
    loop = next((node.iter for node in ast.walk(statement) if isinstance(node, (ast.For, ast.comprehension))), None)
    if loop is None:
        return None
    return f"@torch.jit.script_if_tracing  # on a function that holds the loop over `{ast.unparse(loop)}`; better: one operator over the whole tensor\ndef …(…):"


class _Symbolic(ast.NodeTransformer):
    """Sizes without the conversions that make them Python numbers."""

    changed = False

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = ast.unparse(node.func)
        plain = len(node.args) == 1 and not node.keywords
        if plain and name == "len":
            return self._made(f"{ast.unparse(node.args[0])}.shape[0]")
        if plain and name in ("math.ceil", "math.floor", "int") and isinstance(node.args[0], ast.BinOp):
            return self._made(_whole(node.args[0], up=name == "math.ceil"))
        if plain and name in ("int", "float"):
            return self._made(ast.unparse(node.args[0]))
        return node

    def _made(self, code: str) -> ast.expr:
        self.changed = True
        return ast.parse(code, mode="eval").body


def _whole(node: ast.BinOp, *, up: bool) -> str:
    """`a / b` and `a * 0.5` as whole-number arithmetic."""
    left, right = ast.unparse(node.left), ast.unparse(node.right)
    if isinstance(node.op, ast.Div):
        return f"({left} + {right} - 1) // {right}" if up else f"{left} // {right}"
    if (
        isinstance(node.op, ast.Mult)
        and isinstance(node.right, ast.Constant)
        and isinstance(node.right.value, float)
        and 0 < node.right.value < 1
    ):
        share = 1 / node.right.value
        return (
            f"{left} // {round(share)}"
            if abs(share - round(share)) < 1e-9
            else f"{left} * {round(node.right.value * 100)} // 100"
        )
    return ast.unparse(node)


@fixes("baked_shape")
def stay_symbolic(statement: ast.stmt) -> str | None:
    rewriter = _Symbolic()
    if isinstance(statement, (ast.If, ast.For, ast.While, ast.FunctionDef)):
        return None
    changed = rewriter.visit(copy.deepcopy(statement))
    return (
        ast.unparse(ast.fix_missing_locations(changed)) + "  # stays symbolic in the trace"
        if rewriter.changed
        else None
    )


class _Tensors(ast.NodeTransformer):
    """Values without the conversions that take them out of torch."""

    changed = False

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "item" and not node.args:
            self.changed = True
            return node.func.value
        if isinstance(node.func, ast.Name) and node.func.id in ("float", "int", "bool") and len(node.args) == 1:
            self.changed = True
            return node.args[0]
        return node


@fixes("baked_constant")
def stay_in_tensors(statement: ast.stmt) -> str | None:
    rewriter = _Tensors()
    if isinstance(statement, (ast.If, ast.For, ast.While, ast.FunctionDef)):
        return None
    changed = rewriter.visit(copy.deepcopy(statement))
    return (
        ast.unparse(ast.fix_missing_locations(changed)) + "  # a tensor, so that it is computed anew"
        if rewriter.changed
        else None
    )


@fixes("python_state")
def keep_in_a_buffer(statement: ast.stmt) -> str | None:
    target = (
        statement.target
        if isinstance(statement, ast.AugAssign)
        else statement.targets[0]
        if isinstance(statement, ast.Assign)
        else None
    )
    if not isinstance(target, ast.Attribute):
        return None
    name = ast.unparse(target)
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add):
        change = f"{name}.add_({ast.unparse(statement.value)})"
    else:
        change = (
            f"{name}.copy_({ast.unparse(statement.value)})" if isinstance(statement, ast.Assign) else f"{name}.copy_(…)"
        )
    return f'self.register_buffer("{target.attr}", torch.zeros(()))  # in __init__\n{change}  # here, in place'


@fixes("output_structure")
def return_a_tuple(statement: ast.stmt) -> str | None:
    value = statement.value if isinstance(statement, ast.Return) else None
    if isinstance(value, ast.Dict):
        return "return " + ", ".join(ast.unparse(item) for item in value.values)
    if isinstance(value, ast.Call) and (value.args or value.keywords):
        return "return " + ", ".join(
            [*map(ast.unparse, value.args), *(ast.unparse(keyword.value) for keyword in value.keywords)]
        )
    if isinstance(value, ast.Tuple):
        kept = [ast.unparse(item) for item in value.elts if not isinstance(item, ast.Constant)]
        return "return " + ", ".join(kept) if kept and len(kept) < len(value.elts) else None
    return None


@fixes("signature")
def take_tensors(statement: ast.stmt) -> str | None:
    """The same definition with torch.Tensor for numbers and flags, and types for what has none."""
    if not isinstance(statement, ast.FunctionDef):
        return None
    arguments = copy.deepcopy(statement.args)
    defaults = dict(zip([arg.arg for arg in arguments.args][::-1], arguments.defaults[::-1], strict=False))
    changed = False
    for arg in arguments.args[1:]:
        default = defaults.get(arg.arg)
        if arg.annotation is None and isinstance(default, ast.Constant) and default.value is None:
            arg.annotation = ast.parse("torch.Tensor | None", mode="eval").body
            changed = True
        elif arg.annotation is not None and ast.unparse(arg.annotation) in ("int", "float", "bool"):
            arg.annotation = ast.parse("torch.Tensor", mode="eval").body
            changed = True
    return f"def {statement.name}({ast.unparse(arguments)}):" if changed else None


@fixes("script_semantics")
def say_it_plainly(statement: ast.stmt) -> str | None:
    """`a or b` as a choice; other expressions have no general rewriting."""
    for node in ast.walk(statement):
        if isinstance(node, ast.BoolOp) and len(node.values) == 2 and not isinstance(statement, (ast.If, ast.While)):
            first, second = map(ast.unparse, node.values)
            chosen = (
                f"{first} if {first} != 0 else {second}"
                if isinstance(node.op, ast.Or)
                else f"{second} if {first} != 0 else {first}"
            )
            return ast.unparse(statement).replace(ast.unparse(node), chosen)
    return None


@fixes("int_overflow")
def keep_it_small(statement: ast.stmt) -> str | None:
    if isinstance(statement, (ast.Assign, ast.AugAssign)):
        target = ast.unparse(statement.targets[0] if isinstance(statement, ast.Assign) else statement.target)
        return f"{ast.unparse(statement)}\n{target} = {target} % 1000003  # at every step, so that no number needs more than 64 bits"
    return None


@fixes("constant_aliasing")
def clone_it(statement: ast.stmt) -> str | None:
    if not isinstance(statement, ast.Assign):
        return None
    values = statement.value.elts if isinstance(statement.value, ast.Tuple) else [statement.value]
    return f"{ast.unparse(statement.targets[0])} = " + ", ".join(f"{ast.unparse(value)}.clone()" for value in values)


@fixes("rng")
def draw_in_torch(statement: ast.stmt) -> str | None:
    draws = list(_drawing_calls(statement))
    if not draws:
        return None
    return f"torch.rand(())  # in place of `{ast.unparse(draws[0])}`: a draw by torch is an operator of the trace"


def _drawing_calls(statement: ast.stmt) -> Iterator[ast.Call]:
    head = statement.test if isinstance(statement, (ast.If, ast.While)) else statement
    for node in ast.walk(head):
        if isinstance(node, ast.Call) and any(
            word in ast.unparse(node.func)
            for word in ("random", "rand", "rng", "uniform", "normal", "choice", "shuffle")
        ):
            yield node


@fixes("lost_check")
def check_in_torch(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.Assert):
        message = ast.unparse(statement.msg) if statement.msg is not None else '""'
        return f"torch._assert({ast.unparse(statement.test)}, {message})  # or check before calling the export"
    if isinstance(statement, ast.If):
        return f"# before calling the export, where Python still runs:\nif {ast.unparse(statement.test)}:\n    raise …"
    return None


@fixes("training_mode")
def export_in_eval(statement: ast.stmt) -> str | None:
    return "model.eval()  # before exporting; what training does here stays in the export"
