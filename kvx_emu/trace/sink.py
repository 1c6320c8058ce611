"""Where rows go: files that appear whole or not at all, streams, and filters before them."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

from kvx_emu.errors import OutputError, ReaderGoneError
from kvx_emu.trace.block import Block
from kvx_emu.trace.text import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import TextIO

    from kvx_emu.core_id import CoreId
    from kvx_emu.trace.row import Row

_T = TypeVar("_T")

_UNNAMED: int = getattr(os, "O_TMPFILE", 0)
"""The flag for a file without a name, 0 where the system has none (it is Linux's)."""


class Sink(Protocol):
    """Takes the rows of a run, in order, in chunks of any size.

    A chunk is a list of rows, which may change after `add` returns, or a `Block`, which does not.
    """

    def add(self, rows: Sequence[Row]) -> None:
        """Take the next rows."""

    def flush(self) -> None:
        """Write what is held back. If all sinks do this before any closes, a full disk changes none."""

    def close(self) -> None:
        """Keep what was written; nothing follows."""

    def abandon(self) -> None:
        """Leave no trace of what was written; harmless after `close`."""


class Filter:
    """Lets only some rows through to `sink`: by core, line, event and tick (both ends included).

    None lets all through; a row without a line passes no filter by line.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        cores: Collection[CoreId] | None = None,
        lines: Collection[int] | None = None,
        events: Collection[str] | None = None,
        first: int = 0,
        last: int | None = None,
    ) -> None:
        self._sink = sink
        self._cores = cores
        self._lines = lines
        self._events = events
        self._first = first
        self._last = last

    def add(self, rows: Sequence[Row]) -> None:
        """Pass on the rows that all the conditions admit."""
        cores, lines, events = self._cores, self._lines, self._events
        first, last = self._first, self._last
        if isinstance(rows, Block):
            self._sink.add(rows.where(cores=cores, lines=lines, events=events, first=first, last=last))
            return
        self._sink.add(
            [
                row
                for row in rows
                if row[0] >= first
                and (last is None or row[0] <= last)
                and (cores is None or (row[1], row[2]) in cores)
                and (lines is None or row[4] in lines)
                and (events is None or row[3] in events)
            ]
        )

    def flush(self) -> None:
        """Flush the sink behind."""
        self._sink.flush()

    def close(self) -> None:
        """Close the sink behind."""
        self._sink.close()

    def abandon(self) -> None:
        """Abandon the sink behind."""
        self._sink.abandon()


class StreamSink:
    """Writes rows to an open text stream, in the format `kind` of `FORMATS`; header first."""

    def __init__(self, stream: TextIO, kind: str) -> None:
        header, self._format = FORMATS[kind]
        self._stream = stream
        self._put(header)

    def _put(self, text: str) -> None:
        write_text(self._stream, text)

    def add(self, rows: Sequence[Row]) -> None:
        """Write the rows."""
        self._put(self._format(rows))

    def flush(self) -> None:
        """Hand what was written to the reader."""
        flush(self._stream)

    def close(self) -> None:
        """Flush; the stream stays open, for it is not ours."""
        self.flush()

    def abandon(self) -> None:
        """Do nothing: what a reader has read can not be taken back."""


class AtomicFile:
    """A text file that keeps its old content until `close`.

    Written where nobody sees it, flushed to the disk, then put in the target's place; so whatever ends
    the program, even SIGKILL, leaves the old file or the new one. The mode stays, a symlink is followed.
    A target that exists and is no regular file (a pipe, /dev/full), or that is standard output under
    another name, is written directly. Raises OutputError.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._target = os.path.realpath(path)
        self._replaces = False  # whether `close` puts a file in the target's place
        self._aside: str | None = None  # the name of the file that is not in its place yet, if it has one
        self._stream: TextIO | None = None
        try:
            self._stream = os.fdopen(self._open(), "w", encoding="utf-8", newline="")
        except OSError as error:
            raise self._failed(error) from None

    def _open(self) -> int:
        try:
            old = os.stat(self._path)  # not of the target: /dev/stdout can lead to a pipe, which has no name
        except FileNotFoundError:
            old = None
        if old is not None:
            printed = _printed(old)
            if printed is not None:
                return os.dup(printed)  # shares the position, so that neither overwrites the other
            if not stat.S_ISREG(old.st_mode):
                return os.open(self._path, os.O_WRONLY)  # refuses a directory by itself
            if not os.access(self._target, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        descriptor = self._open_unseen()
        if old is not None:
            with suppress(OSError):  # another user's file becomes ours, as with any editor
                os.fchown(descriptor, old.st_uid, old.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
        self._replaces = True
        return descriptor

    def _open_unseen(self) -> int:
        """Open a file on the target's file system: one without a name where the system can do that."""
        if _UNNAMED:
            with suppress(OSError):  # not every file system can; what else is wrong shows below
                return os.open(os.path.dirname(self._target), os.O_WRONLY | _UNNAMED, 0o666)
        return self._try_names(lambda aside: os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))

    def _try_names(self, make: Callable[[str], _T]) -> _T:
        """Return what `make` returns for a name beside the target that it does not find taken.

        A name can be left over from a process of the same number that was killed; in a container every
        process may have the same.
        """
        number = 0
        while True:
            self._aside = f"{self._target}.{os.getpid()}-{number}.part"
            try:
                return make(self._aside)
            except FileExistsError:
                number += 1
            except OSError:
                self._aside = None
                raise

    def _failed(self, error: OSError) -> OutputError:
        self.abandon()
        return OutputError(f"{self._path}: can not be written: {error.strerror}")

    def write_bytes(self, data: bytes) -> None:
        """Write what is no text; not in the same file as text."""
        assert self._stream is not None, "the file was closed"
        try:
            self._stream.buffer.write(data)
        except OSError as error:
            raise self._failed(error) from None

    def write(self, text: str) -> None:
        """Write to the file that will take the target's place."""
        assert self._stream is not None, "the file was closed"
        try:
            self._stream.write(text)
        except OSError as error:
            raise self._failed(error) from None

    def flush(self) -> None:
        """Have all that was written on the disk, so that what can go wrong in `close` went wrong here."""
        assert self._stream is not None, "the file was closed"
        try:
            self._stream.flush()
            if self._replaces:
                os.fsync(self._stream.fileno())
        except OSError as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """Put the file in the target's place, durably."""
        self.flush()
        assert self._stream is not None
        try:
            if self._replaces:
                self._replace(self._stream.fileno())
            self._stream.close()
        except OSError as error:
            raise self._failed(error) from None
        self._stream = None

    def _replace(self, descriptor: int) -> None:
        if self._aside is None:
            # Only linkat follows the link of /proc, and a folder's descriptor makes Python call it.
            unnamed = f"/proc/self/fd/{descriptor}"
            self._try_names(lambda aside: os.link(unnamed, aside, src_dir_fd=descriptor))
        assert self._aside is not None
        os.replace(self._aside, self._target)
        self._aside = None
        with suppress(OSError):  # the name is durable too, where a folder can be synced
            folder = os.open(os.path.dirname(self._target), os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def abandon(self) -> None:
        """Leave the target as it was; harmless after `close`."""
        stream, self._stream = self._stream, None
        if stream is not None:
            with suppress(OSError):  # what could not be written is given up
                stream.close()
        aside, self._aside = self._aside, None
        if aside is not None:
            with suppress(FileNotFoundError):
                os.unlink(aside)


def _printed(status: os.stat_result) -> int | None:
    """Return the descriptor of standard output or error if that is the file of `status`, else None.

    Devices are not meant: /dev/null and a terminal can be written twice.
    """
    if not stat.S_ISCHR(status.st_mode):
        for descriptor in (1, 2):
            with suppress(OSError):  # it may be closed
                if os.path.samestat(status, os.fstat(descriptor)):
                    return descriptor
    return None


class FileSink:
    """Writes rows to a file in the format `kind` of `FORMATS`; the file appears when it is closed."""

    def __init__(self, path: str, kind: str) -> None:
        header, self._format = FORMATS[kind]
        self._file = AtomicFile(path)
        self._file.write(header)

    def add(self, rows: Sequence[Row]) -> None:
        """Write the rows."""
        self._file.write(self._format(rows))

    def flush(self) -> None:
        """Have the rows on the disk; see `AtomicFile.flush`."""
        self._file.flush()

    def close(self) -> None:
        """Let the file appear."""
        self._file.close()

    def abandon(self) -> None:
        """Leave no file, or the old one; harmless after `close`."""
        self._file.abandon()


def write_text(stream: TextIO, text: str) -> None:
    """Write to standard output; raise ReaderGoneError or OutputError rather than an OSError."""
    try:
        stream.write(text)
    except OSError as error:
        raise _stream_error(error) from None


def flush(stream: TextIO) -> None:
    """Flush standard output; raise ReaderGoneError or OutputError rather than an OSError."""
    try:
        stream.flush()
    except OSError as error:
        raise _stream_error(error) from None


def _stream_error(error: OSError) -> OutputError | ReaderGoneError:
    if error.errno == errno.EPIPE:
        return ReaderGoneError("the reader of standard output went away")
    return OutputError(f"standard output: can not be written: {error.strerror}")
