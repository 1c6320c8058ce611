"""Where rows go: files that appear whole or not at all, streams, and filters before them."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from kvx_emu.errors import OutputError, ReaderGoneError
from kvx_emu.trace.text import FORMATS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import TextIO

    from kvx_emu.core_id import CoreId
    from kvx_emu.trace.row import Row


class Sink(Protocol):
    """Takes the rows of a run, in order, in chunks of any size."""

    def add(self, rows: Sequence[Row]) -> None:
        """Take the next rows."""

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
        cores, lines, events, last = self._cores, self._lines, self._events, self._last
        self._sink.add(
            [
                row
                for row in rows
                if row[0] >= self._first
                and (last is None or row[0] <= last)
                and (cores is None or (row[1], row[2]) in cores)
                and (lines is None or row[4] in lines)
                and (events is None or row[3] in events)
            ]
        )

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

    def close(self) -> None:
        """Flush; the stream stays open, for it is not ours."""
        flush(self._stream)

    def abandon(self) -> None:
        """Do nothing: what a reader has read can not be taken back."""


class AtomicFile:
    """A text file that keeps its old content until `close`.

    Written beside the target under another name, flushed to the disk, then renamed over it. A target
    that exists and is no regular file (a pipe, /dev/full) is written directly. Raises OutputError.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._target = os.path.realpath(path)
        self._aside: str | None = None
        self._stream: TextIO | None = None
        try:
            self._stream = os.fdopen(self._open(), "w", encoding="utf-8", newline="")
        except OSError as error:
            raise self._failed(error) from None

    def _open(self) -> int:
        try:
            mode = os.stat(self._target).st_mode
        except FileNotFoundError:
            mode = None
        if mode is not None and not stat.S_ISREG(mode):
            return os.open(self._target, os.O_WRONLY)  # refuses a directory by itself
        self._aside = f"{self._target}.{os.getpid()}.part"
        descriptor = os.open(self._aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        if mode is not None:
            os.fchmod(descriptor, stat.S_IMODE(mode))
        return descriptor

    def _failed(self, error: OSError) -> OutputError:
        self.abandon()
        return OutputError(f"{self._path}: can not be written: {error.strerror}")

    def write(self, text: str) -> None:
        """Write to the file beside the target."""
        assert self._stream is not None, "the file was closed"
        try:
            self._stream.write(text)
        except OSError as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """Put the file in the target's place, durably."""
        assert self._stream is not None, "the file was closed"
        try:
            self._stream.flush()
            if self._aside is not None:
                os.fsync(self._stream.fileno())
            self._stream.close()
            if self._aside is not None:
                os.replace(self._aside, self._target)
                self._aside = None
        except OSError as error:
            raise self._failed(error) from None
        self._stream = None

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


class FileSink:
    """Writes rows to a file in the format `kind` of `FORMATS`; the file appears when it is closed."""

    def __init__(self, path: str, kind: str) -> None:
        header, self._format = FORMATS[kind]
        self._file = AtomicFile(path)
        self._file.write(header)

    def add(self, rows: Sequence[Row]) -> None:
        """Write the rows."""
        self._file.write(self._format(rows))

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
