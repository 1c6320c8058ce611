"""The mutation score of the hardware's models: what mutmut can do, and what it leaves out.

    mutmut run                              # first: leaves its results in mutants/
    python tests/mutation/mutation.py
    python tests/mutation/mutation.py --only kvx_emu/models/ftu.py --only kvx_emu/hw/bus.py
    python tests/mutation/mutation.py --json alive.json, and later --from alive.json: these alone

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
import contextlib
import importlib.abc
import importlib.util
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from planting import ROOT, Mutant, mutants_of

if TYPE_CHECKING:
    from types import CodeType, ModuleType

MUTMUT = ROOT / "mutants"
PARTS = ("again", "rest", "deleted")
FOLDERS = ("kvx_emu/hw", "kvx_emu/models")
TARGET = 90.0
KILLED = {1, 3}  # exit statuses of pytest by which mutmut takes a mutant for killed
TIMEOUTS = {36, 24, -24, 152, 255}
SECONDS = 30  # of a processor, for one mutant
MEMORY = 1 << 30  # bytes, for one mutant

# What comes from elsewhere and every mutant's process would import anew.
PRELOADED = ("click", "fdt", "hypothesis.stateful", "hypothesis.strategies", "numpy", "tabulate", "yaml")


# Running one


class _Planted(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from code that is at hand."""

    def __init__(self, module: str, code: CodeType, path: Path) -> None:
        self.module, self.code, self.path = module, code, path

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        if name != self.module:
            return None
        package = [str(self.path.parent)] if self.path.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            name, self.path, loader=self, submodule_search_locations=package
        )

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
    argv = [program, "show", name]
    shown = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    lines = [line for line in shown.splitlines() if not line.startswith(("---", "+++"))]
    was, now = (" ".join(line[1:].strip() for line in lines if line[:1] == sign) for sign in "-+")
    return was, now


# The whole


def measure(
    paths: list[str], parts: set[str], chosen: set[str] | None, progress: bool
) -> tuple[dict[str, Counter[str]], list[Mutant]]:
    """Return the counts by file, and the survivors; with `chosen`, of these mutants alone."""
    counts: dict[str, Counter[str]] = {}
    alive: list[Mutant] = []

    def count(mutant: Mutant, tally: Counter[str]) -> None:
        if chosen is not None and (mutant.name or str(mutant)) not in chosen:
            return
        tally[mutant.part] += 1
        if survives(mutant):
            tally[f"{mutant.part} alive"] += 1
            if mutant.name:
                was, now = mutmut_change(mutant.name)
                alive.append(mutant._replace(was=was, now=now))
            else:
                alive.append(mutant._replace(tree=None))
            if progress:
                sys.stderr.write(f"{alive[-1]}\n")

    for path in paths:
        tally = counts[path] = Counter()
        if "again" in parts:
            for name, status in mutmut_results(path).items():
                if status in KILLED | TIMEOUTS:
                    tally["mutmut"] += chosen is None
                else:
                    count(Mutant("again", path, 0, "", "", name=name), tally)
        for mutant in mutants_of(path):
            if mutant.part in parts:
                count(mutant, tally)
        if progress:
            sys.stderr.write(f"{path} {dict(tally)}\n")
    return counts, alive


def table(counts: dict[str, Counter[str]]) -> tuple[str, float]:
    """Return the scores by file as text, and the score of all of it in per cent."""
    lines = [f"{'file':36} {'mutmut':>13} {'rest':>11} {'deleted':>11} {'score':>7}"]
    total: Counter[str] = sum(counts.values(), Counter())
    score = 0.0
    for path, tally in [*counts.items(), ("together", total)]:
        of = (tally["mutmut"] + tally["again"], tally["rest"], tally["deleted"])
        killed = [all_ - tally[f"{part} alive"] for all_, part in zip(of, PARTS, strict=True)]
        score = 100 * sum(killed) / sum(of) if sum(of) else 100.0
        cells = [f"{one}/{all_}" for one, all_ in zip(killed, of, strict=True)]
        lines.append(f"{path:36} {cells[0]:>13} {cells[1]:>11} {cells[2]:>11} {score:6.1f}%")
    return "\n".join(lines), score


def main() -> int:
    """Measure; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", help="a file; again for more (default: all)")
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--list", action="store_true", help="print the mutants of ours, run nothing")
    parser.add_argument("--progress", action="store_true", help="print survivors as they are found")
    parser.add_argument("--from", dest="from_", type=Path, help="only the survivors that --json has written")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    paths = options.only or [
        str(path.relative_to(ROOT)) for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.py"))
    ]
    if options.list:
        for path in paths:
            for mutant in mutants_of(path):
                sys.stdout.write(f"{mutant}\n")
        return 0
    prepare()
    started = time.monotonic()
    # The tests must pass on what is not changed, or every mutant would seem to be killed.
    if not survives(Mutant("rest", "", 0, "", "")):
        sys.stderr.write("the tests fail without any change\n")
        return 2
    chosen = None
    if options.from_:
        rows = json.loads(options.from_.read_text())["alive"]
        chosen = {mutant.name or str(mutant) for mutant in (Mutant(**row) for row in rows)}
    counts, alive = measure(paths, set(options.part or PARTS), chosen, options.progress)
    text, score = table(counts)
    sys.stdout.write(f"{text}\n\n{len(alive)} survivors, {time.monotonic() - started:.0f} s\n")
    sys.stdout.writelines(f"  {mutant}\n" for mutant in alive)
    if options.json:
        rows = [mutant._asdict() for mutant in alive]
        options.json.write_text(json.dumps({"counts": counts, "alive": rows}, indent=1))
    return 0 if score >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
