"""The edge table: what became of every request at every core."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kvx_emu.engine.vector import kernel

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

REQUESTED, COALESCED, CARRIED, ENTERED = kernel.REQUESTED, kernel.COALESCED, 2, 3
"""Fates: latched; absorbed by one that was latched already; latched, or even entered, before this chunk."""

NOT_YET = -1
"""The tick of an enter or an exit that does not happen before the horizon, or belongs to an earlier chunk."""


class Table(NamedTuple):
    """The edges of a chunk, one core after the other: a structure of arrays with one element an edge.

    Group g of cores (indices on the board) has the edges `start[g]` .. `start[g + 1]` - 1, in the order of
    their arrival; the same solution holds for each core of the group. Requests that were carried over from
    before the chunk make a table of their own, where a group can come more than once.
    """

    groups: list[tuple[int, ...]]
    start: NDArray[np.int64]
    event: NDArray[np.int32]  # the write, an index into the chunk's; -1 for what was carried over
    line: NDArray[np.uint8]
    arrive: NDArray[np.int64]  # ticks
    fate: NDArray[np.uint8]
    enter: NDArray[np.int64]  # ticks, or NOT_YET
    leave: NDArray[np.int64]  # ticks, or NOT_YET
    seen: NDArray[np.int64]  # ILR before the take, where there is an enter
    after: NDArray[np.int64]  # ILR at the exit, where there is a leave
    # Where in the order of rows the two belong, as the kernel counts it, the run being an edge; None where
    # the ticks tell: an enter at the tick of arrival is the arrival's, all others are the clock's.
    enter_place: NDArray[np.int64] | None
    leave_place: NDArray[np.int64] | None

    def group_of(self) -> NDArray[np.int64]:
        """Return the group of each edge."""
        return np.repeat(np.arange(len(self.groups)), np.diff(self.start))

    def expand(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return for each core's edge its index in the table, and the core's index; core after core."""
        counts = np.diff(self.start)
        sizes = np.fromiter(map(len, self.groups), np.int64, len(self.groups))
        members = np.fromiter((lane for group in self.groups for lane in group), np.int64)
        each = np.repeat(counts, sizes)
        lane = np.repeat(members, each)
        if (sizes == 1).all():
            return np.arange(len(lane)), lane
        first = np.repeat(self.start[:-1], sizes) - (np.cumsum(each) - each)
        return np.repeat(first, each) + np.arange(len(lane)), lane

    def materialise(self) -> Edges:
        """Return the edges of every core by itself: what a group shares is copied out."""
        sizes = np.fromiter(map(len, self.groups), np.int64, len(self.groups))
        lane = np.fromiter((lane for group in self.groups for lane in group), np.int64)
        start = np.zeros(len(lane) + 1, np.int64)
        np.cumsum(np.repeat(np.diff(self.start), sizes), out=start[1:])
        copied = self._copied
        return Edges(
            lane, start, copied(self.event), copied(self.fate), copied(self.enter), copied(self.leave)
        )

    def _copied(self, column: NDArray[Any]) -> NDArray[Any]:
        if all(len(group) == 1 for group in self.groups):
            return column
        bounds = zip(self.groups, self.start[:-1].tolist(), self.start[1:].tolist(), strict=True)
        return np.concatenate([column[start:stop] for group, start, stop in bounds for _ in group])


class Edges(NamedTuple):
    """An edge table in which each core stands by itself: `lane[i]` has `start[i]` .. `start[i + 1]` - 1."""

    lane: NDArray[np.int64]  # indices on the board
    start: NDArray[np.int64]
    event: NDArray[np.int32]
    fate: NDArray[np.uint8]
    enter: NDArray[np.int64]
    leave: NDArray[np.int64]
