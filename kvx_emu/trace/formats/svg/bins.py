"""What a picture shows of many rows: how many of each kind there are, in bins of time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

from kvx_emu.trace.block import Block
from kvx_emu.trace.formats.svg.lanes import BY_LINE, Lane, lane_of, level_of
from kvx_emu.trace.row import COALESCED, ENTER, EXIT, MASKED, REQUEST, SEND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kvx_emu.trace.row import Row

MOST_BINS = 512
"""Bins of a picture: with one more their width is doubled."""

_FEWEST = 96
"""Bins that are not made fewer."""

_ENOUGH = 8
"""Rows of a bin in the mean from which on counts can be compared by eye."""

OTHER = "other"
"""All events that are not shown by a kind of their own; the end of a handler is not counted."""

SHOWN = frozenset((SEND, REQUEST, ENTER, COALESCED, MASKED))

_SOME = 1 << 16
"""Rows of a block that are counted at once."""

_Key: TypeAlias = tuple[int, int | None, int | None, str, int | None]  # (bin, cluster, core, event, line)


class Bins:
    """Counts rows by lane, kind and bin: a bounded number of each, whatever the number of rows.

    A bin holds `width` ticks, a power of two, from a multiple of it on. `level` says what has a lane.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.level = BY_LINE
        self.counts: dict[tuple[Lane, str], Counter[int]] = {}
        self.first: int | None = None  # tick
        self.last = 0  # tick
        self.cores: set[tuple[int, int]] = set()
        self._shift = 0
        self._lanes: set[Lane] = set()

    @property
    def width(self) -> int:
        """Ticks of a bin."""
        return 1 << self._shift

    @property
    def span(self) -> tuple[int, int]:
        """The first bin and the last one."""
        return (self.first or 0) >> self._shift, self.last >> self._shift

    @property
    def lanes(self) -> list[Lane]:
        """The lanes that hold anything, in the order in which they stand."""
        return sorted({lane for lane, _ in self.counts})

    def add(self, rows: Sequence[Row]) -> None:
        """Count rows."""
        if not rows:
            return
        if isinstance(rows, Block):
            for start in range(0, len(rows), _SOME):
                self._add_block(rows[start : start + _SOME])
            return
        self._widen(min(row[0] for row in rows), max(row[0] for row in rows))
        shift = self._shift
        self._count(Counter((row[0] >> shift, *row[1:5]) for row in rows).items())

    def _add_block(self, rows: Sequence[Row]) -> None:
        """Count rows that are columns: those that fall together are found by numpy."""
        import numpy as np

        from kvx_emu.trace.columns import Columns

        assert isinstance(rows, Columns), "the one block that there is"
        self._widen(int(rows.tick.min()), int(rows.tick.max()))
        bins = rows.tick >> self._shift
        low = bins.min()
        keys = bins - low
        for column in (rows.cluster, rows.core, rows.event, rows.line):
            least = int(column.min())
            keys = keys * (int(column.max()) - least + 1) + (column.astype(np.int64) - least)
        _, firsts, counts = np.unique(keys, return_index=True, return_counts=True)
        kinds = rows.select(firsts)
        self._count(
            ((row[0] >> self._shift, *row[1:5]), count)
            for row, count in zip(kinds, counts.tolist(), strict=True)
        )

    def _count(self, found: Iterable[tuple[_Key, int]]) -> None:
        for (at, cluster, core, event, line), count in found:
            self.rows += count
            lane = lane_of(cluster, core, event, line)
            if core is not None and cluster is not None:
                self.cores.add(lane.band)
            if event == EXIT:
                continue
            lane = lane.merged(self.level)
            key = lane, event if event in SHOWN else OTHER
            bins = self.counts.get(key)
            if bins is None:
                lane = self._new(lane)
                bins = self.counts.setdefault((lane, key[1]), Counter())
            bins[at] += count

    def _new(self, lane: Lane) -> Lane:
        """Take a new lane; merge all where there are too many; return what stands for it."""
        self._lanes.add(lane)
        level = level_of(self._lanes, self.level)
        if level > self.level:
            self.level = level
            self._lanes = {each.merged(level) for each in self._lanes}
            before, self.counts = self.counts, {}
            for (old, kind), bins in before.items():
                self.counts.setdefault((old.merged(level), kind), Counter()).update(bins)
        return lane.merged(level)

    def _widen(self, first: int, last: int) -> None:
        """Make the bins so wide that these ticks have one."""
        self.first = first if self.first is None else min(self.first, first)
        self.last = max(self.last, last)
        shift = self._shift
        while (self.last >> shift) - (self.first >> shift) >= MOST_BINS:
            shift += 1
        self._double(shift - self._shift)

    def _double(self, times: int) -> None:
        """Double the width of the bins so many times."""
        if times:
            self._shift += times
            for key, bins in self.counts.items():
                merged: Counter[int] = Counter()
                for at, count in bins.items():
                    merged[at >> times] += count
                self.counts[key] = merged

    def settle(self) -> None:
        """Once all rows are counted, make the bins so wide that most hold some, or as few as look well."""
        first, last = self.span
        while last - first >= 2 * _FEWEST and self.rows < _ENOUGH * (last - first + 1) * len(self.lanes):
            self._double(1)
            first, last = self.span

    def of(self, lane: Lane, kind: str) -> Iterator[int]:
        """Return the counts of all bins, from the first to the last."""
        first, last = self.span
        bins = self.counts.get((lane, kind), Counter())
        return (bins.get(at, 0) for at in range(first, last + 1))

    def total(self, lane: Lane, kind: str) -> int:
        """Return how many rows of a kind a lane has."""
        return sum(self.counts.get((lane, kind), {}).values())
