"""Small boards and short scripts, run on the reference engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from engine_boards import board

from kvx_emu.dt.load import read_tree
from kvx_emu.engine.reference import Reference
from kvx_emu.errors import Source
from kvx_emu.machine.machine import build
from kvx_emu.script.bind import bind
from kvx_emu.script.load import load_script

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvx_emu.engine.outcome import Outcome
    from kvx_emu.trace.row import Row


class Result(NamedTuple):
    """A run's rows as CSV lines without the header, and its outcome."""

    lines: list[str]
    outcome: Outcome

    def of(self, *cores: str) -> list[str]:
        """The lines of some cores, named by `cluster,pid`."""
        return [
            line for line in self.lines if line.split(",", 1)[1].startswith(tuple(f"{c}," for c in cores))
        ]


class Rows:
    """A sink that keeps the rows."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, rows: list[Row]) -> None:
        self.rows += rows

    def close(self) -> None: ...

    def abandon(self) -> None: ...


THREE_PES = {0: [0, 1, 2]}

BARE = """version: 1
software: bare
{head}steps:
  - sfr: {{core: all, register: PS, write: 0x01000010}}
  - enable: {{cores: all, lines: 0-31}}
  - level: {{cores: all, line: 24, value: 1}}
  - level: {{cores: all, line: 25, value: 2}}
  - level: {{cores: all, line: 26, value: 3}}
"""


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run steps (or a whole script, if it starts with `version`) on a board of some PEs."""

    def run(
        steps: str,
        *,
        cores: dict[int, list[int]] = THREE_PES,
        lines: str = "24",
        software: str = "linux",
        head: str = "",
        limit_ticks: int | None = None,
        limit_events: int | None = None,
        tree: str = "",
    ) -> Result:
        if software == "bare":
            text = BARE.format(head=head) + steps
        elif steps.startswith("version"):
            text = steps
        else:
            text = f"version: 1\n{head}steps:\n{steps}"
        machine, _ = build(read_tree((tree or board(cores, lines)).encode(), "board.dts"))
        program = bind(load_script(Source("script.yaml", text)), machine)
        sink = Rows()
        engine = Reference(machine, program, [sink], limit_ticks=limit_ticks, limit_events=limit_events)
        outcome = engine.run()
        lines_ = [",".join("" if item is None else str(item) for item in row) for row in sink.rows]
        return Result(lines_, outcome)

    return run
