"""What is measured: the engines of the package, and the baselines where their folder is."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache, cached_property, partial
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kvx_emu.bench.workloads import board_text
from kvx_emu.dt.load import read_tree
from kvx_emu.engine.reference import Reference
from kvx_emu.errors import Source
from kvx_emu.machine.machine import Machine, build
from kvx_emu.script.bind import bind
from kvx_emu.script.load import load_script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from kvx_emu.bench.workloads import Workload
    from kvx_emu.engine.outcome import Outcome
    from kvx_emu.engine.vector.events import Events
    from kvx_emu.engine.vector.table import Table
    from kvx_emu.machine.wiring import Wiring
    from kvx_emu.script.actions import Program

BASELINES = Path(__file__).parents[2] / "benchmarks"
"""Where the baselines are in a checkout; an installed package has none."""

SLOW = 100_000
"""The most edges for an engine of microseconds an edge; the figures are per edge."""


@cache
def _wiring(clusters: int) -> Wiring:
    return build(read_tree(board_text(clusters).encode(), "bench.dts"))[0].wiring


@dataclass(frozen=True)
class Case:
    """A workload of some `edges`, ready to run; all that is not timed is done once, when it is asked for."""

    workload: Workload
    edges: int
    baselines: ModuleType | None

    def machine(self) -> Machine:
        """Return a new machine, for an engine uses it up."""
        return Machine(_wiring(self.workload.clusters))

    @cached_property
    def program(self) -> Program:
        """The script, bound to the machine."""
        text = self.workload.script(self.edges)
        return bind(load_script(Source(f"{self.workload.name}.yaml", text)), self.machine())

    @cached_property
    def prepared(self) -> Any:
        """The writes in memory, as the baselines take them."""
        assert self.baselines is not None
        return self.baselines.prepare(self.machine(), self.program)


class Engine(NamedTuple):
    """An engine or a baseline: how it is set up for one run, and how its result tells the edges."""

    name: str
    most: int | None  # edges that it is measured on at most
    functional_only: bool
    set_up: Callable[[Case], Callable[[], Any]]  # returns what is timed
    edges: Callable[[Any], int]


def engines(baselines: ModuleType | None) -> list[Engine]:
    """Return what can run here; the reference first, slow and fast ones by turns as far as possible."""
    found = [
        Engine("reference", SLOW, False, _reference, _sent),
        Engine("vector", None, False, _vector, _sent),
        Engine("vector-prepared", None, False, _vector_prepared, _sent),
        Engine("vector-summary", None, False, _vector_summary, _sent),
    ]
    runs = {} if baselines is None else baselines.baselines()
    limits = {"simpy": SLOW // 10, "c": None, "kernel": SLOW, "python": SLOW}
    found += [
        Engine(name, limits[name], name == "python", _baseline(runs[name]), len)
        for name in limits
        if name in runs
    ]
    if find_spec("numba") is not None:
        found.append(Engine("vector-fast", None, False, partial(_vector, fast=True), _sent))
    return found


def _sent(outcome: Outcome) -> int:
    return sum(line.sent for line in outcome.summary.values())


def _reference(case: Case) -> Callable[[], Outcome]:
    return Reference(case.machine(), case.program).run


def _vector(case: Case, *, fast: bool = False) -> Callable[[], Outcome]:
    from kvx_emu.engine.vector.engine import Vector

    return Vector(case.machine(), case.program, tables=_materialise, fast=fast).run


def _vector_summary(case: Case) -> Callable[[], Outcome]:
    from kvx_emu.engine.vector.engine import Vector

    return Vector(case.machine(), case.program, fast=False).run


def _vector_prepared(case: Case) -> Callable[[], Outcome]:
    """Set up a run whose writes lie in memory, as those of the baselines do."""
    from kvx_emu.engine.vector.engine import Vector
    from kvx_emu.engine.vector.plan import Plan

    expanded: list[list[tuple[Events, int]]] = []

    class Recorder(Plan):
        def expand(self, *steps: Any, **options: Any) -> Iterator[tuple[Events, int]]:
            expanded.append(list(super().expand(*steps, **options)))
            return iter(expanded[-1])

    class Player(Plan):
        def expand(self, *_: Any, **__: Any) -> Iterator[tuple[Events, int]]:
            return iter(expanded.pop(0))

    recorder = Recorder(case.machine(), case.program)
    Vector(case.machine(), case.program, fast=False, plan=recorder).run()
    player = Player(case.machine(), case.program)
    player.places = recorder.places
    return Vector(case.machine(), case.program, tables=_materialise, fast=False, plan=player).run


def _materialise(table: Table) -> None:
    """Make the edges of each core by itself, where cores share a solution."""
    table.materialise()


def _baseline(run: Callable[[Any], Any]) -> Callable[[Case], Callable[[], Any]]:
    def set_up(case: Case) -> Callable[[], Any]:
        prepared = case.prepared
        return lambda: run(prepared)

    return set_up


def load_baselines(folder: Path) -> ModuleType:
    """Return the package of baselines in `folder`; FileNotFoundError if there is none."""
    name = "kvx_emu_baselines"
    if name not in sys.modules:
        spec = spec_from_file_location(name, folder / "__init__.py", submodule_search_locations=[str(folder)])
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]
