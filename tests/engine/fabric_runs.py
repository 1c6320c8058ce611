"""Boards with the whole interrupt fabric, and scripts that run on them on the reference engine."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from command import ROOT

from kvx_emu.dt.load import load_tree, read_tree
from kvx_emu.engine.reference import Reference
from kvx_emu.errors import Source
from kvx_emu.hw.registry import HARDWARE
from kvx_emu.machine.machine import build
from kvx_emu.script.bind import bind
from kvx_emu.script.load import load_script

if TYPE_CHECKING:
    from pathlib import Path

    from kvx_emu.dt.tree import Tree
    from kvx_emu.engine.outcome import Outcome
    from kvx_emu.machine.machine import Machine
    from kvx_emu.trace.row import Row

CLUSTER = ROOT / "boards" / "cluster.dts"
"""One cluster: 16 PEs, the RM, a UART at input 41 of the interrupt generator."""

COOLIDGE = ROOT / "boards" / "coolidge.dts"
"""Five such clusters, and the FTU."""

OLD_SHAPE = ROOT / "boards" / "kvx-cluster.dts"
"""One cluster in the old shape: one interrupt controller for all cores."""


class Played(NamedTuple):
    """What came of a script: the rows as CSV lines without the header, the outcome and the machine."""

    lines: list[str]
    outcome: Outcome
    machine: Machine

    def events(self, *names: str) -> list[str]:
        """The lines of some events."""
        return [line for line in self.lines if line.split(",")[3] in names]

    def ticks(self, event: str, core: str = "") -> list[int]:
        """The ticks of an event, of a core `cluster,pid` if one is named."""
        return [
            int(line.split(",")[0]) for line in self.events(event) if line.split(",", 1)[1].startswith(core)
        ]

    @property
    def warnings(self) -> list[str]:
        """The warnings, as `code: message`."""
        return [f"{warning.code}: {warning.message}" for warning in self.outcome.warnings]


class _Rows:
    """A sink that keeps the rows."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, rows: list[Row]) -> None:
        self.rows += rows

    def close(self) -> None: ...

    def abandon(self) -> None: ...


@cache
def _loaded(path: Path) -> Tree:
    return load_tree(str(path))


def play(
    board: Path | str,
    steps: str,
    *,
    head: str = "",
    profile: str = HARDWARE,
    limit_ticks: int | None = None,
    holds: bool = True,
) -> Played:
    """Run the steps, one a line, on a board, by its file or as source; `head` are the script's other keys.

    Every expectation must hold, unless `holds` is false.
    """
    tree = read_tree(board.encode(), "board.dts") if isinstance(board, str) else _loaded(board)
    lines = "".join(f"  - {step.strip()}\n" for step in steps.splitlines() if step.strip())
    text = f"version: 1\n{head}steps:\n{lines}"
    machine, _ = build(tree, profile)
    sink = _Rows()
    engine = Reference(
        machine, bind(load_script(Source("s.yaml", text)), machine), [sink], limit_ticks=limit_ticks
    )
    outcome = engine.run()
    if holds:
        assert [str(failure) for failure in outcome.failures] == []
    rows = [",".join("" if item is None else str(item) for item in row) for row in sink.rows]
    return Played(rows, outcome, machine)
