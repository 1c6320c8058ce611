"""What a picture shows of single rows: handlers, waiting, marks, and arrows from senders."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.core_id import CoreId
from kvx_emu.trace.formats.svg.lanes import OWN, Lane, lane_of
from kvx_emu.trace.row import CLEAR, COALESCED, ENTER, EXIT, MASKED, REQUEST, RESET, SEND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kvx_emu.trace.row import Row

_BITS = 32  # of a row's value that name targets
_ARRIVALS = frozenset((REQUEST, COALESCED, MASKED))


class Mark(NamedTuple):
    """A row that is drawn as a mark in a lane."""

    lane: Lane
    row: Row


class Arrow(NamedTuple):
    """A request's way: from where and when it was sent to where and when it came."""

    source: Lane
    sent: int
    target: Lane
    came: int
    event: str


class Wait(NamedTuple):
    """The time from a request to its handler, or until it was cleared; None where the trace ends before."""

    lane: Lane
    first: int
    last: int | None


class Handler:
    """A handler's time, in pieces that ran or were preempted. `first`, `last`: None if outside the trace."""

    def __init__(self, lane: Lane, first: int | None) -> None:
        self.lane = lane
        self.first = first
        self.last: int | None = None
        self._changes = [] if first is None else [first]  # runs, is preempted, runs ... from each of these on

    def change(self, tick: int) -> None:
        """Note that it was preempted, or goes on."""
        self._changes.append(tick)

    def pieces(self, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """Return (from, to, whether it runs) for each piece; `start` and `end` are those of the trace."""
        times = [*(self._changes or [start]), end if self.last is None else self.last]
        for number, (first, last) in enumerate(pairwise(times)):
            if last > first or len(times) == 2:
                yield first, last, number % 2 == 0


class Story:
    """Takes rows in their order; see the attributes."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.marks: list[Mark] = []
        self.arrows: list[Arrow] = []
        self.waits: list[Wait] = []
        self.handlers: list[Handler] = []
        self._under_way: dict[tuple[int, int], list[Handler]] = {}
        self._pending: dict[Lane, deque[int]] = {}
        self._sent: dict[tuple[CoreId, int | None, int], deque[int]] = {}
        for row in rows:
            self._take(row)
        self.waits += [Wait(lane, first, None) for lane, ticks in self._pending.items() for first in ticks]

    def _take(self, row: Row) -> None:
        tick, cluster, core, event, line, *_ = row
        lane = lane_of(cluster, core, event, line)
        if event == ENTER:
            self._enter(lane, tick)
            return
        if event == EXIT:
            self._exit(lane, tick)
            return
        self.marks.append(Mark(lane, row))
        if event == SEND:
            self._send(row)
        elif event in _ARRIVALS:
            self._arrive(lane, row)
        elif event == CLEAR:
            self._end_wait(lane, tick)
        elif event == RESET:
            for handler in self._under_way.pop(lane.band, []):
                handler.last = tick

    def _enter(self, lane: Lane, tick: int) -> None:
        self._end_wait(lane, tick)
        stack = self._under_way.setdefault(lane.band, [])
        if stack:
            stack[-1].change(tick)
        stack.append(Handler(lane, tick))
        self.handlers.append(stack[-1])

    def _exit(self, lane: Lane, tick: int) -> None:
        stack = self._under_way.setdefault(lane.band, [])
        handler = next((each for each in reversed(stack) if each.lane == lane), None)
        if handler is None:  # it began before the trace
            handler = Handler(lane, None)
            self.handlers.append(handler)
            handler.last = tick
            return
        handler.last = tick
        was_on_top = handler is stack[-1]
        stack.remove(handler)
        if was_on_top and stack:
            stack[-1].change(tick)

    def _end_wait(self, lane: Lane, tick: int) -> None:
        ticks = self._pending.get(lane)
        if ticks:
            self.waits.append(Wait(lane, ticks.popleft(), tick))

    def _send(self, row: Row) -> None:
        tick, cluster, core, _, line, _, _, value = row
        if cluster is not None and core is not None:
            for bit in range(_BITS):
                if value >> bit & 1:
                    self._sent.setdefault((CoreId(cluster, core), line, bit), deque()).append(tick)

    def _arrive(self, lane: Lane, row: Row) -> None:
        tick, _, core, event, line, from_cluster, from_core, _ = row
        if event == REQUEST:
            self._pending.setdefault(lane, deque()).append(tick)
        if from_cluster is None or from_core is None or core is None:
            return
        sent = self._sent.get((CoreId(from_cluster, from_core), line, core))
        if sent:  # a write is masked when it is made, and requests come in the order of the writes
            start = sent.pop() if event == MASKED else sent.popleft()
            self.arrows.append(Arrow(Lane(from_cluster, from_core, OWN), start, lane, tick, event))

    def busy(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Return the intervals in which something happens, of a trace from `start` to `end`."""
        for mark in self.marks:
            yield mark.row[0], mark.row[0]
        for handler in self.handlers:
            yield (
                start if handler.first is None else handler.first,
                end if handler.last is None else handler.last,
            )
        for wait in self.waits:
            yield wait.first, wait.first if wait.last is None else wait.last
        for arrow in self.arrows:
            yield arrow.sent, arrow.came
