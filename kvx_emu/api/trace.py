"""The rows of a run, or of a file, as columns of numpy."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, overload

import numpy as np

from kvx_emu.core_id import CoreId
from kvx_emu.errors import UsageError
from kvx_emu.outputs import Outputs
from kvx_emu.script.names import Cores, parse_core
from kvx_emu.trace.columns import Columns
from kvx_emu.trace.formats import open_sink
from kvx_emu.trace.row import COLUMNS, EVENTS
from kvx_emu.trace.setting import Setting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TypeAlias

    from numpy.typing import NDArray

    from kvx_emu.trace import row

    Wanted: TypeAlias = str | CoreId | Iterable[str | CoreId]

_MANY = 1 << 15
"""Rows that are turned into columns at once: a row of Python takes ten times the memory."""


class Row(NamedTuple):
    """One event of a trace; None is absent. docs/trace.md tells the meanings."""

    tick: int
    cluster: int | None
    core: int | None  # the pid, 0 to 15 a PE, 16 the RM
    event: str
    line: int | None
    from_cluster: int | None
    from_core: int | None
    value: int


class Trace(Sequence[Row]):
    """Rows in the order in which they happened; the columns are arrays that can not be written.

    An absent cluster, core or line is -1 in its column, and None in a `Row`. `event` holds indices into
    `EVENTS`; `events` their names.
    """

    EVENTS = EVENTS

    def __init__(self, columns: Columns, setting: Setting | None = None) -> None:
        self._columns = columns
        self._setting = setting or Setting()

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Trace:
        """Return the rows of a file: .csv, .jsonl or .parquet.

        Raises UsageError for one that can not be opened, InputError with all that is wrong in it.
        """
        from kvx_emu.trace.reading import read_trace

        kept = Kept()
        with read_trace(os.fspath(path)) as trace:
            for rows in trace.chunks:
                kept.add(rows)
        return cls(kept.columns(), trace.setting)

    @property
    def tick(self) -> NDArray[np.int64]:
        """When it happened, in ticks of the core clock."""
        return _locked(self._columns.tick)

    @property
    def cluster(self) -> NDArray[np.int16]:
        """The cluster."""
        return _locked(self._columns.cluster)

    @property
    def core(self) -> NDArray[np.int8]:
        """The core's pid, 16 the RM."""
        return _locked(self._columns.core)

    @property
    def event(self) -> NDArray[np.uint8]:
        """What happened, as an index into `EVENTS`."""
        return _locked(self._columns.event)

    @property
    def events(self) -> NDArray[np.str_]:
        """What happened, by name."""
        names: NDArray[np.str_] = np.array(EVENTS)[self._columns.event]
        return names

    @property
    def line(self) -> NDArray[np.int16]:
        """The interrupt line."""
        return _locked(self._columns.line)

    @property
    def from_cluster(self) -> NDArray[np.int16]:
        """The cluster of the core that caused it."""
        return _locked(self._columns.from_cluster)

    @property
    def from_core(self) -> NDArray[np.int8]:
        """The pid of the core that caused it."""
        return _locked(self._columns.from_core)

    @property
    def value(self) -> NDArray[np.uint64]:
        """What `value` holds depends on the event."""
        return _locked(self._columns.value)

    def where(
        self,
        *,
        core: Wanted | None = None,
        line: int | Iterable[int] | None = None,
        event: str | Iterable[str] | None = None,
        first: int = 0,
        last: int | None = None,
    ) -> Trace:
        """Return the rows of these cores, lines and events, from tick `first` to tick `last`, both included.

        Cores are named as in a script: `pe1`, `pe0-7`, `rm`, `pes`, `c2.pe3`. Raises UsageError for a core
        that the board lacks, and for an event that there is not.
        """
        columns = self._columns.where(
            cores=None if core is None else self._cores(core),
            lines=None if line is None else [line] if isinstance(line, int) else list(line),
            events=None if event is None else _events([event] if isinstance(event, str) else event),
            first=first,
            last=last,
        )
        return Trace(columns, self._setting)

    def _cores(self, wanted: Wanted) -> set[CoreId]:
        board = Cores(self._setting.cores or self._seen())
        cores: set[CoreId] = set()
        for name in [wanted] if isinstance(wanted, (str, CoreId)) else wanted:
            if isinstance(name, CoreId):
                cores.add(name)
                continue
            try:
                core = parse_core(name)
                if core.word == "others":
                    raise ValueError("found `others`, which is about a sender; expected cores, all or pes")
                if self._setting.cores or core.word:
                    cores.update(board.resolve(core))
                else:  # a trace that was read: a core without rows may well be on the board
                    cores.update(CoreId(core.cluster or 0, pid) for pid in range(core.first, core.last + 1))
            except ValueError as error:
                raise UsageError(f"core: {error}") from None
        return cores

    def _seen(self) -> list[CoreId]:
        """Return the cores that have rows."""
        columns = self._columns
        here = (columns.cluster >= 0) & (columns.core >= 0)
        names = np.unique(columns.cluster[here].astype(np.int32) << 8 | columns.core[here])
        return [CoreId(name >> 8, name & 0xFF) for name in names.tolist()]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all rows to a file; the suffix says the format, as for `kvx-emu run --trace`.

        The file appears whole or not at all. Raises UsageError for an unknown suffix, OutputError if the
        file can not be written.
        """
        with Outputs() as outputs:
            sink = outputs.add(open_sink(os.fspath(path), self._setting))
            sink.add(self._columns)
            outputs.keep()

    def __len__(self) -> int:
        return len(self._columns)

    def __iter__(self) -> Iterator[Row]:
        return map(Row._make, self._columns)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Trace: ...
    def __getitem__(self, index: int | slice) -> Row | Trace:
        if isinstance(index, slice):
            return Trace(self._columns[index], self._setting)
        return Row(*self._columns[index])

    def __eq__(self, other: object) -> bool:
        """Return whether the rows are the same, whatever board and script they are of."""
        if not isinstance(other, Trace):
            return NotImplemented
        return all(np.array_equal(getattr(self, name), getattr(other, name)) for name in COLUMNS)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        ticks = f", ticks {self.tick[0]} to {self.tick[-1]}" if len(self) else ""
        return f"<Trace: {len(self)} rows{ticks}>"


class Kept:
    """A sink that keeps the rows for a `Trace`: 34 bytes each."""

    def __init__(self) -> None:
        self._parts: list[Columns] = []
        self._rows: list[row.Row] = []

    def add(self, rows: Sequence[row.Row]) -> None:
        """Keep the rows."""
        if isinstance(rows, Columns):
            self._turn()
            self._parts.append(rows)
            return
        self._rows.extend(rows)
        if len(self._rows) >= _MANY:
            self._turn()

    def _turn(self) -> None:
        if self._rows:
            self._parts.append(Columns.from_rows(self._rows))
            self._rows.clear()

    def columns(self) -> Columns:
        """Return all rows."""
        self._turn()
        if len(self._parts) != 1:
            parts = [Columns.from_rows([]), *self._parts]
            self._parts = [
                Columns(*(np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS))
            ]
        return self._parts[0]

    def flush(self) -> None:
        """Do nothing: nothing is written."""

    def close(self) -> None:
        """Do nothing: the rows are kept."""

    def abandon(self) -> None:
        """Do nothing: nothing was written."""


def _events(names: Iterable[str]) -> list[str]:
    wanted = list(names)
    for name in wanted:
        if name not in EVENTS:
            raise UsageError(f"event: found {name!r}; expected one of {', '.join(EVENTS)}")
    return wanted


def _locked(column: NDArray[Any]) -> NDArray[Any]:
    view = column.view()
    view.flags.writeable = False
    return view
