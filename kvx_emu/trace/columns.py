"""Rows as columns of numpy: made, filtered, counted and written many at a time."""

from __future__ import annotations

from functools import cache
from math import prod
from typing import TYPE_CHECKING, overload

import numpy as np

from kvx_emu.trace import digits
from kvx_emu.trace.block import Block
from kvx_emu.trace.row import EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from typing import Any, TypeAlias

    from numpy.typing import NDArray

    from kvx_emu.core_id import CoreId
    from kvx_emu.trace.row import Key, Row

    _Between: TypeAlias = tuple[int, int, int, int, int, int]  # the columns between tick and value
    _Kinds: TypeAlias = tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]]
    Form: TypeAlias = Callable[[Iterable[Row]], str]

ABSENT = -1
"""What stands in the columns of clusters, cores and lines for None."""

_SOME = 1 << 16
"""Rows that are listed or sorted into kinds at once: memory is bounded, the kinds are not many more."""

_FEW = 1 << 14
"""Rows that are written at once: what that needs stays in the cache."""

_TABLE = 1 << 22
"""Entries of the largest table by which equal rows are found; rows of more kinds are sorted."""

_REPEATED = 32
"""Rows to a kind of row from which on it is faster to look values up than to write their digits."""

_BITS = 20
"""Bits that values are hashed to: if there are a hundred, two fall together once in two hundred times."""

_MIX = np.uint64(0x9E3779B97F4A7C15)
"""A factor that spreads numbers over the upper bits of the product: 2^64 divided by the golden ratio."""

_KEPT = 1 << 16
"""Texts that are kept for later rows; a board of one cluster needs some thousands."""

_TYPES = (np.int64, np.int16, np.int8, np.uint8, np.int16, np.int16, np.int8, np.uint64)

_EVENT = {name: code for code, name in enumerate(EVENTS)}

_LAST_TICK = np.iinfo(np.int64).max

_PLACE = 10**18
"""A number that no cluster, core, line or name holds: it shows where a format puts tick and value."""


class Columns(Block):
    """Rows as one array a column, all of one length; as a sequence, the tuples of `Row`.

    `event` is an index into `EVENTS`; clusters, cores and the line are `ABSENT` for None; else the
    columns hold what the row holds. The arrays are kept, not copied, and are not to be changed. Raises
    TypeError for an array whose numbers may not fit its column, ValueError for arrays of several lengths.
    """

    __slots__ = ("cluster", "core", "event", "from_cluster", "from_core", "line", "tick", "value")

    def __init__(
        self,
        tick: NDArray[np.int64],
        cluster: NDArray[np.int16],
        core: NDArray[np.int8],
        event: NDArray[np.uint8],
        line: NDArray[np.int16],
        from_cluster: NDArray[np.int16],
        from_core: NDArray[np.int8],
        value: NDArray[np.uint64],
    ) -> None:
        self.tick = tick.astype(np.int64, casting="safe", copy=False)
        self.cluster = cluster.astype(np.int16, casting="safe", copy=False)
        self.core = core.astype(np.int8, casting="safe", copy=False)
        self.event = event.astype(np.uint8, casting="safe", copy=False)
        self.line = line.astype(np.int16, casting="safe", copy=False)
        self.from_cluster = from_cluster.astype(np.int16, casting="safe", copy=False)
        self.from_core = from_core.astype(np.int8, casting="safe", copy=False)
        self.value = value.astype(np.uint64, casting="safe", copy=False)
        if len({column.shape for column in self._arrays()}) != 1:
            raise ValueError("columns of several lengths")

    @classmethod
    def from_rows(cls, rows: Iterable[Row]) -> Columns:
        """Return `rows` as columns; raises OverflowError for a number that does not fit its column."""
        numbers = [
            (
                tick,
                ABSENT if cluster is None else cluster,
                ABSENT if core is None else core,
                _EVENT[event],
                ABSENT if line is None else line,
                ABSENT if from_cluster is None else from_cluster,
                ABSENT if from_core is None else from_core,
                value,
            )
            for tick, cluster, core, event, line, from_cluster, from_core, value in rows
        ]
        columns = zip(*numbers, strict=True) if numbers else ((),) * len(_TYPES)
        return cls(*(np.array(column, kind) for column, kind in zip(columns, _TYPES, strict=True)))

    def _arrays(self) -> tuple[NDArray[Any], ...]:
        """Return the columns in the order of a row."""
        return (
            self.tick,
            self.cluster,
            self.core,
            self.event,
            self.line,
            self.from_cluster,
            self.from_core,
            self.value,
        )

    def __len__(self) -> int:
        return len(self.tick)

    def __iter__(self) -> Iterator[Row]:
        for piece in self._pieces(_SOME):
            yield from zip(
                piece.tick.tolist(),
                _listed(piece.cluster),
                _listed(piece.core),
                [EVENTS[code] for code in piece.event.tolist()],
                _listed(piece.line),
                _listed(piece.from_cluster),
                _listed(piece.from_core),
                piece.value.tolist(),
                strict=True,
            )

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Columns: ...
    def __getitem__(self, index: int | slice) -> Row | Columns:
        if isinstance(index, slice):
            return self.select(index)
        at = range(len(self))[index]
        return next(iter(self[at : at + 1]))

    def select(self, chosen: NDArray[np.bool_] | NDArray[np.integer[Any]] | slice) -> Columns:
        """Return the rows at the indices `chosen`, or where the mask `chosen`, as long as this, is true."""
        if isinstance(chosen, np.ndarray) and chosen.dtype == np.bool_:
            chosen = np.flatnonzero(chosen)  # a mask is slower, and there are eight arrays
        return Columns(*(column[chosen] for column in self._arrays()))

    def _pieces(self, rows: int) -> Iterator[Columns]:
        return (self[start : start + rows] for start in range(0, len(self), rows))

    def where(
        self,
        *,
        cores: Collection[CoreId] | None = None,
        lines: Collection[int] | None = None,
        events: Collection[str] | None = None,
        first: int = 0,
        last: int | None = None,
    ) -> Columns:
        """Return the rows of these cores, lines, events and ticks (both ends included); None is all."""
        if first > _LAST_TICK:  # numpy 1 compares such numbers as floats
            return self[:0]
        masks = []
        if first > 0:
            masks.append(self.tick >= first)
        if last is not None and last < _LAST_TICK:
            masks.append(self.tick <= last)
        if cores is not None:
            names = self.cluster.astype(np.int32) << 8 | self.core
            masks.append(_is_in(names, [cluster << 8 | pid for cluster, pid in cores]))
        if lines is not None:
            masks.append(_is_in(self.line, [line for line in lines if line != ABSENT]))
        if events is not None:
            masks.append(_is_in(self.event, [_EVENT[name] for name in events if name in _EVENT]))
        return self.select(np.logical_and.reduce(masks)) if masks else self

    def counts(self) -> dict[Key, int]:
        """Return how many rows there are of each key."""
        if not len(self):
            return {}
        sample, kind = _kinds(*self._arrays()[1:6])
        numbers = np.bincount(kind).tolist()
        return {row[1:6]: number for row, number in zip(self.select(sample), numbers, strict=True)}

    def lines(self, form: Form) -> str:
        """Return what `form` makes of the rows: a line of ASCII a row, each field in one place."""
        return "".join([text for piece in self._pieces(_SOME) for text in piece._texts(form)])

    def _texts(self, form: Form) -> Iterator[str]:
        # What stands behind the tick is the same in many rows, up to the value at least: it is looked up.
        middles = _middles(form)
        sample, kind = _kinds(*self._arrays()[1:7])
        valued = _with_values(kind, self.value) if len(sample) <= len(self) // _REPEATED else None
        if valued is not None:
            sample, kind = valued
        texts = [middles[key] for key in self._between(sample)]
        if valued is not None:
            values = self.value[sample].tolist()
            texts = [
                b"%b%d%b" % (text, value, middles.after) for text, value in zip(texts, values, strict=True)
            ]
        head, behind, tail = (digits.words(part) for part in ([middles.before], texts, [middles.after[1:]]))
        for start in range(0, len(self), _FEW):
            few = slice(start, start + _FEW)
            line = [head, *digits.digits(self.tick[few].view(np.uint64), middles.comma)]
            line.append(behind.take(kind[few], axis=0))
            if valued is None:
                line += [*digits.digits(self.value[few], middles.after[:1]), tail]
            yield digits.lines(line)

    def _between(self, chosen: NDArray[np.integer[Any]]) -> Iterator[_Between]:
        """Return what the rows `chosen`, indices, have in the columns between tick and value."""
        return zip(*(column[chosen].tolist() for column in self._arrays()[1:7]), strict=True)


class _Middles(dict["_Between", bytes]):
    """What a format writes between tick and value, less its first character, by what is there.

    `before` is what it writes before the tick, `comma` the character behind, `after` what follows the value.
    """

    def __init__(self, form: Form) -> None:
        super().__init__()
        self._form = form
        self.before, middle, self.after = self._split((0, 0, 0, 0, 0, 0))
        self.comma = middle[:1]

    def __missing__(self, key: _Between) -> bytes:
        if len(self) >= _KEPT:
            self.clear()
        _, middle, _ = self._split(key)
        self[key] = middle[1:]
        return self[key]

    def _split(self, codes: _Between) -> list[bytes]:
        cluster, core, event, line, from_cluster, from_core = codes
        place, sender = (_or_none(cluster), _or_none(core)), (_or_none(from_cluster), _or_none(from_core))
        row = (_PLACE, *place, EVENTS[event], _or_none(line), *sender, _PLACE)
        return self._form([row]).encode("ascii").split(b"%d" % _PLACE)


@cache
def _middles(form: Form) -> _Middles:
    return _Middles(form)


def _or_none(number: int) -> int | None:
    return None if number == ABSENT else number


def _listed(column: NDArray[np.integer[Any]]) -> list[int | None]:
    listed: list[int | None] = column.tolist()
    return [None if number == ABSENT else number for number in listed] if (column == ABSENT).any() else listed


def _is_in(column: NDArray[np.integer[Any]], wanted: list[int]) -> NDArray[np.bool_]:
    return np.isin(column, np.array(wanted, np.int64))


def _kinds(*columns: NDArray[Any]) -> _Kinds:
    """Tell which rows are equal in `columns`, integers of one length, not empty.

    Return the index of one row of each kind, in any order, and for each row its kind: an index into these.
    """
    bases = [int(column.max()) - int(column.min()) + 1 for column in columns]
    size = prod(bases)
    if size > _LAST_TICK:  # too large for a key: numbers that no board has, but that a file can hold
        table = np.stack([column.astype(np.int64) for column in columns], axis=1)
        _, sample, kind = np.unique(table, axis=0, return_index=True, return_inverse=True)
        return sample, kind.reshape(-1)
    key: NDArray[np.signedinteger[Any]] = np.zeros(len(columns[0]), np.int32 if size <= _TABLE else np.int64)
    for column, base in zip(columns, bases, strict=True):  # as the digits of a number below `size`
        if base > 1:
            key *= base
            key += column
            key -= column.min()
    if size > _TABLE:
        _, sample, kind = np.unique(key, return_index=True, return_inverse=True)
        return sample, kind
    return _classes(key, size)


def _classes(key: NDArray[np.integer[Any]], size: int) -> _Kinds:
    """Do as `_kinds` for one column of numbers from 0 to below `size`."""
    index, rows = key.astype(np.intp), np.arange(len(key), dtype=np.int32)
    table = np.empty(size, np.int32)  # entries that no row has are never read
    table[index] = rows
    sample = np.flatnonzero(table.take(index) == rows)  # the row of each kind that was written last
    table[index[sample]] = rows[: len(sample)]
    return sample, table.take(index)


def _with_values(kind: NDArray[np.integer[Any]], values: NDArray[np.uint64]) -> _Kinds | None:
    """Tell which rows are equal in kind and value, as `_kinds`; None if that is not worth it, or unknown."""
    most = len(kind) // _REPEATED
    sample, rank = _classes(values * _MIX >> np.uint64(64 - _BITS), 1 << _BITS)
    if len(sample) > most or (values[sample].take(rank) != values).any():
        return None
    found = _kinds(kind, rank)
    return found if len(found[0]) <= most else None
