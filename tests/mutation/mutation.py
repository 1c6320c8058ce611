"""The mutation score of the hardware's models: what mutmut can do, and what it leaves out.

    mutmut run                              # first: leaves its results in mutants/
    python tests/mutation/mutation.py
    python tests/mutation/mutation.py --only kvx_emu/models/ftu.py --only kvx_emu/hw/bus.py

mutmut changes a function after everything has been imported. So it can not see what runs during the
import, where a register is declared; and it leaves alone what stands outside functions and functions with
a decorator, which most hooks of registers are. Hence three parts, each in a process of its own:

- again: the mutants that mutmut left alive, now there from the import on;
- rest: the same kinds of mutants of ours in what mutmut leaves alone: numbers, words and arguments of
  declarations, module constants, decorators, functions with a decorator;
- deleted: in every function, what mutmut does not do: a statement deleted, a condition made true or
  false, None returned.

The tests that must notice are those of tests/spec, first those that are named after the file. Not
mutated are texts for people (docstrings, `doc`, `src`, messages), annotations and `__all__`. Prints the
scores and the survivors; the exit status is 1 below 90 %.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib.abc
import importlib.util
import json
import os
import re
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, ModuleType

ROOT = Path(__file__).resolve().parents[2]
MUTMUT = ROOT / "mutants"
FOLDERS = ("kvx_emu/hw", "kvx_emu/models")
TARGET = 90.0
KILLED = {1, 3}  # exit statuses of pytest by which mutmut takes a mutant for killed
TIMEOUTS = {36, 24, -24, 152, 255}
SECONDS = 60  # of a processor, for one mutant
MEMORY = 4 << 30  # bytes, for one mutant

# What comes from elsewhere and every mutant's process would import anew.
PRELOADED = ("click", "fdt", "hypothesis.stateful", "hypothesis.strategies", "numpy", "tabulate", "yaml")

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


# Mutants of ours


def mutants_of(path: str) -> Iterator[Mutant]:
    """Yield the mutants of a file that are ours, by line; a `tree` is good until the next one is asked for."""
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
        value = node.value.func if isinstance(node.value, ast.Call) else None
        if _text(target) in {"__all__", "SRC", "_SRC"} or (isinstance(value, ast.Name) and value.id in TYPING):
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
    elif isinstance(node, (ast.BinOp, ast.AugAssign, ast.BoolOp)):
        if type(node.op) in SWAPS:
            yield _with(node, op=SWAPS[type(node.op)]())
        if isinstance(node, ast.AugAssign):
            yield ast.copy_location(ast.Assign([node.target], node.value), node)
    elif isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            ops = list(node.ops)
            ops[place] = SWAPS[type(operator)]()
            yield _with(node, ops=ops)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse
    elif isinstance(node, ast.Call):
        hook = scope == "hook" and len(node.args) + len(node.keywords) > 1
        for place in range(len(node.args) if hook else 0):
            yield _with(node, args=node.args[:place] + node.args[place + 1 :])
        for place, keyword in enumerate(node.keywords):
            if keyword.arg not in FOR_PEOPLE:
                yield _with(node, keywords=node.keywords[:place] + node.keywords[place + 1 :])
    elif isinstance(node, ast.Assign) and scope == "hook":
        yield _with(node, value=ast.Constant(None))
    elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        for place in range(len(node.decorator_list)):
            yield _with(node, decorator_list=node.decorator_list[:place] + node.decorator_list[place + 1 :])


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
    if isinstance(node, (ast.Expr, ast.Assign, ast.AugAssign, ast.Raise, ast.Delete, ast.Break, ast.Continue)):
        yield ast.copy_location(ast.Pass(), node)
    elif isinstance(node, (ast.If, ast.While)):
        yield _with(node, test=ast.Constant(False))
        if isinstance(node, ast.If):
            yield _with(node, test=ast.Constant(True))
    elif isinstance(node, ast.Return):
        if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield _with(node, value=ast.Constant(None))
        if node.value is None:
            yield ast.copy_location(ast.Pass(), node)


# Running one


class _Planted(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from code that is at hand."""

    def __init__(self, module: str, code: CodeType, path: Path) -> None:
        self.module, self.code, self.path = module, code, path

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        if name != self.module:
            return None
        package = [str(self.path.parent)] if self.path.name == "__init__.py" else None
        spec = importlib.util.spec_from_file_location(
            name, self.path, loader=self, submodule_search_locations=package
        )
        return spec

    def create_module(self, spec: object) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(self.code, vars(module))


def survives(mutant: Mutant) -> bool:
    """Run the tests on a mutant: first those of its file, then all; True if none notices."""
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            status = _tests(mutant)
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _tests(mutant: Mutant) -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    null = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(null, number)
    home = MUTMUT if mutant.name else ROOT
    os.chdir(home)
    sys.path.insert(0, str(home))
    if mutant.name:
        os.environ["MUTANT_UNDER_TEST"] = mutant.name
    elif mutant.tree is not None:
        module = mutant.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        code = compile(mutant.tree, mutant.path, "exec", dont_inherit=True)
        sys.meta_path.insert(0, _Planted(module, code, ROOT / mutant.path))
    # In two goes: most mutants end in the first, and are spared the import of the others.
    for files in spec_files(mutant.path):
        status = int(pytest.main([*OPTIONS, *files])) if files else 0
        if status:
            return status
    return 0


OPTIONS = ["-x", "-q", "--tb=no", "--assert=plain", "-p", "no:cacheprovider", "-W", "ignore"]


def prepare() -> None:
    """Import what every mutant's process needs, and make the tests that draw do the same each time."""
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    import hypothesis

    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile(
        "mutation", database=None, deadline=None, derandomize=True, phases=phases
    )
    hypothesis.settings.load_profile("mutation")


def spec_files(path: str) -> tuple[list[str], list[str]]:
    """Return the test files that are about a file, and the others that may see a change in it.

    A block is seen by the tests that name it, the core and the vocabulary of hardware by all.
    """
    stem = Path(path).stem
    files = {file.stem: file for file in (ROOT / "tests/spec").glob("test_*.py")}
    near = [name for name in NEAR.get(stem, [f"test_{stem}"]) if name in files]
    others = sorted(files.keys() - {*near})
    if path.startswith("kvx_emu/models/") and not stem.startswith(("core", "__init__")):
        others = [name for name in others if stem in files[name].read_text()]
    return [f"tests/spec/{name}.py" for name in near], [f"tests/spec/{name}.py" for name in others]


NEAR = {
    "core": ["test_core_delivery", "test_core_sleep", "test_core_nesting"],
    "core_access": ["test_core_registers"],
    "port": ["test_model", "test_dsu_clock"],
    "register": ["test_registers"],
}


# What mutmut found


def mutmut_results(path: str) -> dict[str, int | None]:
    """Return mutmut's verdicts on the mutants of a file, exit statuses by name."""
    meta = MUTMUT / f"{path}.meta"
    if not meta.exists():
        return {}
    results: dict[str, int | None] = json.loads(meta.read_text())["exit_code_by_key"]
    return results


def mutmut_change(name: str) -> tuple[str, str]:
    """Return the lines that a mutant of mutmut changes, before and after."""
    program = str(Path(sys.executable).with_name("mutmut"))
    shown = subprocess.run([program, "show", name], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    lines = [line for line in shown.splitlines() if not line.startswith(("---", "+++"))]
    return tuple(" ".join(line[1:].strip() for line in lines if line[:1] == sign) for sign in "-+")  # type: ignore[return-value]


# The whole


def measure(paths: list[str], parts: set[str], progress: bool) -> tuple[dict[str, Counter[str]], list[Mutant]]:
    """Return the counts by file, and the survivors."""
    counts: dict[str, Counter[str]] = {}
    alive: list[Mutant] = []

    def count(mutant: Mutant, tally: Counter[str]) -> None:
        tally[mutant.part] += 1
        if survives(mutant):
            tally[f"{mutant.part} alive"] += 1
            alive.append(mutant._replace(tree=None))
            if progress:
                print(mutant, file=sys.stderr, flush=True)

    for path in paths:
        tally = counts[path] = Counter()
        if "again" in parts:
            for name, status in mutmut_results(path).items():
                if status in KILLED | TIMEOUTS:
                    tally["mutmut"] += 1
                else:
                    count(Mutant("again", path, 0, *mutmut_change(name), name=name), tally)
        for mutant in mutants_of(path):
            if mutant.part in parts:
                count(mutant, tally)
        if progress:
            print(path, dict(tally), file=sys.stderr, flush=True)
    return counts, alive


def table(counts: dict[str, Counter[str]]) -> tuple[str, float]:
    """Return the scores by file as text, and the score of all of it in per cent."""
    lines = [f"{'file':36} {'mutmut':>13} {'rest':>11} {'deleted':>11} {'score':>7}"]
    total: Counter[str] = sum(counts.values(), Counter())
    score = 0.0
    for path, tally in [*counts.items(), ("together", total)]:
        of = {"mutmut": tally["mutmut"] + tally["again"], "rest": tally["rest"], "deleted": tally["deleted"]}
        alive = {"mutmut": tally["again alive"], "rest": tally["rest alive"], "deleted": tally["deleted alive"]}
        mutants = sum(of.values())
        score = 100 * (mutants - sum(alive.values())) / mutants if mutants else 100.0
        cells = [f"{of[part] - alive[part]}/{of[part]}" for part in of]
        lines.append(f"{path:36} {cells[0]:>13} {cells[1]:>11} {cells[2]:>11} {score:6.1f}%")
    return "\n".join(lines), score


def main() -> int:
    """Measure; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", help="a file; again for more (default: all)")
    parser.add_argument("--part", action="append", choices=["again", "rest", "deleted"])
    parser.add_argument("--list", action="store_true", help="print the mutants of ours, run nothing")
    parser.add_argument("--progress", action="store_true", help="print survivors as they are found")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    paths = options.only or [
        str(path.relative_to(ROOT)) for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.py"))
    ]
    if options.list:
        for path in paths:
            for mutant in mutants_of(path):
                print(mutant)
        return 0
    prepare()
    started = time.monotonic()
    # The tests must pass on what is not changed, or every mutant would seem to be killed.
    if not survives(Mutant("rest", "", 0, "", "")):
        print("the tests fail without any change", file=sys.stderr)
        return 2
    counts, alive = measure(paths, set(options.part or ["again", "rest", "deleted"]), options.progress)
    text, score = table(counts)
    print(text)
    print(f"\n{len(alive)} survivors, {time.monotonic() - started:.0f} s")
    for mutant in alive:
        print(f"  {mutant}")
    if options.json:
        rows = [mutant._asdict() for mutant in alive]
        options.json.write_text(json.dumps({"counts": counts, "alive": rows}, indent=1))
    return 0 if score >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
