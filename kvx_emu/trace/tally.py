"""Counting rows: what expectations and the summary are judged by.

The tally sees rows alone. The engine's own state is held against it after every run (`balance`), so a
row that is missing or made twice is found.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.core_id import CoreId
from kvx_emu.errors import DefectError
from kvx_emu.trace.row import CLEAR, COALESCED, ENTER, MASKED, REQUEST, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_Key = tuple[int, int, str, int | None, int | None]
"""(cluster, core, event, line, from_cluster): the part of a row that is counted."""

_key = itemgetter(slice(1, 6))

Wire = tuple[CoreId, int]
"""A core and one of its lines."""


class Ledger(NamedTuple):
    """What an engine knows of a run besides its rows; each maps (core, line) to a number.

    `sent` counts the target bits of cores that the board has; `pending` the requests in ILR and those
    taken but not entered; `flying` the requests that a limit caught between write and arrival.
    """

    sent: Mapping[Wire, int]
    pending: Mapping[Wire, int]
    flying: Mapping[Wire, int]


class Line(NamedTuple):
    """The summary of one core's line: how often each thing happened."""

    sent: int = 0
    masked: int = 0
    requested: int = 0
    coalesced: int = 0
    delivered: int = 0
    pending: int = 0
    cleared: int = 0
    flying: int = 0
    software: int = 0  # requested and coalesced that no write to an IPI controller caused


class Mark(NamedTuple):
    """A moment to count from."""

    counts: Counter[_Key]
    waits: int


class Tally:
    """The counts of all rows so far; with `latency`, the time from request to enter of each delivery too."""

    def __init__(self, *, latency: bool = False) -> None:
        self.rows = 0
        self._counts: Counter[_Key] = Counter()
        self._latency = latency
        self._asked: defaultdict[tuple[int, int, int | None], deque[int]] = defaultdict(deque)
        self._waits: list[tuple[int, int, int | None, int]] = []

    def add(self, rows: Sequence[Row]) -> None:
        """Count `rows`, which follow those counted before."""
        self.rows += len(rows)
        self._counts.update(map(_key, rows))
        if self._latency:
            self._add_waits(rows)

    def _add_waits(self, rows: Sequence[Row]) -> None:
        # A line can have one request taken and a newer one pending: first in, first out. What software
        # clears is the newer one.
        for tick, cluster, core, event, line, _, _, _ in rows:
            asked = self._asked[cluster, core, line]
            if event == REQUEST:
                asked.append(tick)
            elif event in {ENTER, CLEAR}:
                if not asked:
                    name = CoreId(cluster, core)
                    raise DefectError(f"{name} line {line}: {event} at tick {tick} without a request")
                if event == ENTER:
                    self._waits.append((cluster, core, line, tick - asked.popleft()))
                else:
                    asked.pop()

    def mark(self) -> Mark:
        """Return this moment, for the `since` of the other methods."""
        return Mark(self._counts.copy(), len(self._waits))

    def count(self, event: str, cores: Iterable[CoreId] | None, lines: int | None, since: Mark | None) -> int:
        """Return how many rows of `event` there were on `cores` and `lines` (a 32-bit mask); None is all."""
        wanted = None if cores is None else set(cores)
        total = 0
        for key, number in self._counts.items():
            cluster, core, found, line, _ = key
            if found != event or (wanted is not None and (cluster, core) not in wanted):
                continue
            if lines is not None and (line is None or not lines >> line & 1):
                continue
            total += number - (since.counts[key] if since else 0)
        return total

    def longest_wait(self, cores: Iterable[CoreId] | None, lines: int | None, since: Mark | None) -> int:
        """Return the greatest time in ticks from request to enter, 0 if nothing was entered."""
        wanted = None if cores is None else set(cores)
        return max(
            (
                wait
                for cluster, core, line, wait in self._waits[since.waits if since else 0 :]
                if (wanted is None or (cluster, core) in wanted)
                and (lines is None or (line is not None and lines >> line & 1))
            ),
            default=0,
        )

    def events(self) -> dict[str, int]:
        """Return how many rows of each event there were."""
        total: dict[str, int] = {}
        for (_, _, event, _, _), number in self._counts.items():
            total[event] = total.get(event, 0) + number
        return total

    def summary(self, ledger: Ledger) -> dict[Wire, Line]:
        """Return the counts of every core and line that had anything, in order; see `balance`."""
        found: dict[Wire, dict[str, int]] = defaultdict(lambda: dict.fromkeys(Line._fields, 0))
        names = {
            MASKED: "masked",
            REQUEST: "requested",
            COALESCED: "coalesced",
            ENTER: "delivered",
            CLEAR: "cleared",
        }
        for (cluster, core, event, line, sender), number in self._counts.items():
            if event in names and line is not None:
                counts = found[CoreId(cluster, core), line]
                counts[names[event]] += number
                if sender is None and event in {REQUEST, COALESCED}:
                    counts["software"] += number
        for name, numbers in (("sent", ledger.sent), ("pending", ledger.pending), ("flying", ledger.flying)):
            for wire, number in numbers.items():
                if number:
                    found[wire][name] += number
        return {wire: Line(**found[wire]) for wire in sorted(found)}


def balance(summary: Mapping[Wire, Line]) -> None:
    """Raise DefectError unless every request is accounted for on every core and line.

    Target bits sent are masked, requested, coalesced or still under way; what was requested was
    delivered, is pending or was cleared.
    """
    for (core, line), counts in summary.items():
        arrived = counts.masked + counts.requested + counts.coalesced - counts.software
        if counts.sent != arrived + counts.flying:
            raise DefectError(f"{core} line {line}: sent is not masked + requested + coalesced: {counts}")
        if counts.requested != counts.delivered + counts.pending + counts.cleared:
            raise DefectError(f"{core} line {line}: requested is not delivered + pending + cleared: {counts}")
