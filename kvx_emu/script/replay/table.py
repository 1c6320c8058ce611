"""A table of register writes in a file: checked once in full, then read again where it is replayed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.errors import ERROR, Finding, InputError, Place, UsageError
from kvx_emu.files import open_input
from kvx_emu.script.replay.rows import Checks, Chunk, Writers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO, NoReturn

    from kvx_emu.core_id import CoreId
    from kvx_emu.script.replay.rows import Teller

KEPT = 4096
"""Rows of a table that stay in memory, so that a `repeat` need not read a small file each time."""


class _Identity(NamedTuple):
    """What tells a file from another, and from itself after a change."""

    device: int
    inode: int
    size: int
    changed: int  # nanoseconds


class Table:
    """The writes in a file: how many `rows`, the tick of the `last` (0 for none), and themselves."""

    def __init__(self, path: str, cores: Sequence[CoreId], teller: Teller) -> None:
        """Read and check all of the file; what is wrong is told. Raises UsageError if it can not be read."""
        self.path = path
        self.rows = 0
        self.last = 0
        self._cores = tuple(cores)
        self._kept: tuple[Chunk, ...] | None = ()
        with open_input(path) as stream:
            self._identity = _identity(stream)
            try:
                for chunk in _chunks(stream, path, self._cores, teller):
                    self.rows += len(chunk.tick)
                    self.last = int(chunk.tick[-1])
                    if self._kept is not None:
                        self._kept = (*self._kept, chunk) if self.rows <= KEPT else None
            except OSError as error:
                raise UsageError(f"cannot read {path}: {error.strerror or error}") from None

    def chunks(self) -> Iterator[Chunk]:
        """Yield the rows in order, a bounded number at a time.

        Raises InputError where the file is no longer as it was when it was checked.
        """
        if self._kept is not None:
            yield from self._kept
            return
        try:
            with open_input(self.path) as stream:
                self._expect(_identity(stream) == self._identity)
                rows = last = 0
                for chunk in _chunks(stream, self.path, self._cores, _Raiser()):
                    rows += len(chunk.tick)
                    last = int(chunk.tick[-1])
                    self._expect(rows <= self.rows)
                    yield chunk
                self._expect((rows, last, _identity(stream)) == (self.rows, self.last, self._identity))
        except (OSError, UsageError):
            self._expect(False)

    def _expect(self, same: bool) -> None:
        """Raise InputError unless the file is the `same`."""
        if not same:
            message = "the file has changed since it was checked; expected it to stay as it is during the run"
            _Raiser().error_at(Place(self.path), "script-table", message)


class _Raiser:
    """Raises what is told at once."""

    def error_at(self, place: Place, code: str, message: str) -> NoReturn:
        raise InputError([Finding(ERROR, code, message, place)])


def _identity(stream: BinaryIO) -> _Identity:
    status = os.fstat(stream.fileno())
    return _Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _chunks(stream: BinaryIO, path: str, cores: Sequence[CoreId], teller: Teller) -> Iterator[Chunk]:
    """Yield the checked rows of an open file; what is wrong is told."""
    writers, checks = Writers(cores), Checks(teller)
    # Each reader is imported where its format is met.
    if path.endswith(".npy"):
        from kvx_emu.script.replay.npy_rows import read_npy as read
    elif path.endswith(".parquet"):
        from kvx_emu.script.replay.parquet_rows import read_parquet as read
    else:
        from kvx_emu.script.replay.csv_rows import read_csv as read
    for rows in read(stream, path, writers, teller):
        yield checks.checked(rows)
