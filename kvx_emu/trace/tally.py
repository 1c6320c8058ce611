"""Counting rows: what expectations and the summary are judged by.

The tally sees rows alone. The engine's own state is held against it after every run (`balance`), so a
row that is missing or made twice is found.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple
from weakref import ref

from kvx_emu.core_id import CoreId
from kvx_emu.errors import DefectError
from kvx_emu.trace.block import Block
from kvx_emu.trace.row import CLEAR, COALESCED, ENTER, EVENTS, MASKED, REQUEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from kvx_emu.saved import Saved, Value
    from kvx_emu.trace.row import Key, Row

_key = itemgetter(slice(1, 6))
_PAIRED = {REQUEST, ENTER, CLEAR}
_TIMES = 1 << 66  # where waits end in a snapshot: sums of a few times of a script

Wire = tuple[CoreId, int]
"""A core and one of its lines."""

_Place = tuple[int | None, int | None, int | None]
"""(cluster, core, line) of a row."""


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
    software: int = (
        0  # requested and coalesced that software or a device caused, not a write to an IPI controller
    )


class Mark:
    """A moment to count from. The tally does not keep it, so that it can tell when nobody else does."""

    __slots__ = ("__weakref__", "counts")

    def __init__(self, counts: Counter[Key]) -> None:
        self.counts = counts


class Tally:
    """The counts of all rows so far; with `latency`, the time from request to enter of each delivery too."""

    def __init__(self, *, latency: bool = False) -> None:
        self.rows = 0
        self._counts: Counter[Key] = Counter()
        self._latency = latency
        self._asked: defaultdict[_Place, deque[int]] = defaultdict(deque)
        # The longest waits of enters, from the start to the first mark and from each mark to the next.
        self._intervals: list[tuple[ref[Mark] | None, dict[_Place, int]]] = [(None, {})]
        self._room = 16  # intervals at which it is time to look for marks that nobody needs any more

    def add(self, rows: Sequence[Row]) -> None:
        """Count `rows`, which follow those counted before."""
        if isinstance(rows, Block):
            self.add_counts(rows.counts(), len(rows))
            if self._latency:
                self._pair(rows.where(events=(REQUEST, ENTER, CLEAR)))
        else:
            self.rows += len(rows)
            self._counts.update(map(_key, rows))
            if self._latency:
                self._pair(rows)

    def add_counts(self, counts: Mapping[Key, int], rows: int) -> None:
        """Count `rows` rows that nobody made, by key; their waits, if wanted, are told by `add_waits`."""
        self.rows += rows
        self._counts.update({key: number for key, number in counts.items() if number})

    def add_waits(self, waits: Iterable[tuple[int | None, int | None, int | None, int]]) -> None:
        """Take the longest times in ticks from request to enter, of rows that nobody made.

        Each is (cluster, core, line, time), of enters since the last mark, the last call or the last row.
        """
        _, longest = self._intervals[-1]
        for cluster, core, line, wait in waits:
            place = cluster, core, line
            if wait > longest.get(place, 0):
                longest[place] = wait

    def asked(self, cluster: int, core: int, line: int) -> list[int]:
        """Return the ticks of the requests that were neither entered nor cleared, the oldest first.

        Known with latency alone.
        """
        return list(self._asked.get((cluster, core, line), ()))

    def set_asked(self, cluster: int, core: int, line: int, ticks: Iterable[int]) -> None:
        """Replace the requests of `asked`, after rows that nobody made."""
        self._asked[cluster, core, line] = deque(ticks)

    def _pair(self, rows: Iterable[Row]) -> None:
        # A line can have one request taken and a newer one pending: first in, first out. What software
        # clears is the newer one.
        _, longest = self._intervals[-1]
        for tick, cluster, core, event, line, _, _, _ in rows:
            if event not in _PAIRED:
                continue
            place = cluster, core, line
            asked = self._asked[place]
            if event == REQUEST:
                asked.append(tick)
            else:
                if not asked:
                    assert cluster is not None
                    assert core is not None
                    name = CoreId(cluster, core)
                    raise DefectError(f"{name} line {line}: {event} at tick {tick} without a request")
                if event == ENTER:
                    wait = tick - asked.popleft()
                    if wait > longest.get(place, 0):
                        longest[place] = wait
                else:
                    asked.pop()

    def mark(self) -> Mark:
        """Return this moment, for the `since` of the other methods."""
        mark = Mark(self._counts.copy())
        if len(self._intervals) >= self._room:
            self._forget()
        self._intervals.append((ref(mark), {}))
        return mark

    def _forget(self) -> None:
        """Join intervals that no mark parts any more, as a mark set in a loop leaves one each time."""
        intervals, self._intervals = self._intervals, []
        for mark, longest in intervals:
            if mark is None or mark() is not None:
                self._intervals.append((mark, longest))
            else:
                self.add_waits((*place, wait) for place, wait in longest.items())
        self._room = 2 * len(self._intervals) + 16  # so that the looking takes constant time a mark

    def _since(self, mark: Mark | None) -> Iterator[dict[_Place, int]]:
        """Yield the longest waits of the intervals from `mark`, one of ours, to now; the latest first."""
        start = None if mark is None else ref(mark)
        intervals = reversed(self._intervals)
        while True:
            begin, longest = next(intervals)
            yield longest
            if begin == start:
                return

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
                for longest in self._since(since)
                for (cluster, core, line), wait in longest.items()
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

    def state(self, names: Mapping[Mark, str]) -> dict[str, Value]:
        """Return all counts, as values that JSON can hold; `names` are those of the marks still in use.

        There is an interval from the start to the first mark, and one from each mark on: its counts by key,
        and its longest waits. `asked` are the ticks of requests that were neither entered nor cleared.
        """
        self._forget()
        marks = [None if begin is None else begin() for begin, _ in self._intervals]
        counts: list[Counter[Key]] = [Counter() if mark is None else mark.counts for mark in marks]
        intervals: list[Value] = []
        for mark, (_, longest), start, end in zip(
            marks, self._intervals, counts, [*counts[1:], self._counts], strict=True
        ):
            rows = [(*key, number - start[key]) for key, number in end.items() if number != start[key]]
            waits = [(*place, wait) for place, wait in longest.items()]
            intervals.append(
                {
                    "since": None if mark is None else names[mark],
                    "rows": [list(entry) for entry in sorted(rows, key=_nones_first)],
                    "waits": [list(entry) for entry in sorted(waits, key=_nones_first)],
                }
            )
        waiting = sorted((place for place, ticks in self._asked.items() if ticks), key=_nones_first)
        asked = [[*place, list(self._asked[place])] for place in waiting]
        return {"intervals": intervals, "asked": asked}

    def restore(self, saved: Saved) -> dict[str, Mark]:
        """Take the counts back and return the marks by name, to be kept by whoever wants them.

        ValueError if it is no state of a tally.
        """
        intervals, asked = saved.record("intervals", "asked")
        self._counts = Counter()
        self._intervals = []
        marks: dict[str, Mark] = {}
        for interval in intervals.items():
            since, rows, waits = interval.record("since", "rows", "waits")
            mark = None
            if self._intervals:
                marks[since.text()] = mark = Mark(self._counts.copy())
            elif not since.is_none:
                raise since.wrong("null, for the first interval is since the start")
            for entry in rows.items():
                *place, number = entry.items(6)
                cluster, core, event, line, sender = place
                if event.text() not in EVENTS:
                    raise event.wrong("an event")
                key = cluster.number_or_none(), core.number_or_none(), event.text(), line.number_or_none()
                self._counts[*key, sender.number_or_none()] += number.number(least=1)
            longest = {}
            for entry in waits.items():
                *place, wait = entry.items(4)
                longest[_place(place)] = wait.number(_TIMES)
            self._intervals.append((None if mark is None else ref(mark), longest))
        if len(self._intervals) != len(marks) + 1:
            raise intervals.wrong("an interval from the start, then one for each mark")
        self._asked.clear()
        for entry in asked.items():
            *place, ticks = entry.items(4)
            self._asked[_place(place)] = deque(ticks.numbers())
        self.rows = self._counts.total()
        self._room = 2 * len(self._intervals) + 16
        return marks

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
            if event in names and line is not None and cluster is not None and core is not None:
                counts = found[CoreId(cluster, core), line]
                counts[names[event]] += number
                if sender is None and event in {REQUEST, COALESCED}:
                    counts["software"] += number
        for name, numbers in (("sent", ledger.sent), ("pending", ledger.pending), ("flying", ledger.flying)):
            for wire, number in numbers.items():
                if number:
                    found[wire][name] += number
        return {wire: Line(**found[wire]) for wire in sorted(found)}


def _nones_first(values: Sequence[object]) -> list[object]:
    return [-1 if value is None else value for value in values]


def _place(saved: Sequence[Saved]) -> _Place:
    cluster, core, line = saved
    return cluster.number_or_none(), core.number_or_none(), line.number_or_none()


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
