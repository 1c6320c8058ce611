"""Chrome's trace events as JSON, for ui.perfetto.dev and chrome://tracing.

Source of the format: Trace Event Format, Google, 2016; what Perfetto makes of it: json_trace_parser.cc.
"""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING

from kvx_emu.core_id import PIDS, CoreId
from kvx_emu.outputs import AtomicFile
from kvx_emu.trace.row import CLEAR, COALESCED, ENTER, EVENTS, EXIT, MASKED, REQUEST, SEND
from kvx_emu.trace.setting import PICOSECONDS, line_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.trace.row import Row
    from kvx_emu.trace.setting import Setting

    _Core = tuple[int | None, int | None]

SOC = 1 << 16
"""The pid of what is outside the clusters; a cluster's is its index, which is less."""

_PLAIN, _SENDS, _BLOCKS, _LINES = 0, 1, 2, 128
"""The first numbers of a place's threads: of rows without a line, of sends, of a block's events, of lines."""
_THREADS = 256

_KEPT = 1 << 16
"""Writes whose arrows are drawn when they arrive; if more are under way, all are forgotten."""


class _Thread:
    """A track: the events of a line of a core, or of a core, or of the blocks of a cluster of one kind."""

    __slots__ = ("handling", "name", "pending", "where")

    def __init__(self, name: str, pid: int, tid: int) -> None:
        self.name = name
        self.where = f'"pid":{pid},"tid":{tid}'
        self.handling = 0  # handlers that have begun and not ended
        self.pending = 0  # requests that are pending, or taken and not entered


class ChromeSink:
    """Writes rows as the JSON of trace events; a process a cluster, a thread a line of a core.

    Times are microseconds with all digits of the nanosecond, or of the picosecond, rounded down, if the clock
    does not fit whole nanoseconds.
    """

    def __init__(self, path: str, setting: Setting) -> None:
        self._setting = setting
        self._threads: dict[tuple[int | None, int | None, int], _Thread] = {}
        self._processes: set[int] = set()
        self._writes: dict[tuple[_Core, int | None], deque[list[int]]] = {}
        self._kept = self._arrows = 0
        self._lines: list[str] = []
        self._first = True
        self._ended = False
        self._of = {
            SEND: self._send,
            MASKED: self._masked,
            REQUEST: self._request,
            COALESCED: self._coalesced,
            CLEAR: self._clear,
            ENTER: self._enter,
            EXIT: self._exit,
        }
        self._file = AtomicFile(path)
        self._file.write('{"traceEvents":[')

    def add(self, rows: Sequence[Row]) -> None:
        """Write the rows."""
        assert not self._ended, "the file was flushed"
        told = self._of
        for row in rows:
            told.get(row[3], self._instant)(row)
            if len(self._lines) >= 1 << 12:
                self._write()
        self._write()

    def _write(self) -> None:
        if self._lines:
            self._file.write(("\n" if self._first else ",\n") + ",\n".join(self._lines))
            self._first = False
            self._lines.clear()

    def flush(self) -> None:
        """Write the end, after which no row may follow, and have all on the disk."""
        if not self._ended:
            known = {"tool": "kvx-emu", "clock_hz": self._setting.clock_hz}
            known |= {"board": self._setting.board, "script": self._setting.script}
            self._file.write(f'\n],"displayTimeUnit":"ns","otherData":{json.dumps(known)}}}\n')
            self._ended = True
        self._file.flush()

    def close(self) -> None:
        """Let the file appear."""
        self.flush()
        self._file.close()

    def abandon(self) -> None:
        """Leave no file, or the old one; harmless after `close`."""
        self._file.abandon()

    # How the events are told

    def _instant(self, row: Row) -> _Thread:
        """Tell a row as a moment on its thread, which is returned."""
        thread = self._thread(row)
        self._event("i", row, thread, f'"name":"{row[3]}","cat":"{row[3]}","s":"t",')
        return thread

    def _send(self, row: Row) -> None:
        self._instant(row)
        if self._kept >= _KEPT:
            self._writes.clear()
            self._kept = 0
        self._writes.setdefault(((row[1], row[2]), row[4]), deque()).append([row[0], row[7]])
        self._kept += 1

    def _masked(self, row: Row) -> None:
        self._instant(row)
        writes = self._writes.get(((row[5], row[6]), row[4]))
        if writes:
            writes[-1][1] &= ~(1 << (row[2] or 0))  # it is masked when it is made: it is the last one

    def _request(self, row: Row) -> None:
        thread = self._instant(row)
        self._arrow(row, thread)
        thread.pending += 1
        self._pending("b", row, thread)

    def _coalesced(self, row: Row) -> None:
        self._arrow(row, self._instant(row))

    def _clear(self, row: Row) -> None:
        self._no_more_pending(row, self._instant(row))

    def _enter(self, row: Row) -> None:
        thread = self._thread(row)
        self._no_more_pending(row, thread)
        thread.handling += 1
        self._event("B", row, thread, f'"name":"{line_name(row[4] or 0)}","cat":"handler",')

    def _exit(self, row: Row) -> None:
        thread = self._thread(row)
        if not thread.handling:  # its start was filtered away
            self._instant(row)
            return
        thread.handling -= 1
        self._event("E", row, thread, "")

    def _no_more_pending(self, row: Row, thread: _Thread) -> None:
        if thread.pending:
            thread.pending -= 1
            self._pending("e", row, thread)

    def _pending(self, phase: str, row: Row, thread: _Thread) -> None:
        # An id2 is the process's own, so that Perfetto shows the track with those of the cluster.
        name = f'"name":"{thread.name} pending","cat":"pending","id2":{{"local":"{thread.name}"}},'
        self._lines.append(f'{{{name}"ph":"{phase}","ts":{self._time(row[0])},{thread.where}}}')

    def _arrow(self, row: Row, thread: _Thread) -> None:
        """Draw an arrow from the `send` row of the oldest write that this can be of, if there is one."""
        writer = row[5], row[6]
        writes = self._writes.get((writer, row[4]))
        while writes:
            tick, targets = writes[0]
            bit = 1 << (row[2] or 0)
            if targets & bit:
                writes[0][1] &= ~bit
                self._arrows += 1
                name = f'"name":"{line_name(row[4] or 0)}","cat":"arrow","id":"{self._arrows:x}",'
                start = self._threads[(*writer, _SENDS)].where
                self._lines += (
                    f'{{{name}"ph":"s","ts":{self._time(tick)},{start}}}',
                    f'{{{name}"ph":"f","bp":"e","ts":{self._time(row[0])},{thread.where}}}',
                )
                return
            writes.popleft()  # writes arrive in their order: nothing of this one is to come
            self._kept -= 1

    def _event(self, phase: str, row: Row, thread: _Thread, head: str) -> None:
        tick, _, core, _, line, from_cluster, from_core, value = row
        args = f'"tick":{tick},"value":{value}'
        if from_core is not None:
            args += f',"from":"{CoreId(0, from_core)}","from_cluster":{from_cluster or 0}'
        if line is not None and (core is None or row[3] == SEND):  # elsewhere the thread tells
            args += f',"line":{line}'
        self._lines.append(
            f'{{{head}"ph":"{phase}","ts":{self._time(tick)},{thread.where},"args":{{{args}}}}}'
        )

    def _time(self, tick: int) -> str:
        """Return the microseconds of a tick, exact where that is at all possible."""
        if 1_000_000_000 % self._setting.clock_hz == 0:
            whole, part = divmod(self._setting.nanoseconds(tick), 1000)
            return f"{whole}.{part:03}"
        whole, part = divmod(self._setting.picoseconds(tick), PICOSECONDS // 1_000_000)
        return f"{whole}.{part:06}"

    # Processes and threads

    def _thread(self, row: Row) -> _Thread:
        """Return the thread that a row is told on."""
        _, cluster, core, event, line, *_ = row
        if core is None:
            number = _BLOCKS + EVENTS.index(event)
        elif event == SEND:
            number = _SENDS
        else:
            number = _PLAIN if line is None else _LINES + line
        key = cluster, core, number
        return self._threads.get(key) or self._named(*key)

    def _named(self, cluster: int | None, core: int | None, number: int) -> _Thread:
        """Return a new thread; tell its name, and that of its process."""
        pid = SOC if cluster is None else cluster
        place = pid * (PIDS + 1) + (0 if core is None else core + 1)
        tid = place * _THREADS + number
        process = "soc" if cluster is None else f"cluster {cluster}"
        if core is None:
            name = EVENTS[number - _BLOCKS]
        elif number >= _LINES:
            name = f"{CoreId(0, core)} {line_name(number - _LINES)}"
        else:
            name = str(CoreId(0, core)) + (" sends" if number == _SENDS else "")
        thread = self._threads[cluster, core, number] = _Thread(name, pid, tid)
        if pid not in self._processes:
            self._processes.add(pid)
            self._meta("process_name", thread, f'"name":"{process}"')
            self._meta("process_sort_index", thread, f'"sort_index":{pid}')
        self._meta("thread_name", thread, f'"name":"{name}"')
        self._meta("thread_sort_index", thread, f'"sort_index":{tid}')
        return thread

    def _meta(self, name: str, thread: _Thread, args: str) -> None:
        self._lines.append(f'{{"name":"{name}","ph":"M",{thread.where},"args":{{{args}}}}}')
