"""The name of a core, as every part of the project speaks of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def core_names(cores: Iterable[CoreId]) -> str:
    """Return the names of cores, a row of PEs as a range, as scripts take them: `pe0-7, pe9, rm`."""
    names: list[str] = []
    row: list[CoreId] = []
    for core in [*cores, None]:
        if core is not None and row and core == (row[-1].cluster, row[-1].pid + 1) and core.pid != RM:
            row.append(core)
            continue
        if row:
            names.append(str(row[0]) if len(row) == 1 else f"{row[0]}-{row[-1].pid}")
        row = [] if core is None else [core]
    return ", ".join(names)
