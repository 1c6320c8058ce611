"""What can be seen of a trace: some lanes, some time, a cursor; it knows nothing of terminals."""

from __future__ import annotations

from bisect import bisect_left
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.trace.row import (
    CLEAR,
    COALESCED,
    ENTER,
    EVENTS,
    EXIT,
    FAULT,
    LOST,
    MASK,
    MASKED,
    REQUEST,
    RESET,
    SEND,
)
from kvx_emu.view.rows import RUNS, WAITS

if TYPE_CHECKING:
    from array import array

    from kvx_emu.trace.row import Row
    from kvx_emu.view.rows import LaneRows, Rows

GLYPHS = {
    FAULT: "!",
    RESET: "R",
    MASKED: "\N{MULTIPLICATION SIGN}",
    COALESCED: "\N{WHITE DIAMOND}",
    LOST: "?",
    CLEAR: "\N{WHITE SQUARE}",
    REQUEST: "\N{BLACK CIRCLE}",
    SEND: "\N{BLACK RIGHT-POINTING TRIANGLE}",
    MASK: "m",
}
"""What stands for an event."""

OTHER = "\N{BOX DRAWINGS LIGHT VERTICAL}"
RUNNING = "\N{FULL BLOCK}"
WAITING = "\N{BOX DRAWINGS LIGHT TRIPLE DASH HORIZONTAL}"
IDLE = " "

ORDER = [*GLYPHS, *(event for event in EVENTS if event not in {*GLYPHS, ENTER, EXIT}), ENTER, EXIT]
"""Of several events in one column the first of these is shown."""


class Cell(NamedTuple):
    """A column of a lane: what stands there, and for which event, empty if for none."""

    glyph: str
    event: str = ""


class Shown(NamedTuple):
    """A lane that passes the filter, and the rows of it that do."""

    rows: LaneRows
    numbers: array[int]


class Window:
    """A part of a trace, `columns` wide and `height` lanes high, with a cursor on a lane and a tick."""

    def __init__(self, rows: Rows, columns: int = 80, height: int = 20) -> None:
        self.rows = rows
        self.columns = columns
        self.height = height
        self.filter = ""
        self._events = set(EVENTS)
        self.lanes = [Shown(lane, lane.numbers) for lane in rows.lanes]
        self.lane = 0  # the selected one, an index into `lanes`
        self.top = 0  # the first that is seen
        self.scale = 1  # ticks of a column
        self.start = rows.first  # the tick of the first column
        self.tick = rows.first  # that of the cursor
        self.at: int | None = None  # the row under the cursor, an index into the lane's rows
        self.whole()

    # Where things are

    @property
    def selected(self) -> Shown | None:
        """The lane of the cursor, None if no lane passes the filter."""
        return self.lanes[self.lane] if self.lanes else None

    def column(self, tick: int) -> int:
        """Return the column of a tick; it may be outside."""
        return (tick - self.start) // self.scale

    def resize(self, columns: int, height: int) -> None:
        """Take a new size; the cursor stays in sight."""
        self.columns, self.height = max(1, columns), max(1, height)
        self._see()

    def _see(self) -> None:
        """Move the part that is seen so that the cursor is in it."""
        self.tick = max(self.rows.first, min(self.tick, self.rows.last))
        column = self.column(self.tick)
        if not 0 <= column < self.columns:
            self.start = self.tick - self.columns // 2 * self.scale
        self.start = max(self.rows.first, min(self.start, self.rows.last - (self.columns - 1) * self.scale))
        self.lane = max(0, min(self.lane, len(self.lanes) - 1))
        self.top = min(self.top, self.lane)
        if self.lane >= self.top + self.height:
            self.top = self.lane - self.height + 1
        self.top = max(0, min(self.top, len(self.lanes) - self.height))

    # Moves

    def move(self, columns: int) -> None:
        """Move the cursor by columns; the picture follows at its edges."""
        self.tick += columns * self.scale
        self.at = None
        column = self.column(self.tick)
        if column < 0:
            self.start += column * self.scale
        elif column >= self.columns:
            self.start += (column - self.columns + 1) * self.scale
        self._see()

    def scroll(self, columns: int) -> None:
        """Move the picture by columns, the cursor with it."""
        self.start += columns * self.scale
        self.tick += columns * self.scale
        self.at = None
        self._see()

    def select(self, lanes: int) -> None:
        """Select a lane further down, or up."""
        self.lane += lanes
        self.at = None
        self._see()

    def point(self, column: int, lane: int) -> None:
        """Put the cursor on a column and lane of the part that is seen."""
        if 0 <= self.top + lane < len(self.lanes):
            self.lane = self.top + lane
            self.tick = self.start + max(0, min(column, self.columns - 1)) * self.scale
            self.at = None
            self._see()

    def zoom(self, doublings: int) -> None:
        """Halve the time of a column so many times, or double it if negative; the cursor stays in place."""
        column = self.column(self.tick)
        most = (self.rows.last - self.rows.first) // self.columns + 1
        self.scale = max(1, self.scale >> doublings) if doublings > 0 else min(self.scale << -doublings, most)
        self.start = self.tick - column * self.scale
        self._see()

    def whole(self) -> None:
        """Show all the time of the trace."""
        span = self.rows.last - self.rows.first
        self.scale = span // self.columns + 1
        self.start = self.rows.first
        self._see()

    def go_to(self, tick: int) -> None:
        """Put the cursor on a tick."""
        self.tick = tick
        self.at = None
        self._see()

    def step(self, rows: int) -> bool:
        """Go to the next row of the lane, for 1, or the previous one, for -1; return whether there is one."""
        lane = self.selected
        if lane is None:
            return False
        at = self.at
        if at is None:
            at = bisect_left(lane.numbers, self.rows.before(self.tick)) + min(rows, 0)
        else:
            at += rows
        if not 0 <= at < len(lane.numbers):
            return False
        self.at = at
        self.tick = self.rows.ticks[lane.numbers[at]]
        self._see()
        return True

    # The row under the cursor

    def here(self) -> range:
        """Return the rows of the lane in the cursor's column, as indices."""
        lane = self.selected
        if lane is None:
            return range(0)
        left = self.start + self.column(self.tick) * self.scale
        low, high = self.rows.before(left), self.rows.before(left + self.scale)
        return range(bisect_left(lane.numbers, low), bisect_left(lane.numbers, high))

    def under(self) -> int | None:
        """Return the row under the cursor, an index into the lane's rows; None if there is none."""
        if self.at is not None:
            return self.at
        here = self.here()
        return here[0] if here else None

    def row(self) -> Row | None:
        """Return the row under the cursor, None if there is none."""
        at, lane = self.under(), self.selected
        return None if at is None or lane is None else self.rows[lane.numbers[at]]

    # What stands in a lane

    def edges(self) -> list[int]:
        """Return the number of the first row of each column, and of the first one behind them."""
        edges = [self.rows.before(self.start)]
        for column in range(1, self.columns + 1):
            edges.append(self.rows.before(self.start + column * self.scale, edges[-1]))
        return edges

    def cells(self, lane: Shown, edges: list[int]) -> list[Cell]:
        """Return what stands in each column of a lane."""
        numbers, states = lane.rows.numbers, lane.rows.states
        kinds = [(event, lane.rows.by_event[event]) for event in ORDER if event in lane.rows.by_event]
        kinds = [(event, found) for event, found in kinds if event in self._events]
        at = bisect_left(numbers, edges[0])
        state = states[at - 1] if at else 0
        cells: list[Cell] = []
        for low, high in pairwise(edges):
            after = bisect_left(numbers, high, at) if high > low else at
            if after == at:
                cells.append(Cell(_state(state) if low < len(self.rows) else IDLE))
                continue
            events = (event for event, found in kinds if _is_between(found, low, high))
            event = next(events, "")
            glyph = RUNNING if event in {ENTER, EXIT} else GLYPHS.get(event, OTHER)
            cells.append(Cell(glyph, event) if event else Cell(_state(state | states[after - 1])))
            at, state = after, states[after - 1]
        return cells

    # The filter

    def narrow(self, text: str) -> bool:
        """Show only what passes a filter; return whether anything does, else all stays as it was.

        Words of a filter must all fit, of parts between commas one: names of events, of cores and of lines,
        with `*` and `?`, as in `pe1,pe2 ipi* masked`. An empty filter lets all pass.
        """
        words = [word.split(",") for word in text.lower().split()]
        events = set(EVENTS)
        patterns = []
        for word in words:
            if all(part in EVENTS for part in word):
                events &= set(word)
            else:
                patterns.append(word)
        lanes = []
        for lane in self.rows.lanes:
            names = (lane.core, lane.name)
            if all(any(fnmatchcase(name, part) for name in names for part in word) for word in patterns):
                everything = events == set(EVENTS)
                numbers = lane.numbers if everything else lane.of_events(events)
                if numbers:
                    lanes.append(Shown(lane, numbers))
        if not lanes and words:
            return False
        selected = self.selected
        self.lanes, self._events, self.filter, self.at = lanes, events, " ".join(text.split()), None
        same = (i for i, lane in enumerate(lanes) if selected is not None and lane.rows is selected.rows)
        self.lane = next(same, 0)
        self._see()
        return True


def _state(state: int) -> str:
    """Return what stands for a state where no row is."""
    return RUNNING if state & RUNS else WAITING if state & WAITS else IDLE


def _is_between(numbers: array[int], low: int, high: int) -> bool:
    """Return whether any of some ascending numbers is not below `low` and below `high`."""
    at = bisect_left(numbers, low)
    return at < len(numbers) and numbers[at] < high
