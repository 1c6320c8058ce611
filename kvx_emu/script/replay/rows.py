"""What the readers of tables share: the columns, the cores that may write, and the checks of the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from kvx_emu.core_id import CoreId
from kvx_emu.limits import LIMITS
from kvx_emu.script.names import Cores, parse_core
from kvx_emu.script.report import nearest, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from kvx_emu.errors import Place

    Whole: TypeAlias = NDArray[np.integer[Any]]

REQUIRED = ("tick", "addr", "value")
WRITER = "from"
COLUMNS = (*REQUIRED, WRITER)

DEFAULT_WRITER = "pe0"


class Column(NamedTuple):
    """The greatest number of a column, the code of the error that a greater one is, and what is expected."""

    most: int
    code: str
    expected: str


NUMBERS = {
    "tick": Column(LIMITS.ticks - 1, "script-time", "a tick 0..2^63 - 1"),
    "addr": Column(LIMITS.number - 1, "script-value", "an address 0..2^64 - 1"),
    "value": Column(0xFFFFFFFF, "script-value", "a value of 4 bytes, 0..0xffffffff"),
}


class Teller(Protocol):
    """Who is told what is wrong: a report that gathers it, or one that raises at once."""

    def error_at(self, place: Place, code: str, message: str) -> None:
        """Take an error at `place`."""
        ...


class Rows(NamedTuple):
    """Rows as a reader found them: arrays of whole numbers, of any width and all of the same length.

    Writers are cluster << 8 | pid; which of them are cores was checked, but not the other numbers. `told`
    says of some columns which cells were told to be wrong and hold anything. `where(row, column)` is the
    place of a cell, the row being an index into the arrays.
    """

    tick: Whole
    address: Whole
    value: Whole
    writer: Whole
    told: Mapping[str, NDArray[np.bool_]]
    where: Callable[[int, str], Place]


class Chunk(NamedTuple):
    """Some rows of a table that were checked, in order; all arrays have the same length, at least 1.

    Ticks count from the start of the step and never decrease, from chunk to chunk either.
    """

    tick: NDArray[np.int64]
    address: NDArray[np.uint64]
    value: NDArray[np.uint32]
    cluster: NDArray[np.int16]  # of the writer
    pid: NDArray[np.uint8]  # likewise

    def writes(self) -> Iterator[tuple[int, int, int, CoreId]]:
        """Yield the rows as Python's own numbers: tick, address, value and writer."""
        codes = (self.cluster.astype(np.int64) << 8 | self.pid).tolist()
        cores = {code: CoreId(code >> 8, code & 0xFF) for code in set(codes)}
        columns = (column.tolist() for column in (self.tick, self.address, self.value))
        return zip(*columns, map(cores.__getitem__, codes), strict=True)


class Writers:
    """The cores of a board, by the names and the numbers that a table has for them."""

    def __init__(self, cores: Sequence[CoreId]) -> None:
        self._cores = Cores(cores)
        self.numbers = [cluster << 8 | pid for cluster, pid in self._cores.all]

    def number(self, name: str) -> int:
        """Return cluster << 8 | pid of the core called `name`, "" being the default.

        Raises ValueError with the message where that is not the name of one core of the board.
        """
        try:
            core = parse_core(name or DEFAULT_WRITER)
        except ValueError:
            core = None
        if core is None or not core.single:
            raise ValueError(f"found {quote(name)}; expected one core, such as pe0, rm or c2.pe3")
        try:
            ((cluster, pid),) = self._cores.resolve(core)
        except ValueError as error:
            default = "" if name else f"; it is the default of `{WRITER}`"
            raise ValueError(f"{error}{default}") from None
        return cluster << 8 | pid

    def known(self) -> Iterator[tuple[str, int]]:
        """Yield each name of each core, "" for the default one, with its number."""
        for core, number in zip(self._cores.all, self.numbers, strict=True):
            yield str(core), number
            if core.cluster == 0:
                yield f"c0.{core}", number
            if str(core) == DEFAULT_WRITER:
                yield "", number


class Checks:
    """Checks rows, from the first of a table to the last; what is wrong is told."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._last = 0

    def checked(self, rows: Rows) -> Chunk:
        """Return rows with their final types; of a number that is told to be wrong, anything."""
        sound = self._within(rows, "tick", rows.tick)
        self._within(rows, "addr", rows.address)
        self._within(rows, "value", rows.value)
        tick = rows.tick.astype(np.int64)
        index = np.flatnonzero(sound)
        ticks = tick[index]
        for k in np.flatnonzero(np.diff(ticks, prepend=self._last) < 0).tolist():
            before = int(ticks[k - 1]) if k else self._last
            message = f"found tick {ticks[k]} after tick {before}; expected ticks that never decrease"
            self._teller.error_at(rows.where(int(index[k]), "tick"), "script-time", message)
        self._last = int(ticks[-1]) if len(ticks) else self._last
        return Chunk(
            tick,
            rows.address.astype(np.uint64),
            rows.value.astype(np.uint32),
            (rows.writer >> 8).astype(np.int16),
            (rows.writer & 0xFF).astype(np.uint8),
        )

    def _within(self, rows: Rows, name: str, cells: Whole) -> NDArray[np.bool_]:
        """Return which cells are in the range of their column; tell the others, unless they were told."""
        column, told = NUMBERS[name], rows.told.get(name, np.False_)
        sound = cells.astype(np.uint64) <= np.uint64(column.most)
        if cells.dtype.kind == "i":
            sound &= cells >= 0
        for index in np.flatnonzero(~(sound | told)).tolist():
            message = f"found {cells[index]} for {name}; expected {column.expected}"
            self._teller.error_at(rows.where(index, name), column.code, message)
        return sound & ~told


def check_columns(names: Iterable[str], where: Callable[[int], Place], teller: Teller) -> bool:
    """Return whether the columns are right; what is wrong is told, `where(k)` being the place of the k-th."""
    found: list[str] = []
    sound = True
    for index, name in enumerate(names):
        if name not in COLUMNS:
            message = f"unknown column {quote(name)}; expected {', '.join(COLUMNS)}{nearest(name, COLUMNS)}"
            teller.error_at(where(index), "script-key", message)
        elif name in found:
            message = f"column {quote(name)} stands already further left; expected each column once"
            teller.error_at(where(index), "script-duplicate", message)
        else:
            found.append(name)
            continue
        sound = False
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        message = f"the table lacks {', '.join(missing)}; expected the columns {', '.join(REQUIRED)}"
        teller.error_at(where(0), "script-missing", message)
    return sound and not missing
