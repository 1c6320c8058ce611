"""The rows of a trace, kept so that those of a lane and a time are found at once.

Memory grows with the rows, some 45 bytes each: who looks at a trace wants to jump about in it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from heapq import merge
from typing import TYPE_CHECKING

from kvx_emu.trace.formats.svg.lanes import BY_LINE, Lane, band_name, lane_name, lane_of
from kvx_emu.trace.row import CLEAR, ENTER, EVENTS, EXIT, REQUEST, RESET

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from kvx_emu.trace.row import Row

RUNS = 1
"""Bit of a state: the lane's handler has begun and not ended."""

WAITS = 2
"""Bit of a state: a request of the lane waits for its handler."""

_ABSENT = -1
_TYPES = "qibBhibQ"  # of the columns: 8, 4, 1, 1, 2, 4, 1 and 8 bytes
_CODES = {event: code for code, event in enumerate(EVENTS)}


class LaneRows:
    """The rows of one lane: their numbers in the trace, also by event, and the state of the lane after each.

    The reset of a core is in all its lanes, for it ends what is under way there.
    """

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.core = band_name(lane.band, BY_LINE)
        self.name = lane_name(lane, BY_LINE)
        self.numbers = array("q")
        self.by_event: dict[str, array[int]] = {}
        self.states = bytearray()
        self._waiting = self._running = 0

    def add(self, number: int, event: str) -> None:
        """Take the next row."""
        if event == REQUEST:
            self._waiting += 1
        elif event == CLEAR:
            self._waiting = max(0, self._waiting - 1)
        elif event == ENTER:
            self._waiting = max(0, self._waiting - 1)
            self._running += 1
        elif event == EXIT:
            self._running = max(0, self._running - 1)
        elif event == RESET:
            self._running = 0
        self.numbers.append(number)
        self.by_event.setdefault(event, array("q")).append(number)
        self.states.append((RUNS if self._running else 0) | (WAITS if self._waiting else 0))

    def of_events(self, events: Collection[str]) -> array[int]:
        """Return the numbers of those rows that are of some events."""
        return array("q", merge(*(numbers for event, numbers in self.by_event.items() if event in events)))


class Rows:
    """A trace: a sequence of rows in the order of their ticks, and its lanes."""

    def __init__(self, chunks: Iterable[Sequence[Row]]) -> None:
        self._columns = [array(kind) for kind in _TYPES]
        self.ticks = self._columns[0]
        self._lanes: dict[Lane, LaneRows] = {}
        self._bands: dict[tuple[int, int], list[LaneRows]] = {}
        for chunk in chunks:
            self._add(chunk)
        self.lanes = [self._lanes[lane] for lane in sorted(self._lanes)]

    def _add(self, rows: Sequence[Row]) -> None:
        lanes = self._lanes
        for number, row in enumerate(rows, len(self)):
            event = row[3]
            lane = lane_of(*row[1:5])
            found = lanes.get(lane)
            if found is None:
                found = lanes[lane] = LaneRows(lane)
                self._bands.setdefault(lane.band, []).append(found)
            for each in self._bands[lane.band] if event == RESET else (found,):
                each.add(number, event)
        for column, (kept, values) in enumerate(zip(self._columns, zip(*rows, strict=True), strict=False)):
            if column == 3:
                kept.extend([_CODES[event] for event in values])
            elif column in {0, 7}:
                kept.extend(values)
            else:
                kept.extend([_ABSENT if value is None else value for value in values])

    def __len__(self) -> int:
        return len(self.ticks)

    def __getitem__(self, number: int) -> Row:
        """Return a row by its number."""
        tick, cluster, core, event, line, from_cluster, from_core, value = (
            column[number] for column in self._columns
        )
        return (
            tick,
            _or_none(cluster),
            _or_none(core),
            EVENTS[event],
            _or_none(line),
            _or_none(from_cluster),
            _or_none(from_core),
            value,
        )

    @property
    def first(self) -> int:
        """The tick of the first row, 0 if there is none."""
        return self.ticks[0] if self.ticks else 0

    @property
    def last(self) -> int:
        """The tick of the last row, 0 if there is none."""
        return self.ticks[-1] if self.ticks else 0

    def before(self, tick: int, low: int = 0) -> int:
        """Return how many rows are before a tick; `low` is a number that is known not to be more."""
        return bisect_left(self.ticks, tick, low)


def _or_none(number: int) -> int | None:
    return None if number == _ABSENT else number
