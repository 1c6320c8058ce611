"""Mutants of a source file that mutmut does not make: one small change of its syntax tree each."""

from __future__ import annotations

import ast
import copy
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]

SWAPS: dict[type[Any], type[Any]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
ACCESS = {"R", "W", "RW"}
STATEMENTS = (ast.Expr, ast.Assign, ast.AugAssign, ast.Raise, ast.Delete, ast.Break, ast.Continue)
FOR_PEOPLE = {"doc", "src"}  # keyword arguments
SENTENCE = re.compile(r"[a-z]\S* ")  # a text for people, and no name
TYPING = {"TypeVar", "TypeAlias"}


class Mutant(NamedTuple):
    """One change: in `path`, at `line`; `was` and `now` are for people, `name` is mutmut's own."""

    part: str
    path: str
    line: int
    was: str
    now: str
    tree: ast.Module | None = None
    name: str = ""

    def __str__(self) -> str:
        where = self.name or f"{self.path}:{self.line}"
        return f"{self.part:7} {where}: {self.was}  ->  {self.now}"


def mutants_of(path: str) -> Iterator[Mutant]:
    """Yield the mutants of a file that are ours; a `tree` is good until the next one is asked for."""
    tree = ast.parse((ROOT / path).read_text())
    for scope, owner, field, index, node in _places(tree):
        for now in _changes(node, scope) if scope != "function" else ():
            yield from _planted("rest", path, tree, owner, field, index, node, now)
        for now in _deletions(node) if scope != "outside" else _undeclared(node, owner):
            yield from _planted("deleted", path, tree, owner, field, index, node, now)


def _planted(
    part: str, path: str, tree: ast.Module, owner: Any, field: str, index: int | None, node: Any, now: Any
) -> Iterator[Mutant]:
    """Yield the mutant in which `now` stands for `node`, then put that back."""

    def put(item: Any) -> None:
        if index is None:
            setattr(owner, field, item)
        else:
            getattr(owner, field)[index] = item

    put(now)
    try:
        yield Mutant(part, path, node.lineno, *_difference(node, now), ast.fix_missing_locations(tree))
    finally:
        put(node)


def _difference(node: ast.AST, now: ast.AST) -> tuple[str, str]:
    """Return what tells two nodes apart, as short texts."""
    if isinstance(node, ast.Call) and isinstance(now, ast.Call):
        gone = {*node.args, *node.keywords} - {*now.args, *now.keywords}
        return f"{_text(node.func)}(... {', '.join(map(_text, gone))} ...)", "without it"
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and isinstance(now, (ast.FunctionDef, ast.ClassDef)):
        gone = {*node.decorator_list} - {*now.decorator_list}
        return f"@{', '.join(map(_text, gone))} {node.name}", "without it"
    return _text(node), _text(now)


def _text(node: ast.AST) -> str:
    first, *more = ast.unparse(node).splitlines()
    return first[:100] + (" ..." if more or len(first) > 100 else "")


def _places(tree: ast.Module) -> Iterator[tuple[str, ast.AST, str, int | None, ast.AST]]:
    """Yield each node that may change, where it hangs, and what it is in.

    That is "outside" of functions, a "function" that is mutmut's, or a "hook": one with a decorator.
    """
    yield from _below(tree, "outside", in_function=False)


def _below(
    owner: ast.AST, scope: str, *, in_function: bool
) -> Iterator[tuple[str, ast.AST, str, int | None, ast.AST]]:
    for field, value in list(ast.iter_fields(owner)):
        if field in {"annotation", "returns", "ctx", "type_ignores"} or _for_people(owner, field):
            continue
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST) or _skipped(node, owner, field, index):
                continue
            inner = scope if field != "decorator_list" else "outside"
            if isinstance(node, ast.FunctionDef) and not in_function:
                inner = _owner_of(node)
            yield scope if inner != "outside" else inner, owner, field, index, node
            yield from _below(node, inner, in_function=inner != "outside")


def _owner_of(function: ast.FunctionDef) -> str:
    names = [item.id if isinstance(item, ast.Name) else "" for item in function.decorator_list]
    return "function" if not names or names in (["staticmethod"], ["classmethod"]) else "hook"


def _for_people(owner: ast.AST, field: str) -> bool:
    if isinstance(owner, ast.keyword) and owner.arg in FOR_PEOPLE:
        return True
    # An f-string is a message.
    return isinstance(owner, ast.JoinedStr) or (isinstance(owner, ast.Raise) and field == "exc")


def _skipped(node: ast.AST, owner: ast.AST, field: str, index: int | None) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True  # a docstring, or `...`
    if isinstance(node, ast.If) and _text(node.test) == "TYPE_CHECKING":
        return True
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        called = _text(node.value.func) if isinstance(node.value, ast.Call) else ""
        if _text(target) in {"__all__", "SRC", "_SRC"} or called in TYPING:
            return True
        return isinstance(node, ast.AnnAssign) and (node.value is None or _text(node.annotation) in TYPING)
    # The fourth argument of a Field is its meaning.
    call = isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id
    return call == "Field" and field == "args" and index == 3


def _undeclared(node: ast.AST, owner: ast.AST) -> Iterator[ast.AST]:
    """Yield nothing in the place of what a class sets, so that its base decides. A module's is needed."""
    register = isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _text(node.value.func)
    if isinstance(owner, ast.ClassDef) and isinstance(node, ast.Assign) and register != "Register":
        yield ast.copy_location(ast.Pass(), node)


def _changes(node: ast.AST, scope: str) -> Iterator[ast.AST]:
    """Yield what may stand for a node: changes as mutmut's, and the number 0 and the double.

    Outside of functions an argument that has no keyword, or a value, must be there: without it nothing
    could be imported, which would be no merit of the tests.
    """
    if isinstance(node, ast.Constant):
        for value in _others(node.value):
            yield ast.copy_location(ast.Constant(value), node)
    elif isinstance(node, ast.Call):
        yield from _without_arguments(node, positional=scope == "hook")
    elif isinstance(node, ast.Assign) and scope == "hook":
        yield _with(node, value=ast.Constant(None))
    elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        for place in range(len(node.decorator_list)):
            yield _with(node, decorator_list=_less(node.decorator_list, place))
    else:
        yield from _swaps(node)


def _swaps(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, (ast.BinOp, ast.AugAssign, ast.BoolOp)):
        if type(node.op) in SWAPS:
            yield _with(node, op=SWAPS[type(node.op)]())
        if isinstance(node, ast.AugAssign):
            yield ast.copy_location(ast.Assign([node.target], node.value), node)
    elif isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            ops = [*node.ops[:place], SWAPS[type(operator)](), *node.ops[place + 1 :]]
            yield _with(node, ops=ops)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse


def _without_arguments(node: ast.Call, *, positional: bool) -> Iterator[ast.AST]:
    if positional and len(node.args) + len(node.keywords) > 1:
        for place in range(len(node.args)):
            yield _with(node, args=_less(node.args, place))
    for place, keyword in enumerate(node.keywords):
        if keyword.arg not in FOR_PEOPLE:
            yield _with(node, keywords=_less(node.keywords, place))


def _less(items: list[Any], place: int) -> list[Any]:
    return items[:place] + items[place + 1 :]


def _with(node: ast.AST, **fields: Any) -> ast.AST:
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _others(value: object) -> Iterator[object]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from dict.fromkeys(other for other in (value + 1, 2 * value, 0) if other != value)
    elif value in ACCESS:
        yield from sorted(ACCESS - {value})
    elif isinstance(value, str) and value and not SENTENCE.match(value):
        yield f"XX{value}XX"


def _deletions(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what mutmut does not do: no statement, no condition, nothing returned."""
    if isinstance(node, STATEMENTS):
        yield ast.copy_location(ast.Pass(), node)
    elif isinstance(node, (ast.If, ast.While)):
        yield _with(node, test=ast.Constant(False))
        if isinstance(node, ast.If):
            yield _with(node, test=ast.Constant(True))
    elif isinstance(node, ast.Return):
        if node.value is not None and not (isinstance(node.value, ast.Constant) and not node.value.value):
            yield _with(node, value=ast.Constant(None))
        if node.value is None:
            yield ast.copy_location(ast.Pass(), node)
