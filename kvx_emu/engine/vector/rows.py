"""The rows of a chunk, in the order in which they happen.

Within a tick come what the clock makes happen on the cores (phase 0), the arrivals of earlier writes (1)
and the writes themselves (2), with what follows from them at once. So there are two sequences, each easy to
sort by itself: the rows of the clock by tick, core and turn; those of the front by write, core and turn,
for writes are made and arrive in their order. The two are then merged by tick and phase.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kvx_emu.engine.vector import kernel as k
from kvx_emu.engine.vector.streams import bits_of
from kvx_emu.engine.vector.table import CARRIED, COALESCED, REQUESTED
from kvx_emu.trace import row
from kvx_emu.trace.columns import ABSENT, Columns
from kvx_emu.trace.row import EVENTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kvx_emu.engine.vector.chunk import Chunk, Names
    from kvx_emu.engine.vector.events import Events
    from kvx_emu.engine.vector.table import Table

    Ints = NDArray[np.integer[Any]]

_CODE = {name: code for code, name in enumerate(EVENTS)}
_TURN = (1 << k.RUN_SHIFT) - 1


def rows_of(chunk: Chunk, names: Names) -> Columns:
    """Return all rows of a chunk that was solved with `rows`."""
    clock, front = _Sequence(), _Sequence()
    _add_writes(chunk, front)
    for table in (chunk.table, chunk.carried):
        if table is not None:
            _add_edges(table, chunk, names, clock, front)
    early, late = clock.joined(), front.joined()
    early = early.taken(sorted_by((early.columns[0], *early.order)))
    late = late.taken(sorted_by(late.order[1:]))  # without the phase: writes and arrivals keep their order
    phase = np.concatenate((np.zeros(len(early.columns[0]), np.int64), late.order[0]))
    columns = [np.concatenate(pair) for pair in zip(early.columns, late.columns, strict=True)]
    order = sorted_by((columns[0], phase))
    return Columns(*(column[order] for column in columns))


class _Part(NamedTuple):
    """Some rows: the columns of `Columns`, and the keys of their order, all of one length."""

    columns: tuple[NDArray[Any], ...]
    order: tuple[Ints, ...]

    def taken(self, index: Ints) -> _Part:
        """Return the rows at `index`."""
        columns = tuple(column[index] for column in self.columns)
        return _Part(columns, tuple(key[index] for key in self.order))


class _Sequence:
    """Rows in the making.

    Those of the clock are ordered by (tick, core index, turn), those of the front by (phase, write, the
    core's pid + 1, turn); the tick stands in the columns.
    """

    def __init__(self) -> None:
        self._parts: list[_Part] = []

    def add(
        self,
        event: str,
        tick: NDArray[np.int64],
        cluster: Ints,
        core: Ints,
        line: Ints,
        sender: tuple[Ints, Ints] | None,
        value: Ints | int,
        order: tuple[Ints | int, ...],
    ) -> None:
        """Add rows of one event; `sender` are the columns of where they came from, None for nowhere."""
        n = len(tick)
        absent = np.broadcast_to(np.int16(ABSENT), n), np.broadcast_to(np.int8(ABSENT), n)
        from_cluster, from_core = absent if sender is None else sender
        columns = (
            tick,
            cluster.astype(np.int16, copy=False),
            core.astype(np.int8, copy=False),
            np.broadcast_to(np.uint8(_CODE[event]), n),
            line.astype(np.int8),
            from_cluster.astype(np.int16, copy=False),
            from_core.astype(np.int8, copy=False),
            np.broadcast_to(np.asarray(value).astype(np.uint64), n),
        )
        keys = tuple(np.broadcast_to(np.asarray(key, np.int64), n) for key in order)
        self._parts.append(_Part(columns, keys))

    def joined(self) -> _Part:
        """Return all rows, as they were added."""
        columns = zip(*(part.columns for part in self._parts), strict=True)
        keys = zip(*(part.order for part in self._parts), strict=True)
        return _Part(tuple(map(np.concatenate, columns)), tuple(map(np.concatenate, keys)))


def _add_writes(chunk: Chunk, front: _Sequence) -> None:
    """Add the rows of the writes themselves, and of the bits that a mask stopped."""
    events = chunk.events
    for name, which in (
        (row.SEND, np.flatnonzero(~events.to_mask & (events.value != 0))),
        (row.MASK, np.flatnonzero(events.to_mask)),
    ):
        made = events.take(which)
        order = 2, which + chunk.offset, 0, 0
        front.add(name, made.tick, made.from_cluster, made.from_core, made.line, None, made.value, order)
    if chunk.blocked is not None:
        word, pid = bits_of(chunk.blocked)
        made = events.take(word)
        sender = made.from_cluster, made.from_core
        place = 2, word + np.int64(chunk.offset), pid + 1, 0
        front.add(row.MASKED, made.tick, made.cluster, pid, made.line, sender, 0, place)


def _add_edges(table: Table, chunk: Chunk, names: Names, clock: _Sequence, front: _Sequence) -> None:
    """Add the rows of every core's requests and handlers."""
    edge, lane = table.expand()
    phase = 1 if chunk.delayed else 2
    event, fate, arrive = table.event[edge], table.fate[edge], table.arrive[edge]
    line, cluster, pid = table.line[edge], names.cluster[lane], names.pid[lane]
    arrivals: Events = chunk.arrivals
    for name, kind in ((row.REQUEST, REQUESTED), (row.COALESCED, COALESCED)):
        at = np.flatnonzero(fate == kind)
        by = event[at]
        sender = arrivals.from_cluster[by], arrivals.from_core[by]
        front.add(name, arrive[at], cluster[at], pid[at], line[at], sender, 0, (phase, by, pid[at] + 1, 0))
    handlers = (
        (row.EXIT, table.leave, table.after, table.leave_place),
        (row.ENTER, table.enter, table.seen, table.enter_place),
    )
    for usual, (name, ticks, values, place) in enumerate(handlers):
        tick = ticks[edge]
        if place is None:
            # Without a handler that takes no time, what happens at the tick of arrival is the arrival's;
            # on the clock a core has one exit and then one enter in a tick, at most.
            own = (tick == arrive) & (fate < CARRIED) & (tick >= 0)
            run, turn = event[own], np.broadcast_to(np.int64(usual), len(tick))
            front_turn = np.broadcast_to(np.int64(2 - usual), len(tick))
        else:
            where = place[edge]
            own = (where >= 0) & (tick >= 0)
            run = chunk.table.event[where[own] >> k.RUN_SHIFT]
            turn = front_turn = 1 + (where & _TURN)
        # What is not reached yet has no row.
        at = np.flatnonzero(own)
        if len(at):
            order = phase, run, pid[at] + 1, front_turn[at]
            front.add(name, tick[at], cluster[at], pid[at], line[at], None, values[edge[at]], order)
        at = np.flatnonzero(~own & (tick >= 0))
        late = lane[at], turn[at]
        clock.add(name, tick[at], cluster[at], pid[at], line[at], None, values[edge[at]], late)


def sorted_by(keys: tuple[Ints, ...]) -> NDArray[np.int64]:
    """Return the indices of n rows in the order of `keys`, the first counting most; equal ones stay in order.

    Where all keys and the index fit one number these are sorted, which is many times faster than sorting by
    keys.
    """
    count = len(keys[0])
    if count < 2:
        return np.arange(count)
    bits = (count - 1).bit_length()
    used = bits
    packed = np.zeros(count, np.int64)
    for key in keys:
        low = int(key.min())
        width = (int(key.max()) - low).bit_length()
        used += width
        if used > 62:
            return np.lexsort(keys[::-1])
        if width:
            packed <<= width
            packed += key
            packed -= low
    packed <<= bits
    packed += np.arange(count)
    packed.sort()
    packed &= (1 << bits) - 1
    return packed
