"""Edge tables that are drawn at random: what they hold need not be what any run gives."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import strategies as st

from kvx_emu.engine.vector.chunk import Names
from kvx_emu.engine.vector.table import CARRIED, ENTERED, REQUESTED, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

LANES = [(0, 0), (0, 3), (0, 16), (2, 1), (300, 0)]
"""Cluster and pid of each core."""

NAMES = Names(np.array([c for c, _ in LANES], np.int16), np.array([p for _, p in LANES], np.int8))


def edges(table: Table) -> list[tuple[Table, tuple[int, int], int]]:
    """Return the edges of every core: the table, the core and the index."""
    return [
        (table, LANES[lane], i)
        for group, (begin, end) in zip(table.groups, pairwise(table.start.tolist()), strict=True)
        for lane in group
        for i in range(begin, end)
    ]


@st.composite
def tables(
    draw: st.DrawFn, lines: Sequence[int], writes: int = 0, fates: Sequence[int] = (CARRIED, ENTERED)
) -> Table:
    """Draw a table that no run need give: groups of any cores, now and then one without edges."""
    lanes = st.lists(st.integers(0, len(LANES) - 1), min_size=1, max_size=3, unique=True).map(tuple)
    groups = draw(st.lists(lanes, max_size=4))
    requested = REQUESTED in fates
    counts = [draw(st.sampled_from([0, 0, 1, 3, 12])) if writes or not requested else 0 for _ in groups]

    def each(strategy: st.SearchStrategy[int]) -> list[int]:
        return draw(st.lists(strategy, min_size=sum(counts), max_size=sum(counts)))

    ticks = st.sampled_from(draw(st.sampled_from([(-1, 0, 5, 9), (3, 7), (-1,)])))
    return Table(
        groups,
        np.cumsum([0, *counts]).astype(np.int64),
        np.array(each(st.integers(0, max(0, writes - 1)) if requested else st.just(-1)), np.int32),
        np.array(each(st.sampled_from(list(lines))), np.uint8),
        np.array(each(st.integers(0, 5)), np.int64),
        np.array(each(st.sampled_from(list(fates))), np.uint8),
        np.array(each(ticks), np.int64),
        np.array(each(ticks), np.int64),
        np.zeros(0, np.int64),
        np.zeros(0, np.int64),
        None,
        None,
    )
