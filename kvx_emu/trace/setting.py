"""What writers of traces are told of a run besides its rows, and how they speak of it."""

from __future__ import annotations

from typing import NamedTuple

from kvx_emu.core_id import PIDS, CoreId

PICOSECONDS = 10**12
"""In a second."""


FIRST_IPI_LINE = 24
"""The line of the first set of an IPI controller. Source: the RFC of the driver, set n to line 24 + n."""


class Setting(NamedTuple):
    """The board and the script of a trace. Of rows that were read from a file little is known.

    `cores` are those of the board, ascending; empty where only the rows tell. `board` and `script` are the
    names that the user gave.
    """

    clock_hz: int = 1_000_000_000
    cores: tuple[CoreId, ...] = ()
    board: str = ""
    script: str = ""

    def nanoseconds(self, tick: int) -> int:
        """Return the time of a tick in whole nanoseconds, rounded down."""
        return tick * 1_000_000_000 // self.clock_hz

    def picoseconds(self, tick: int) -> int:
        """Return the time of a tick in whole picoseconds, rounded down."""
        return tick * PICOSECONDS // self.clock_hz


def cpu_number(cluster: int | None, core: int | None) -> int:
    """Return the number that tools of Linux know a core by: 17 a cluster, the RM the last of its own.

    What happens outside the cores, in a cluster or outside, is told of the first core there.
    """
    return (cluster or 0) * PIDS + (core or 0)


def line_name(line: int) -> str:
    """Return what to call a line of a core. Source: the lines' uses in Linux and the trees of Kalray."""
    if line in {0, 1}:
        return f"timer{line}"
    if line == 2:
        return "watchdog"
    if 4 <= line <= 7:
        return f"apic-gic{line - 4}"
    return f"ipi{line}" if line >= FIRST_IPI_LINE else f"line{line}"
