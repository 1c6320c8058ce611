"""Many segments at once, request by request: the k-th requests of all segments in one step.

The segments are independent, so a step costs the same few array operations for one as for a thousand; it
pays from a few hundred segments on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kvx_emu.models.ipi_ctrl import FIRST_LINE
from kvx_emu.models.ipi_ctrl import SETS as LINES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

LEVELS = 4


class Solved(NamedTuple):
    """What became of the requests of the segments, at the places `where` of the stream arrays.

    `seen` is ILR before the take, `after` ILR at the exit, of the eight IPI lines alone (bit 0 is line 24).
    Ticks are -1 where a request was coalesced.
    """

    where: NDArray[np.int64]
    coalesced: NDArray[np.bool_]
    enter: NDArray[np.int64]
    leave: NDArray[np.int64]
    seen: NDArray[np.int64]
    after: NDArray[np.int64]


class _Numbering:
    """The requests of the segments, numbered segment by segment, the longest first.

    So the segments that have a k-th request are always the first ones. Segment s has the numbers
    `offset[s]` .. `offset[s + 1]` - 1; request j stands at `where[j]` of the streams.
    """

    def __init__(self, first: NDArray[np.int64], length: NDArray[np.int64]) -> None:
        self.order = np.argsort(-length, kind="stable")
        first, self.length = first[self.order], length[self.order]
        self.offset = np.zeros(len(first) + 1, np.int64)
        np.cumsum(self.length, out=self.offset[1:])
        self.total = int(self.offset[-1])
        self.where = np.repeat(first - self.offset[:-1], self.length) + np.arange(self.total)

    def steps(self) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Yield for k = 0, 1, .. how many segments have a k-th request, and the numbers of these."""
        most = np.arange(int(self.length[0]))
        for step, count in enumerate(np.searchsorted(-self.length, -most, side="left").tolist()):
            yield count, self.offset[:count] + step


def batches(
    arrive: NDArray[np.int64],
    line: NDArray[np.uint8],
    first: NDArray[np.int64],
    length: NDArray[np.int64],
    entry: int,
    service: NDArray[np.int64],
) -> Solved:
    """Solve segments of cores that handle all that is pending in one exception.

    Segment s is the requests `first[s]` .. `first[s] + length[s]` - 1 of `arrive` (ticks) and `line`
    (24..31); it starts on an idle core and all its handlers end before the next one starts. `entry` is
    in ticks, `service` (int64[8]) those of lines 24 to 31, each above 0.

    Exact because a batch is known when it is taken: its lines are those requested since the last take, its
    end is its take + entry + the services of its lines, and all before an arrival is due before it.
    """
    numbering = _Numbering(first, length)
    where, total, segments = numbering.where, numbering.total, len(first)
    tick = arrive[where]
    bit = np.left_shift(1, line[where].astype(np.int64) - FIRST_LINE)
    work = _sums(service)  # of each set of lines
    # Of the request that opens a batch: the tick of its take, and its lines. Of each request: the opener.
    taken = np.empty(total, np.int64)
    lines = np.zeros(total, np.int64)
    opener = np.empty(total, np.int64)
    coalesced = np.zeros(total, np.bool_)
    latched = np.empty(total, np.int64)  # what is pending after this request arrived
    busy = np.empty(segments, np.int64)  # when the batch in hand ends
    pending = np.zeros(segments, np.int64)
    opens = np.empty(segments, np.int64)  # the opener of the next batch
    for step, (count, here) in enumerate(numbering.steps()):
        now, mine = tick[here], bit[here]
        end, due = busy[:count], pending[:count]
        if step == 0:
            opener[here] = here
            taken[here] = now
            lines[here] = mine
            latched[here] = 0
            end[:] = now + entry + work[mine]
            continue
        begun = np.flatnonzero((now >= end) & (due != 0))
        if len(begun):
            _take(begun, opens, busy, pending, taken, lines, work, entry)
        idle = now >= end
        same = (due & mine) != 0
        fresh = due == 0
        opens[:count][fresh] = here[fresh]
        coalesced[here] = same
        opener[here] = opens[:count]
        due |= mine
        if idle.any():
            at = np.flatnonzero(idle)
            took = here[at]
            taken[took] = now[at]
            lines[took] = mine[at]
            busy[at] = now[at] + entry + work[mine[at]]
            pending[at] = 0
        latched[here] = due
    left = np.flatnonzero(pending)
    _take(left, opens, busy, pending, taken, lines, work, entry)
    batch, start = lines[opener], taken[opener]
    enter = start + entry + work[batch & (bit - 1)]
    leave = enter + service[line[where].astype(np.int64) - FIRST_LINE]
    after = _pending_at(leave, start, numbering.length, tick, latched)
    enter[coalesced] = -1
    leave[coalesced] = -1
    return Solved(where, coalesced, enter, leave, batch, after)


def _take(
    which: NDArray[np.int64],
    opens: NDArray[np.int64],
    busy: NDArray[np.int64],
    pending: NDArray[np.int64],
    taken: NDArray[np.int64],
    lines: NDArray[np.int64],
    work: NDArray[np.int64],
    entry: int,
) -> None:
    """Let the segments `which` take what is pending when the batch in hand ends."""
    openers, batch, end = opens[which], pending[which], busy[which]
    taken[openers] = end
    lines[openers] = batch
    busy[which] = end + entry + work[batch]
    pending[which] = 0


def _sums(service: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each of the 256 sets of lines the sum of their services."""
    sets = np.arange(256)
    flags = (sets[:, None] >> np.arange(8)) & 1
    sums: NDArray[np.int64] = flags @ service
    return sums


def _pending_at(
    leave: NDArray[np.int64],
    start: NDArray[np.int64],
    length: NDArray[np.int64],
    tick: NDArray[np.int64],
    latched: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return what is pending at the exits `leave` of batches taken at `start`: what has come in between.

    An exit comes before the arrivals of its tick, and arrivals at the tick of a take that a clock made
    come after it; one whose own arrival made the take left nothing latched.
    """
    # Segments set apart on one axis of time, so that one search finds the last arrival before each exit.
    base = int(tick.min())
    apart = int(max(leave.max(), tick.max())) - base + 2
    shift = np.repeat(np.arange(len(length)) * apart - base, length)
    last = np.searchsorted(tick + shift, leave + shift, side="left") - 1
    return np.where(tick[last] >= start, latched[last], 0)


def exceptions(
    arrive: NDArray[np.int64],
    line: NDArray[np.uint8],
    first: NDArray[np.int64],
    length: NDArray[np.int64],
    entry: int,
    service: NDArray[np.int64],
    mode: NDArray[np.int64],
    level: NDArray[np.int64],
    nesting: NDArray[np.bool_],
) -> Solved:
    """Solve segments of cores that handle one line in an exception, nested or not.

    The first six are as for `batches`. `mode[s]` are the rules of segment s: `level[m]` (int64[8], 1 to 3)
    are the levels of lines 24 to 31, `nesting[m]` whether handlers let higher ones interrupt them.

    Exact because it does what the kernel does, each round for all segments that have something to do.
    """
    numbering = _Numbering(first, length)
    tick = arrive[numbering.where]
    number = line[numbering.where].astype(np.int64) - FIRST_LINE
    cores = _Cores(numbering, entry, service[number], mode[numbering.order], level, nesting)
    for count, here in numbering.steps():
        cores.arrive(count, here, tick[here], number[here])
    everyone = np.arange(len(first))
    cores.settle(everyone, np.full(len(first), NEVER))
    return Solved(numbering.where, cores.coalesced, cores.entered, cores.left_at, cores.seen, cores.after)


NEVER = np.iinfo(np.int64).max


class _Cores:
    """The cores of the segments in `exceptions`, each in its own time.

    A core's exceptions under way have different levels, so they are kept by level: for core s and level v
    at index s x LEVELS + v. `stack` has a bit for each level in hand, `top` is the highest, 0 for none.
    """

    def __init__(
        self,
        numbering: _Numbering,
        entry: int,
        service: NDArray[np.int64],
        mode: NDArray[np.int64],
        level: NDArray[np.int64],
        nesting: NDArray[np.bool_],
    ) -> None:
        cores, requests = len(mode), numbering.total
        self.coalesced = np.zeros(requests, np.bool_)
        self.entered = np.full(requests, -1, np.int64)
        self.left_at = np.full(requests, -1, np.int64)
        self.seen = np.zeros(requests, np.int64)
        self.after = np.zeros(requests, np.int64)
        self._entry = entry
        self._service = service  # of each request
        self._now = np.zeros(cores, np.int64)
        self._until = np.zeros(cores, np.int64)
        self._entering = np.zeros(cores, np.bool_)
        self._top = np.zeros(cores, np.int64)
        self._stack = np.zeros(cores, np.int64)
        self._pending = np.zeros(cores, np.int64)
        self._left = np.zeros(cores * LEVELS, np.int64)  # of a time that a higher level has interrupted
        self._held = np.zeros(cores * LEVELS, np.int64)  # the request in hand
        self._asked = np.zeros(cores * LINES, np.int64)  # the request that is latched
        self._mode = mode
        self._level = level
        bit = 1 << np.arange(LINES)
        self._above = np.zeros((len(level), LEVELS), np.int64)  # lines that may interrupt a level
        for v in range(LEVELS):
            higher = ((level > v) * bit).sum(axis=1)
            self._above[:, v] = np.where((v == 0) | nesting, higher, 0)
        self._pick = _picks(level)

    def arrive(
        self, count: int, request: NDArray[np.int64], tick: NDArray[np.int64], line: NDArray[np.int64]
    ) -> None:
        """Let a request arrive at each of the first `count` cores, with what is due before and at once."""
        due = np.flatnonzero((self._top[:count] > 0) & (self._until[:count] <= tick))
        if len(due):
            self.settle(due, tick[due])
        pending = self._pending[:count]
        bit = np.left_shift(1, line)
        fresh = np.flatnonzero(pending & bit == 0)
        self.coalesced[request] = True
        self.coalesced[request[fresh]] = False
        self._asked[fresh * LINES + line[fresh]] = request[fresh]
        pending |= bit
        self._now[:count] = tick
        self.settle(fresh, tick[fresh])

    def settle(self, cores: NDArray[np.int64], limit: NDArray[np.int64]) -> None:
        """Let the cores do all that is due up to and including their `limit`, and what follows at once."""
        while len(cores):
            top, entering = self._top[cores], self._entering[cores]
            opened = self._above[self._mode[cores], top] & self._pending[cores]
            take = (opened != 0) & ~entering
            due = ~take & (top > 0) & (self._until[cores] <= limit)
            enter = due & entering
            leave = due & ~entering
            if take.any():
                self._take(cores[take], opened[take])
            if enter.any():
                self._enter(cores[enter])
            if leave.any():
                self._leave(cores[leave])
            busy = take | due
            cores, limit = cores[busy], limit[busy]

    def _take(self, cores: NDArray[np.int64], opened: NDArray[np.int64]) -> None:
        now, top, mode = self._now[cores], self._top[cores], self._mode[cores]
        line = self._pick[mode, opened]
        level = self._level[mode, line]
        request = self._asked[cores * LINES + line]
        pending = self._pending[cores]
        self.seen[request] = pending
        self._pending[cores] = pending & ~np.left_shift(1, line)
        self._left[cores * LEVELS + top] = self._until[cores] - now
        self._held[cores * LEVELS + level] = request
        self._stack[cores] |= np.left_shift(1, level)
        self._top[cores] = level
        self._entering[cores] = True
        self._until[cores] = now + self._entry

    def _enter(self, cores: NDArray[np.int64]) -> None:
        now = self._until[cores]
        request = self._held[cores * LEVELS + self._top[cores]]
        self.entered[request] = now
        self._now[cores] = now
        self._entering[cores] = False
        self._until[cores] = now + self._service[request]

    def _leave(self, cores: NDArray[np.int64]) -> None:
        now, top = self._until[cores], self._top[cores]
        request = self._held[cores * LEVELS + top]
        self.left_at[request] = now
        self.after[request] = self._pending[cores]
        stack = self._stack[cores] & ~np.left_shift(1, top)
        below = _HIGHEST[stack]
        self._now[cores] = now
        self._stack[cores] = stack
        self._top[cores] = below
        self._until[cores] = now + self._left[cores * LEVELS + below]


_HIGHEST = np.array([max(0, stack.bit_length() - 1) for stack in range(1 << LEVELS)])
"""The highest level in a stack, 0 for none."""


def _picks(level: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each mode and set of pending lines the one that goes first: highest level, lowest line."""
    rank = level * LINES + (LINES - 1 - np.arange(LINES))
    sets = np.arange(1 << LINES)[:, None] >> np.arange(LINES) & 1
    picks: NDArray[np.int64] = np.where(sets != 0, rank[:, None, :], -1).argmax(axis=2)
    return picks
