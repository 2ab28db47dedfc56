"""Where to look in the user's source: every expression, decision, loop and write gets a number and a call that reports it.

The instrumented code has the same functions, arguments, free variables and line numbers as the original, so that it can be
put in place of it (see `recorder`). What the calls return decides nothing: they hand back what they were given.

    y = x.sum().item()          y = _tsdash_value(1, _tsdash_call(1, _tsdash_value(0, …).item)())
    if y > 0:                   if _tsdash_test(_tsdash_enter(3), _tsdash_value(2, y > 0)):
    for row in x:               for row in _tsdash_iterate(_tsdash_enter(4), x):
    self.step += 1              self.step += 1; _tsdash_mark(5)
"""

from __future__ import annotations

import ast
import builtins
import copy
from typing import cast

from tsdash.diagnose.sites import CHOICE, ITERATION, RETURN, ROUTE, TEST, VALUE, WRITE, Site

PREFIX = "_tsdash_"
# The names that instrumented code calls, after PREFIX.
HOOKS = ("value", "changed", "call", "choose", "enter", "test", "operand", "iterate", "mark", "answer")
_FRAME_READERS = {"super", "locals", "globals", "vars", "eval", "exec", "dir"}  # never touched as callees
_NAMED = (
    ast.FunctionDef,
    ast.ClassDef,
    ast.AsyncFunctionDef,
    ast.ExceptHandler,
    ast.MatchAs,
    ast.MatchStar,
)  # bind a name
_BUILTINS = frozenset(dir(builtins))

# Methods that change the list, dict, set, deque, tensor or counter they are called on.
_MUTATORS = frozenset(
    {
        "append",
        "extend",
        "insert",
        "pop",
        "popleft",
        "appendleft",
        "popitem",
        "remove",
        "clear",
        "update",
        "setdefault",
        "add",
        "discard",
        "sort",
        "reverse",
        "rotate",
        "subtract",
        "put",
        "next",
        "setattr",
        "__setattr__",
        "__setitem__",
        "register_buffer",
    }
)


class Instrumenter(ast.NodeTransformer):
    """Puts the reporting calls into every function body of a file. Module and class level run only once, and are left alone."""

    def __init__(self, sites: list[Site], path: str, own: bool) -> None:
        self._sites = sites
        self._path = path
        self._own = own
        self._functions: list[str] = []
        self._bound: list[set[str]] = []  # names bound in each enclosing function
        self._inside: int | None = None
        self._parent: int | None = None

    # statements

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        outer, self._bound = self._bound, []
        self._functions.append(node.name)
        node.body = self._body(node.body)
        self._functions.pop()
        self._bound = outer
        return node

    def visit_Module(self, node: ast.Module) -> ast.AST:
        node.body = self._body(node.body)
        return node

    def _body(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Statements of a module or class: only the functions below them are instrumented."""
        for index, item in enumerate(body):
            if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                body[index] = self.visit(item)
                continue
            for name in ("body", "orelse", "finalbody"):
                self._body(getattr(item, name, []))
            for handler in getattr(item, "handlers", []):
                self._body(handler.body)
            if isinstance(item, (ast.Assign, ast.AnnAssign)) and item.value is not None:
                _Lambdas(self).visit(item.value)
        return body

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        inside, parent, self._inside, self._parent = self._inside, self._parent, None, None
        self._functions.append(node.name)
        self._bound.append(_bound_in(node))
        node.body = self._statements(node.body)
        self._bound.pop()
        self._functions.pop()
        self._inside, self._parent = inside, parent
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        inside, parent, self._inside, self._parent = self._inside, self._parent, None, None
        self._bound.append({arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg)})
        node.body = self.visit(node.body)
        self._bound.pop()
        self._inside, self._parent = inside, parent
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        node.test = self._test(node.test, node.lineno, "if")
        node.body = self._statements(node.body)
        node.orelse = self._statements(node.orelse)
        return node

    def visit_While(self, node: ast.While) -> ast.AST:
        if not isinstance(node.test, ast.Constant):
            node.test = self._test(node.test, node.lineno, "while")
        node.body = self._statements(node.body)
        node.orelse = self._statements(node.orelse)
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.test = self._test(node.test, node.lineno, "assert")
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        node.iter = self._iterate(node.iter, node.lineno, "for")
        node.body = self._statements(node.body)
        node.orelse = self._statements(node.orelse)
        return node

    def visit_Try(self, node: ast.Try) -> ast.AST:
        node.body = self._statements(node.body)
        for handler in node.handlers:
            site = self._site(ROUTE, handler, "except", line=handler.lineno, statement="except")
            handler.body = [self._mark(site, handler.body[0]), *self._statements(handler.body)]
        node.orelse = self._statements(node.orelse)
        node.finalbody = self._statements(node.finalbody)
        return node

    def visit_Match(self, node: ast.Match) -> ast.AST:
        node.subject = self.visit(node.subject)
        for case in node.cases:
            site = self._site(
                ROUTE, case, "match " + ast.unparse(node.subject)[:80], line=node.lineno, statement="case"
            )
            if case.guard is not None:
                case.guard = self._test(case.guard, case.guard.lineno, "case")
            case.body = [self._mark(site, case.body[0]), *self._statements(case.body)]
        return node

    def visit_Return(self, node: ast.Return) -> ast.AST:
        if node.value is None:
            return node
        site = self._site(RETURN, node, ast.unparse(node.value), line=node.lineno)
        node.value = self._report("answer", site, self.visit(node.value))
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST | list[ast.stmt]:
        return self._assignment(node, list(node.targets))

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST | list[ast.stmt]:
        return self._assignment(node, [node.target])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | list[ast.stmt]:
        if node.value is None:
            return node
        return self._assignment(node, [node.target])

    def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.stmt]:
        """A call as a statement is there for what it changes: its local arguments and the object that it belongs to."""
        call = node.value
        if not isinstance(call, ast.Call):
            node.value = self.visit(node.value)
            return node
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        names = dict.fromkeys(
            part.id for part in (*call.args, owner) if isinstance(part, ast.Name) and not self._outer(part.id)
        )
        code = ast.unparse(call)
        node.value = reported = self.visit(call)
        site = self._site(VALUE, call, code, line=call.lineno, called=reported.args[0].value)
        reports = [
            self._report("changed", site, ast.copy_location(ast.Name(id=name, ctx=ast.Load()), node))
            for name in names
            if name != "self"
        ]
        return [node, *(ast.copy_location(ast.Expr(value=report), node) for report in reports)]

    def _assignment(
        self, node: ast.Assign | ast.AugAssign | ast.AnnAssign, targets: list[ast.expr]
    ) -> ast.AST | list[ast.stmt]:
        outlives = any(self._outlives(target) for target in targets)
        site = self._site(WRITE, node, ast.unparse(targets[0]), line=node.lineno) if outlives else None
        assert node.value is not None
        node.value = self.visit(node.value)
        for target in targets:
            self._parts_of(target)
        return node if site is None else [node, self._mark(site, node)]

    def _outlives(self, target: ast.expr) -> bool:
        """Whether what is assigned here outlives the call: an attribute, an item of something, or a global."""
        if isinstance(target, (ast.Tuple, ast.List)):
            return any(self._outlives(item) for item in target.elts)
        if isinstance(target, ast.Starred):
            return self._outlives(target.value)
        return isinstance(target, (ast.Attribute, ast.Subscript)) or (
            isinstance(target, ast.Name) and self._outer(target.id)
        )

    def _parts_of(self, target: ast.expr) -> None:
        """Report what a target is made of: the index of `a[i] = …`."""
        if isinstance(target, ast.Subscript):
            target.slice = self.visit(target.slice)
        elif isinstance(target, (ast.Tuple, ast.List)):
            for item in target.elts:
                self._parts_of(item)

    def _statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        return [changed for statement in body for changed in _many(self.visit(statement))]

    # expressions

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        method = isinstance(node.func, ast.Attribute)
        if name in ("setattr", "delattr", "next") or (method and (name in _MUTATORS or name.endswith("_"))):
            self._site(WRITE, node, ast.unparse(node), line=node.lineno)
        return self._value(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if not isinstance(node.ctx, ast.Load):
            return node
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name):
            return self._report("value", self._site(VALUE, node, ast.unparse(node), line=node.lineno), node)
        return self._value(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        return self._value(node) if isinstance(node.ctx, ast.Load) else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        return self._value(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        """Each operand but the last decides whether the next one is looked at."""
        word = "and" if isinstance(node.op, ast.And) else "or"
        site = self._site(VALUE, node, ast.unparse(node), line=node.lineno)
        outer, self._parent = self._parent, site.number
        for index, operand in enumerate(node.values[:-1]):
            decision = self._site(TEST, operand, ast.unparse(operand), line=operand.lineno, statement=word)
            node.values[index] = self._report("operand", decision, self._within(decision, operand), enter=True)
        node.values[-1] = self.visit(node.values[-1])
        self._parent = outer
        return self._report("value", site, node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        return self._value(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        return node if isinstance(node.operand, ast.Constant) else self._value(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        local = not isinstance(node.ctx, ast.Load) or not self._outer(node.id)
        if local or node.id in _BUILTINS or node.id == "__class__":
            return node
        return self._report("value", self._site(VALUE, node, node.id, line=node.lineno), node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        node.test = self._test(node.test, node.test.lineno, "if")
        node.body = self.visit(node.body)
        node.orelse = self.visit(node.orelse)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        if not node.is_async:
            node.iter = self._iterate(node.iter, node.iter.lineno, "comprehension")
        node.ifs = [self._test(test, test.lineno, "if") for test in node.ifs]
        return node

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:
        node.value = self.visit(node.value)
        return node  # its format_spec has to stay an f-string

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        site = self._site(VALUE, node, ast.unparse(node), line=node.lineno)
        return self._report("value", site, self.generic_visit(node))

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        return node

    # pieces

    def _value(self, node: ast.expr) -> ast.AST:
        site = self._site(VALUE, node, ast.unparse(node), line=node.lineno)
        outer, self._parent = self._parent, site.number
        if isinstance(node, ast.Call):
            converts = self._converts(node)
            self._callee(node, site)
            node.args = [self._argument(arg, converts) for arg in node.args]
            for keyword in node.keywords:
                keyword.value = self.visit(keyword.value)
        else:
            self.generic_visit(node)
        self._parent = outer
        return self._report("value", site, node)

    def _converts(self, node: ast.Call) -> bool:
        """Whether a call is of a function rather than of a method: `int(k)`, `math.sqrt(n)`, `np.asarray(x)`."""
        root = node.func
        while isinstance(root, ast.Attribute):
            root = root.value
        return isinstance(root, ast.Name) and self._outer(root.id) and root.id not in _FRAME_READERS

    def _argument(self, node: ast.expr, converts: bool) -> ast.expr:
        """An argument. A plain variable that is converted is reported too, for what it holds tells what was made Python."""
        if converts and isinstance(node, ast.Name):
            return self._report("value", self._site(VALUE, node, node.id, line=node.lineno), node)
        return cast(ast.expr, self.visit(node))

    def _callee(self, node: ast.Call, site: Site) -> None:
        if isinstance(node.func, ast.Attribute):
            if not isinstance(node.func.value, ast.Name):
                node.func.value = self.visit(node.func.value)
            node.func = self._report("call", site, node.func)
        elif isinstance(node.func, ast.Name):
            if node.func.id in ("min", "max"):
                node.func = self._report(
                    "choose", self._site(CHOICE, node, ast.unparse(node), line=node.lineno), node.func
                )
            elif node.func.id not in _FRAME_READERS:
                node.func = self._report("call", site, node.func)
        else:
            node.func = self.visit(node.func)

    def _test(self, node: ast.expr, line: int, statement: str) -> ast.expr:
        site = self._site(TEST, node, ast.unparse(node), line=line, statement=statement)
        return self._report("test", site, self._within(site, node), enter=True)

    def _iterate(self, node: ast.expr, line: int, statement: str) -> ast.expr:
        site = self._site(ITERATION, node, ast.unparse(node), line=line, statement=statement)
        return self._report("iterate", site, self._within(site, node), enter=True)

    def _within(self, site: Site, node: ast.expr) -> ast.expr:
        outer, self._inside = self._inside, site.number
        changed = self.visit(node)
        self._inside = outer
        return cast(ast.expr, changed)

    def _site(
        self, kind: str, node: ast.AST, code: str, *, line: int, statement: str = "", called: int | None = None
    ) -> Site:
        # The rewriting changes nodes in place, so the site keeps a copy of the node as the user wrote it.
        site = Site(
            number=len(self._sites),
            kind=kind,
            path=self._path,
            line=line,
            code=code,
            node=copy.deepcopy(node),
            function=".".join(self._functions),
            inside=self._inside,
            parent=self._parent,
            statement=statement,
            called=called,
            own=self._own,
        )
        self._sites.append(site)
        return site

    def _report(self, hook: str, site: Site, node: ast.AST, *, enter: bool = False) -> ast.expr:
        number: ast.expr = ast.Constant(value=site.number)
        if enter:  # arguments are evaluated in order: this call says that the decision is being made
            number = ast.Call(func=ast.Name(id=PREFIX + "enter", ctx=ast.Load()), args=[number], keywords=[])
        args = [number, cast(ast.expr, node)]
        return ast.copy_location(
            ast.Call(func=ast.Name(id=PREFIX + hook, ctx=ast.Load()), args=args, keywords=[]), node
        )

    def _mark(self, site: Site, where: ast.AST) -> ast.stmt:
        call = ast.Call(
            func=ast.Name(id=PREFIX + "mark", ctx=ast.Load()), args=[ast.Constant(value=site.number)], keywords=[]
        )
        return ast.copy_location(ast.Expr(value=call), where)

    def _outer(self, name: str) -> bool:
        return bool(self._bound) and name not in self._bound[-1]


class _Lambdas(ast.NodeTransformer):
    """Instruments the lambdas of a module-level value: `ACTS = {"relu": lambda x: …}`."""

    def __init__(self, instrumenter: Instrumenter) -> None:
        self._instrumenter = instrumenter

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        return self._instrumenter.visit_Lambda(node)


def _many(changed: ast.AST | list[ast.stmt] | None) -> list[ast.stmt]:
    if changed is None:
        return []
    return changed if isinstance(changed, list) else [cast(ast.stmt, changed)]


def _bound_in(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Names that are local to the function: arguments and whatever it assigns, without what it declares global."""
    bound = {arg.arg for arg in ast.walk(function.args) if isinstance(arg, ast.arg)}
    declared: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            declared.update(node.names)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.add(node.id)
        elif isinstance(node, _NAMED):
            bound |= {node.name} if node.name else set()
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
    return bound - declared
