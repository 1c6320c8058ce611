"""The last rows of a run, for messages: what led to what is told."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from kvx_emu.core_id import PIDS
from kvx_emu.trace.row import EVENTS
from kvx_emu.trace.table import HEADERS, row_cells

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from kvx_emu.saved import Saved, Value
    from kvx_emu.trace.row import Row

KEPT = 4096
"""Rows that are looked back on."""

LAST = 5
"""Rows of a core that are told."""

MOST = 20
"""Rows that are told in all."""

_Core = tuple[int | None, int | None]
"""(cluster, core) of a row."""

_TIMES = 1 << 128  # where ticks end, those of timers too


class Recent:
    """The last `KEPT` rows, in the chunks in which they came."""

    def __init__(self) -> None:
        self._rows = 0  # so many there were
        self._chunks: deque[tuple[int, Sequence[Row]]] = deque()  # each with how many there were before it

    def add(self, rows: Sequence[Row]) -> None:
        """Take the next rows."""
        self._rows += len(rows)
        kept = rows[-KEPT:]
        self._chunks.append((self._rows - len(kept), kept))
        while len(self._chunks) > 1 and self._chunks[1][0] <= self._rows - KEPT:
            self._chunks.popleft()

    def _kept(self) -> Iterator[tuple[int, Row]]:
        """Yield the rows that are kept, each with how many there were before it."""
        for start, rows in self._chunks:
            for number, row in enumerate(rows, start):
                if number >= self._rows - KEPT:
                    yield number, row

    def last(self, cores: Collection[_Core] | None) -> list[Row]:
        """Return the last rows of each of the cores, of all rows with None; in order, `MOST` at most."""
        chosen: set[tuple[int, Row]] = set()
        for rows in self._last(cores).values():
            chosen.update(rows)
        return [row for _, row in sorted(chosen, key=_number)[-MOST:]]

    def _last(self, cores: Collection[_Core] | None) -> dict[_Core, deque[tuple[int, Row]]]:
        """Return the last rows, numbered, by core; by (None, None) those of all, if `cores` is None."""
        last: dict[_Core, deque[tuple[int, Row]]] = {}
        for number, row in self._kept():
            place: _Core = (None, None) if cores is None else row[1:3]
            if cores is None or place in cores:
                last.setdefault(place, deque(maxlen=LAST)).append((number, row))
        return last

    def state(self) -> Value:
        """Return those rows that may still be told, as values that JSON can hold.

        Each is how many rows there were after it, then what the row holds.
        """
        chosen: set[tuple[int, Row]] = set()
        cores = {row[1:3] for _, row in self._kept() if row[2] is not None}
        for rows in (*self._last(None).values(), *self._last(cores).values()):
            chosen.update(rows)
        return [[self._rows - 1 - number, *row] for number, row in sorted(chosen, key=_number)]

    def restore(self, saved: Saved, rows: int) -> None:
        """Go on from a state, when there were `rows` rows. ValueError if it is none."""
        self._rows = rows
        self._chunks.clear()
        before = -1
        for entry in saved.items():
            after, *row = entry.items(9)
            number = rows - 1 - after.number(min(rows, KEPT))
            if number <= before:
                raise after.wrong("rows in their order")
            before = number
            self._chunks.append((number, [restored_row(row)]))


def restored_row(saved: Sequence[Saved]) -> Row:
    """Return the row whose eight parts were saved. ValueError if it is none."""
    tick, cluster, core, event, line, from_cluster, from_core, value = saved
    if event.text() not in EVENTS:
        raise event.wrong("an event")
    return (
        tick.number(_TIMES),
        cluster.number_or_none(),
        core.number_or_none(PIDS),
        event.text(),
        line.number_or_none(),
        from_cluster.number_or_none(),
        from_core.number_or_none(PIDS),
        value.number(),
    )


def lines_of(rows: Sequence[Row]) -> list[str]:
    """Return rows as people read them, a line each below a line of headers."""
    table = [(tick, core, *rest) for core, tick, *rest in (HEADERS, *map(row_cells, rows))]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(_aligned(cells, widths)).rstrip() for cells in table]


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for at, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        yield cell.rjust(width) if at in _NUMBERS else cell.ljust(width)


_NUMBERS = (0, 3, 5)  # columns that stand to the right


def _number(numbered: tuple[int, Row]) -> int:
    return numbered[0]
