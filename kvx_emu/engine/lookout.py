"""Looking out for rows: what expectations ask that the counts of the tally do not tell.

These are rows by the core that sent them, which came first, and which never came.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.core_id import CoreId
from kvx_emu.errors import DefectError
from kvx_emu.trace.block import Block
from kvx_emu.trace.recent import restored_row
from kvx_emu.trace.row import CLEAR, ENTER, REQUEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvx_emu.saved import Saved, Value
    from kvx_emu.script.actions import Rows
    from kvx_emu.trace.row import Row

_BY_REQUEST = {ENTER, CLEAR}  # the sender of these is that of the request
_PAIRED = {REQUEST, *_BY_REQUEST}
_TIMES = 1 << 66  # where waits end in a snapshot: sums of a few times of a script

_Wire = tuple[int | None, int | None, int | None]
"""(cluster, core, line) of a row."""


class _Request(NamedTuple):
    """A request that was neither entered nor cleared: when, and who sent it (None, None: a device)."""

    tick: int
    cluster: int | None
    core: int | None


class Seen:
    """What came of some rows since their mark: how many, the first, and the longest wait of an enter."""

    __slots__ = ("count", "first", "longest", "number")

    def __init__(self) -> None:
        self.count = 0
        self.first: Row | None = None
        self.number = 0  # of the first, in the order of all rows that are looked at
        self.longest = 0  # ticks from request to enter

    def add(self, number: int, row: Row, wait: int) -> None:
        """Take the row of a number."""
        self.count += 1
        if self.first is None:
            self.first, self.number = row, number
        self.longest = max(self.longest, wait)


class Lookout:
    """Looks out for some kinds of rows; `seen` tells what came of each. It is false if there are none."""

    def __init__(self, kinds: Iterable[Rows] = ()) -> None:
        self.seen: dict[Rows, Seen] = {kind: Seen() for kind in kinds}
        self._events = {event for kind in self.seen for event in kind.events}
        # For the senders of enters and clears the requests must be looked at too.
        self._pairs = any(kind.senders is not None and _BY_REQUEST & set(kind.events) for kind in self.seen)
        if self._pairs:
            self._events |= _PAIRED
        self._asked: defaultdict[_Wire, deque[_Request]] = defaultdict(deque)
        self._number = 0  # of rows looked at
        self._takers: dict[tuple[object, ...], list[Seen]] = {}  # by all that a row is chosen by

    def __bool__(self) -> bool:
        return bool(self.seen)

    @property
    def pairs(self) -> bool:
        """Whether requests are kept until they are entered or cleared."""
        return self._pairs

    def asked(self, cluster: int, core: int, line: int) -> int:
        """Return how many requests were neither entered nor cleared; known with `pairs` alone."""
        return len(self._asked.get((cluster, core, line), ()))

    def add(self, rows: Sequence[Row]) -> None:
        """Take the next rows."""
        events, takers, pairs = self._events, self._takers, self._pairs
        for row in rows.where(events=events) if isinstance(rows, Block) else rows:
            if row[3] not in events:
                continue
            self._number += 1
            chosen_by, wait = row[1:7], 0
            if pairs and row[3] in _PAIRED:
                request = self._pair(row)
                chosen_by = (*row[1:5], request.cluster, request.core)
                wait = row[0] - request.tick
            found = takers.get(chosen_by)
            if found is None:
                found = takers[chosen_by] = [
                    seen for kind, seen in self.seen.items() if _admits(kind, *chosen_by)
                ]
            for seen in found:
                seen.add(self._number, row, wait)

    def _pair(self, row: Row) -> _Request:
        """Return the request that a row is or belongs to."""
        tick, cluster, core, event, line, from_cluster, from_core, _ = row
        asked = self._asked[cluster, core, line]
        if event == REQUEST:
            asked.append(_Request(tick, from_cluster, from_core))
            return asked[-1]
        if not asked:
            name = CoreId(cluster or 0, core or 0)
            raise DefectError(f"{name} line {line}: {event} at tick {tick} without a request")
        # A line can have one request taken and a newer one pending. What software clears is the newer one.
        return asked.popleft() if event == ENTER else asked.pop()

    def mark(self, name: str) -> None:
        """Begin anew with what is looked for since this mark."""
        for kind, seen in self.seen.items():
            if kind.since == name:
                seen.count = seen.longest = seen.number = 0
                seen.first = None

    # What a snapshot holds

    def state(self) -> Value:
        """Return all of it, as values that JSON can hold: of each kind, in their order, what came of it."""
        seen = [
            [one.count, one.number, None if one.first is None else list(one.first), one.longest]
            for one in self.seen.values()
        ]
        waiting = {wire: requests for wire, requests in self._asked.items() if requests}
        asked = [
            [*wire, [list(request) for request in waiting[wire]]]
            for wire in sorted(waiting, key=lambda wire: [-1 if part is None else part for part in wire])
        ]
        return {"rows": self._number, "seen": seen, "asked": asked}

    def restore(self, saved: Saved) -> None:
        """Go on from a state. ValueError if it is none."""
        rows, kinds, asked = saved.record("rows", "seen", "asked")
        self._number = rows.number()
        for (kind, seen), entry in zip(self.seen.items(), kinds.items(len(self.seen)), strict=True):
            count, number, first, longest = entry.items(4)
            seen.count, seen.longest = count.number(self._number + 1), longest.number(_TIMES)
            seen.number = number.number(self._number + 1, least=min(seen.count, 1))
            seen.first = None if first.is_none else restored_row(first.items(8))
            if (seen.first is None) != (not seen.count) or (
                seen.first is not None and seen.first[3] not in kind.events
            ):
                raise first.wrong("the first of the rows that were counted")
        self._asked.clear()
        for entry in asked.items():
            cluster, core, line, requests = entry.items(4)
            wire = cluster.number_or_none(), core.number_or_none(), line.number_or_none()
            for request in requests.items():
                tick, *sender = request.items(3)
                self._asked[wire].append(_Request(tick.number(), *(part.number_or_none() for part in sender)))


def _admits(
    kind: Rows,
    cluster: int | None,
    core: int | None,
    event: str,
    line: int | None,
    from_cluster: int | None,
    from_core: int | None,
) -> bool:
    return (
        event in kind.events
        and (kind.cores is None or (cluster, core) in kind.cores)
        and (kind.lines is None or (line is not None and bool(kind.lines >> line & 1)))
        and (kind.senders is None or (from_cluster, from_core) in kind.senders)
    )
