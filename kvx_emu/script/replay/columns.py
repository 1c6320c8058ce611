"""What .npy and Parquet have in common: columns with types, and rows that are counted from 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from kvx_emu.errors import Place
from kvx_emu.script.replay.rows import NUMBERS, REQUIRED, WRITER, Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from kvx_emu.script.replay.rows import Teller, Whole, Writers

    Cells: TypeAlias = NDArray[Any]
    Names: TypeAlias = "tuple[Sequence[str], Whole]"

CHUNK = 1 << 15
"""Rows that are read at once."""


_NUMBER = "cluster << 8 | pid"


def refused_type(name: str, found: str) -> str:
    """Return the message that the column `name` has the wrong type."""
    return f"found {found} for {name}; expected integers{' or names of cores' if name == WRITER else ''}"


class Columns:
    """Makes rows of the columns of a table."""

    def __init__(self, path: str, writers: Writers, teller: Teller) -> None:
        self._path, self._writers, self._teller = path, writers, teller
        self._numbers = np.array(writers.numbers, np.uint64)
        self._before = 0  # rows

    def rows(
        self, numbers: Mapping[str, Cells], names: Names | None, empty: Mapping[str, NDArray[np.bool_]]
    ) -> Iterator[Rows]:
        """Yield the next rows, if these are any.

        `numbers` are the columns of integers; `names`, where `from` is of texts, its distinct ones and the
        index of each row's. `empty` tells of some columns of integers which cells are empty.
        """
        for name, cells in empty.items():
            code, expected = "script-core", _NUMBER
            if name != WRITER:
                code, expected = NUMBERS[name].code, NUMBERS[name].expected
            self._tell(cells, code, f"found nothing for {name}; expected {expected}")
        tick, address, value = (numbers[name] for name in REQUIRED)
        if WRITER in numbers:
            writer = self._check(numbers[WRITER], empty.get(WRITER, np.False_))
        elif names is not None:
            writer = self._look_up(*names)
        else:
            writer = self._look_up([""], np.zeros(len(tick), np.int64))
        if len(tick):
            yield Rows(tick, address, value, writer, empty, self._where(self._before))
        self._before += len(tick)

    def _where(self, before: int) -> Callable[[int, str], Place]:
        """Return what tells the place of a row, of which `before` is that of the index 0, from 0."""
        return lambda row, _: Place(self._path, row=before + row + 1)

    def _check(self, cells: Cells, told: NDArray[np.bool_] | np.bool_) -> Whole:
        """Return the numbers of writers; those that are none are told, unless they were before."""
        wide = cells.astype(np.uint64)  # what is negative becomes too large for any core
        unknown = ~(np.isin(wide, self._numbers) | told)
        for number in np.unique(cells[unknown]).tolist():
            message = f"found {number} for {WRITER}; expected {_NUMBER} of a core that the board has"
            self._tell(unknown & (cells == number), "script-core", message)
        return wide.astype(np.int64)

    def _look_up(self, names: Sequence[str], index: Whole) -> Whole:
        """Return the numbers of the writers `names[index]`; those that are none are told."""
        numbers = np.zeros(len(names), np.int64)
        for k, name in enumerate(names):
            try:
                numbers[k] = self._writers.number(name)
            except ValueError as error:
                self._tell(index == k, "script-core", str(error))
        return numbers[index]

    def _tell(self, wrong: NDArray[np.bool_], code: str, message: str) -> None:
        """Tell an error at each row that is `wrong`."""
        where = self._where(self._before)
        for row in np.flatnonzero(wrong).tolist():
            self._teller.error_at(where(row, ""), code, message)
