"""The name of a core, as every part of the project speaks of it."""

from __future__ import annotations

from typing import NamedTuple

RM = 16
"""The pid of the resource manager, called the secure core in the driver author's mail."""

PIDS = 17
"""Cores of a cluster: 16 PEs and the RM. Source: Linux Documentation/arch/kvx/kvx-smp.rst."""


class CoreId(NamedTuple):
    """A core of the board: cluster index and pid (0..15 the PEs, 16 the RM)."""

    cluster: int
    pid: int

    def __str__(self) -> str:
        name = "rm" if self.pid == RM else f"pe{self.pid}"
        return name if self.cluster == 0 else f"c{self.cluster}.{name}"
