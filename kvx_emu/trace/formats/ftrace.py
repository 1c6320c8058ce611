"""The text of ftrace, for trappy, LISA, Perfetto and grep.

Source of the format: Documentation/trace/ftrace.rst. The lines are without flags (as with the option
noirq-info), which all three readers know: SPECIAL_FIELDS_RE of trappy/ftrace.py, TxtEventParser of
lisa/trace.py, and Perfetto's systrace_line_tokenizer.cc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvx_emu.outputs import AtomicFile
from kvx_emu.trace.formats import linux_events as linux
from kvx_emu.trace.row import ENTER, EXIT, SEND
from kvx_emu.trace.setting import cpu_number, line_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvx_emu.trace.row import Row
    from kvx_emu.trace.setting import Setting

    _Kind = tuple[int | None, int | None, str, int | None, int | None, int | None]

_HEAD = """# tracer: nop
#
#           TASK-PID     CPU#     TIMESTAMP  FUNCTION
#              | |         |         |         |
"""

_KEPT = 1 << 14
"""Kinds of rows, and writes, whose text is kept for later rows."""


class FtraceSink:
    """Writes rows as the text that ftrace's file `trace` holds; times are nanoseconds, rounded down."""

    def __init__(self, path: str, setting: Setting) -> None:
        self._nanoseconds = setting.nanoseconds
        self._texts: dict[_Kind, tuple[str, str, bool]] = {}
        self._sends: dict[tuple[object, ...], tuple[str, str, str]] = {}
        self._file = AtomicFile(path)
        self._file.write(_HEAD)

    def add(self, rows: Sequence[Row]) -> None:
        """Write the rows, a line each, a `send` row two."""
        lines: list[str] = []
        texts = self._texts
        last, shown = -1, ""
        for row in rows:
            tick, value = row[0], row[7]
            if tick != last:
                seconds, rest = divmod(self._nanoseconds(tick), 1_000_000_000)
                last, shown = tick, f"{seconds}.{rest:09}"
            if row[3] == SEND:
                before, send, raised = self._send(row)
                lines += (f"{before}{shown}{send}", f"{before}{shown}{raised}")
                continue
            key = row[1:7]
            before, after, own = texts.get(key) or self._text(key)
            lines.append(f"{before}{shown}{after}{value} tick={tick}\n" if own else before + shown + after)
        self._file.write("".join(lines))

    def _text(self, key: _Kind) -> tuple[str, str, bool]:
        """Return what stands before and behind the time, and whether value and tick are to follow."""
        cluster, core, event, line, *_ = key
        if event == ENTER:
            after = f": {linux.IRQ_ENTRY}: irq={line} name={line_name(line or 0)}\n"
        elif event == EXIT:
            after = f": {linux.IRQ_EXIT}: irq={line} ret=handled\n"
        else:
            fields = linux.numbers((cluster, core, *key[3:]))
            shown = " ".join(f"{name}={field}" for name, field in zip(linux.OWN_FIELDS, fields, strict=False))
            after = f": {linux.OWN[event]}: {shown} value="
        if len(self._texts) >= _KEPT:
            self._texts.clear()
        self._texts[key] = _before(cluster, core), after, event in linux.OWN
        return self._texts[key]

    def _send(self, row: Row) -> tuple[str, str, str]:
        """Return what stands before the time of a `send` row's lines, and behind it in each."""
        _, cluster, core, _, line, _, _, value = row
        key = cluster, core, line, value
        if key not in self._sends:
            mask, size = linux.targets(cluster, value)
            send = f": {linux.IPI_SEND}: cpumask={_list(mask)} callsite=0x0 callback=0x0\n"
            raised = f": {linux.IPI_RAISE}: target_mask={_words(mask, size)} ({line_name(line or 0)})\n"
            if len(self._sends) >= _KEPT:
                self._sends.clear()
            self._sends[key] = _before(cluster, core), send, raised
        return self._sends[key]

    def flush(self) -> None:
        """Have the lines on the disk."""
        self._file.flush()

    def close(self) -> None:
        """Let the file appear."""
        self._file.close()

    def abandon(self) -> None:
        """Leave no file, or the old one; harmless after `close`."""
        self._file.abandon()


def _before(cluster: int | None, core: int | None) -> str:
    cpu = cpu_number(cluster, core)
    pid, name = linux.task(cpu)
    return f"{name:>16}-{pid:<7} [{cpu:03}] "


def _list(mask: int) -> str:
    """Return the cpus of a mask as Linux lists them, `0-3,7`. Source: lib/vsprintf.c, bitmap_list_string."""
    bits, ranges = f"{mask:b}"[::-1], []
    end = 0
    while (start := bits.find("1", end)) >= 0:
        end = bits.find("0", start)
        end = len(bits) if end < 0 else end
        ranges.append(str(start) if end == start + 1 else f"{start}-{end - 1}")
    return ",".join(ranges)


def _words(mask: int, size: int) -> str:
    """Return a mask as Linux shows it: 32 bits a group. Source: lib/vsprintf.c, bitmap_string."""
    digits = f"{mask:0{2 * size}x}"
    return ",".join(digits[start : start + 8] for start in range(0, len(digits), 8))
