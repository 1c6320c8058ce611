"""Where rows go: files that appear whole or not at all, streams, and filters before them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from kvx_emu.outputs import AtomicFile, flush, write_text
from kvx_emu.trace.block import Block
from kvx_emu.trace.text import FORMATS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import TextIO

    from kvx_emu.core_id import CoreId
    from kvx_emu.trace.row import Row


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


@runtime_checkable
class Observer(Sink, Protocol):
    """A sink that is also told what makes no row: which lines of a core are enabled."""

    def enabled(self, tick: int, core: CoreId, lines: int) -> None:
        """Take the core's ILE, a mask of 32 lines, as it is from now on; also told of all at the start.

        It comes in the order of the rows: after those that were made before.
        """


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

    def enabled(self, tick: int, core: CoreId, lines: int) -> None:
        """Pass it on if the sink behind observes, of the cores admitted and not after the last tick."""
        admitted = (self._cores is None or core in self._cores) and (self._last is None or tick <= self._last)
        if admitted and isinstance(self._sink, Observer):
            self._sink.enabled(tick, core, lines)

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
