"""The plain Python loop for functional time: what one would write without a library and without an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .prepared import DELIVERED, MASKED, NEVER

if TYPE_CHECKING:
    from .prepared import Prepared

Record = tuple[int, int, int, int, int]
"""(write, core, fate, enter, exit) of an edge: the index of the write, the pid, ticks."""


def run(prepared: Prepared) -> list[Record]:
    """Return the record of every edge, by write, then core; ValueError if anything takes time."""
    if not prepared.functional:
        raise ValueError("the Python loop is for functional time")
    records: list[Record] = []
    blocked: dict[tuple[int, int], int] = {}
    columns = (column.tolist() for column in prepared[:5])
    for write, (tick, cluster, line, value, to_mask) in enumerate(zip(*columns, strict=True)):
        if to_mask:
            blocked[cluster, line] = value
            continue
        stopped = blocked.get((cluster, line), 0)
        targets = value & prepared.cores
        while targets:
            bit = targets & -targets
            core = bit.bit_length() - 1
            if stopped & bit:
                records.append((write, core, MASKED, NEVER, NEVER))
            else:
                records.append((write, core, DELIVERED, tick, tick))
            targets ^= bit
    return records
