"""The vector engine's sequential kernel on its own, as plain Python: one core after the other, no queue."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from kvx_emu.engine.vector import kernel as k
from kvx_emu.hw.register import bits

from .prepared import COALESCED, DELIVERED, FIRST_LINE, MASKED, NEVER, PENDING, Edges

if TYPE_CHECKING:
    from .prepared import Prepared

HORIZON = 1 << 62
"""A tick by which all is over."""


def run(prepared: Prepared) -> Edges:
    """Return the edge table."""
    cores = prepared.clusters * 17
    arrive: list[list[int]] = [[] for _ in range(cores)]
    lines: list[list[int]] = [[] for _ in range(cores)]
    edges: list[list[int]] = [[] for _ in range(cores)]
    blocked: dict[tuple[int, int], int] = {}
    count = 0
    columns = (column.tolist() for column in prepared[:5])
    for tick, cluster, line, value, to_mask in zip(*columns, strict=True):
        if to_mask:
            blocked[cluster, line] = value
            continue
        stopped = blocked.get((cluster, line), 0)
        targets = value & prepared.cores
        while targets:
            bit = targets & -targets
            if not stopped & bit:
                core = 17 * cluster + bit.bit_length() - 1
                arrive[core].append(tick + prepared.delivery)
                lines[core].append(line)
                edges[core].append(count)
            count += 1
            targets ^= bit
    last = list(accumulate(map(len, edges)))
    flat = [edge for each in edges for edge in each]
    # What the kernel tells of a request: fate, enter, leave, ILR before and after, the places of the rows.
    fate, enter, leave, *rest = ([NEVER] * len(flat) for _ in range(7))
    k.advance(
        cores,
        [0, *last[:-1]],
        last,
        [0] * cores,
        HORIZON,
        _rules(prepared),
        prepared.entry,
        [0] * FIRST_LINE + list(prepared.service),
        k.LOWEST,
        [tick for each in arrive for tick in each],
        [line for each in lines for line in each],
        [0] * (k.STATE * cores),
        fate,
        enter,
        leave,
        *rest,
    )
    table = Edges(np.full(count, MASKED, np.uint8), np.full(count, NEVER), np.full(count, NEVER))
    where = np.array(flat, np.int64)
    entered = np.array(enter, np.int64)
    kept = np.where(entered == NEVER, PENDING, DELIVERED)
    table.fate[where] = np.where(np.array(fate, np.int64) == k.COALESCED, COALESCED, kept)
    table.enter[where] = entered
    table.exit[where] = leave
    return table


def _rules(prepared: Prepared) -> list[int]:
    """Return the rules as the kernel takes them; its lines are 0..31."""
    rules = [0] * k.MODE
    enabled = prepared.enabled << FIRST_LINE
    of_level = [0] * 4
    for line in bits(enabled):
        of_level[prepared.levels[line - FIRST_LINE]] |= 1 << line
    rules[k.BATCH], rules[k.NESTING] = int(prepared.batch), int(prepared.nesting)
    rules[k.OPEN], rules[k.ENABLED] = enabled & ~of_level[0], enabled
    rules[k.OF_LEVEL : k.OF_LEVEL + 4] = of_level
    for level in range(4):
        rules[k.ABOVE + level] = sum(of_level[level + 1 :])
    return rules
