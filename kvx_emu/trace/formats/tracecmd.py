"""trace.dat, version 6, for trace-cmd and KernelShark: what a Linux kernel would have recorded.

Source of the format: trace-cmd.dat.v6(5); of pages and events: the header_page and header_event that Linux
6.6 shows under events/ (kernel/trace/ring_buffer.c).
"""

from __future__ import annotations

import tempfile
from array import array
from contextlib import contextmanager, suppress
from struct import Struct, pack
from typing import TYPE_CHECKING

from kvx_emu.errors import OutputError
from kvx_emu.outputs import AtomicFile
from kvx_emu.trace.formats import linux_events as linux
from kvx_emu.trace.row import ENTER, EXIT, SEND
from kvx_emu.trace.setting import cpu_number, line_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kvx_emu.trace.row import Row
    from kvx_emu.trace.setting import Setting

    _Kind = tuple[int | None, int | None, str, int | None, int | None, int | None]

PAGE = 4096
"""Bytes of a page of the ring buffer."""

_PAGE_HEAD = Struct("<QQ")  # the time of the first event, in ns, and the bytes of events
_ROOM = PAGE - _PAGE_HEAD.size

_HEAD = Struct("<I")  # of an event: type_len in bits 4:0, ns since the one before in bits 31:5
_EXTEND = Struct("<II")  # an event that is time alone: type_len 30, the upper bits in the second word
_TIME_EXTEND = 30
_DELTA_BITS = 27
_EXTEND_BITS = 59
_LARGEST = 28 * 4  # bytes that type_len can count; with more it is 0, and a word before them tells

_EARLIEST, _LAST_TIME = 1, (1 << 63) - 1
"""The nanoseconds that KernelShark can tell: it takes 0 for no time, and its times have a sign."""

_KEPT = 1 << 14
"""Kinds of rows whose bytes are kept for later rows."""

_COMMON = Struct("<HBBi")  # type, flags, preempt_count, pid: what all events of Linux start with
_IRQ = Struct("<ii")
_SEND_MASK = Struct("<IxxxxQQ")  # place of the mask, callsite and callback, which are not known
_RAISE = Struct("<IxxxxQ")  # place of the mask, address of the reason
_OWN = Struct("<QQ")  # value and tick
_PLACES = Struct("<5i")  # the other fields: 32 bits, for libtraceevent takes shorter ones to have no sign

_LARGEST_MASK = 4032
"""Bytes of a mask of cpus that fit a page with the rest of their event, in whole words of 64 bits."""

_REASON = 0xFFFFFFFF_81000000
"""Where the names of the lines would stand in a kernel, 16 bytes each; printk_formats says so to readers."""

_LINES = 128  # names of lines that are told to readers: writes are of 24..31

_HEADER_PAGE = (
    "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
    "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
    "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
    "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n"
)
_HEADER_EVENT = (
    "# compressed entry header\n"
    "\ttype_len    :    5 bits\n"
    "\ttime_delta  :   27 bits\n"
    "\tarray       :   32 bits\n"
    "\n"
    "\tpadding     : type == 29\n"
    "\ttime_extend : type == 30\n"
    "\ttime_stamp : type == 31\n"
    "\tdata max type_len  == 28\n"
)

_COMMON_FIELDS = (
    ("unsigned short common_type", 0, 2, 0),
    ("unsigned char common_flags", 2, 1, 0),
    ("unsigned char common_preempt_count", 3, 1, 0),
    ("int common_pid", 4, 4, 1),
)
_OWN_FIELDS = (
    ("u64 value", 8, 8, 0),
    ("u64 tick", 16, 8, 0),
    *((f"int {name}", 24 + 4 * index, 4, 1) for index, name in enumerate(linux.OWN_FIELDS[:5])),
)
_OWN_PRINT = " ".join(f"{name}={'%llu' if name in {'value', 'tick'} else '%d'}" for name in linux.OWN_FIELDS)

_FORMATS = {
    linux.IPI_SEND: (
        (
            ("__data_loc cpumask_t cpumask", 8, 4, 0),
            ("void * callsite", 16, 8, 0),
            ("void * callback", 24, 8, 0),
        ),
        '"cpumask=%s callsite=%pS callback=%pS", __get_cpumask(cpumask), REC->callsite, REC->callback',
    ),
    linux.IPI_RAISE: (
        (("__data_loc unsigned long[] target_cpus", 8, 4, 0), ("const char * reason", 16, 8, 0)),
        '"target_mask=%s (%s)", __get_bitmask(target_cpus), REC->reason',
    ),
    linux.IRQ_ENTRY: (
        (("int irq", 8, 4, 1), ("__data_loc char[] name", 12, 4, 0)),
        '"irq=%d name=%s", REC->irq, __get_str(name)',
    ),
    linux.IRQ_EXIT: (
        (("int irq", 8, 4, 1), ("int ret", 12, 4, 1)),
        '"irq=%d ret=%s", REC->irq, REC->ret ? "handled" : "unhandled"',
    ),
    **dict.fromkeys(
        linux.OWN.values(),
        (_OWN_FIELDS, f'"{_OWN_PRINT}", ' + ", ".join(f"REC->{name}" for name in linux.OWN_FIELDS)),
    ),
}
"""The fields of events behind the common ones (name, offset, bytes, signed), and how they are printed."""

_SYSTEMS = {
    "ipi": (linux.IPI_SEND, linux.IPI_RAISE),
    "irq": (linux.IRQ_ENTRY, linux.IRQ_EXIT),
    "kvx": tuple(linux.OWN.values()),
}

_ID = {event: number for number, event in enumerate(_FORMATS, start=100)}


class _Cpu:
    """The page of a cpu that is being filled: its events, the time of its first and last one."""

    __slots__ = ("events", "first", "last", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.events = bytearray()
        self.first = self.last = 0


class TraceCmdSink:
    """Writes rows as the trace.dat `path`; times are nanoseconds, rounded down, and `_EARLIEST` for tick 0.

    Full pages wait in one temporary file, in any order of cpus; a page a cpu and the kinds of rows are held.
    """

    def __init__(self, path: str, setting: Setting) -> None:
        self._path = path
        self._setting = setting
        self._cpus: dict[int, _Cpu] = {}
        self._kinds: dict[_Kind, tuple[_Cpu, bytes, bytes]] = {}
        self._sends: dict[tuple[object, ...], tuple[_Cpu, bytes, bytes]] = {}
        self._order = array("I")  # the cpus of the pages in the spool
        self._assembled = False
        self._file = AtomicFile(path)
        with self._output():
            self._spool = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close` or `abandon`

    @contextmanager
    def _output(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._refused(str(error.strerror)) from None

    def add(self, rows: Sequence[Row]) -> None:
        """Take the rows, and write the pages that are full."""
        assert not self._assembled, "the file was flushed"
        kinds, own, put = self._kinds, _OWN.pack, self._put
        nanoseconds = self._setting.nanoseconds
        with self._output():
            for row in rows:
                tick, value = row[0], row[7]
                time = nanoseconds(tick) or _EARLIEST
                if row[3] == SEND:
                    cpu, send, raised = self._send(row)
                    put(cpu, time, send)
                    put(cpu, time, raised)
                    continue
                key = row[1:7]
                cpu, before, behind = kinds.get(key) or self._kind(key)
                put(cpu, time, before + own(value, tick) + behind if behind else before)

    def _put(self, cpu: _Cpu, time: int, record: bytes) -> None:
        """Append an event to the page of its cpu."""
        since, size = time - cpu.last, len(record)
        if not 0 <= since < 1 << _DELTA_BITS or len(cpu.events) + _HEAD.size + size > _ROOM:
            since = self._make_room(cpu, time, size)
        cpu.events += _HEAD.pack((size >> 2 if size <= _LARGEST else 0) | since << 5) + record
        cpu.last = time

    def _refused(self, why: str) -> OutputError:
        self.abandon()
        return OutputError(f"{self._path}: can not be written: {why}")

    def _make_room(self, cpu: _Cpu, time: int, size: int) -> int:
        """Have the page ready for an event of that time; return what its own delta is to be."""
        if time > _LAST_TIME:
            raise self._refused(f"{time} ns, expected at most {_LAST_TIME}")
        since = time - cpu.last
        room = _ROOM - _EXTEND.size - _HEAD.size - size
        if cpu.events and 1 << _DELTA_BITS <= since < 1 << _EXTEND_BITS and len(cpu.events) <= room:
            low = since & ((1 << _DELTA_BITS) - 1)
            cpu.events += _EXTEND.pack(_TIME_EXTEND | low << 5, since >> _DELTA_BITS)
        else:
            self._write_page(cpu)
            cpu.first = time
        return 0

    def _write_page(self, cpu: _Cpu) -> None:
        if cpu.events:
            self._spool.write(_PAGE_HEAD.pack(cpu.first, len(cpu.events)) + cpu.events.ljust(_ROOM, b"\0"))
            self._order.append(cpu.number)
            cpu.events.clear()

    def _cpu(self, cluster: int | None, core: int | None) -> _Cpu:
        number = cpu_number(cluster, core)
        return self._cpus.setdefault(number, _Cpu(number))

    def _kind(self, key: _Kind) -> tuple[_Cpu, bytes, bytes]:
        """Return the cpu of a row and its bytes: all, or those before and behind value and tick."""
        cluster, core, event, line, *_ = key
        cpu = self._cpu(cluster, core)
        if event == ENTER:
            name = line_name(line or 0).encode() + b"\0"
            data = _IRQ.pack(line or 0, _data_loc(16, len(name))) + name
            kind = cpu, _record(linux.IRQ_ENTRY, cpu, data), b""
        elif event == EXIT:
            kind = cpu, _record(linux.IRQ_EXIT, cpu, _IRQ.pack(line or 0, 1)), b""
        else:
            fields = linux.numbers((cluster, core, *key[3:]))
            kind = cpu, _record(linux.OWN[event], cpu, b""), _PLACES.pack(*fields)
        if len(self._kinds) >= _KEPT:
            self._kinds.clear()
        self._kinds[key] = kind
        return kind

    def _send(self, row: Row) -> tuple[_Cpu, bytes, bytes]:
        """Return the cpu of a `send` row and the bytes of its two events."""
        _, cluster, core, _, line, _, _, value = row
        key = cluster, core, line, value
        if key not in self._sends:
            cpu = self._cpu(cluster, core)
            mask, size = linux.targets(cluster, value)
            if size > _LARGEST_MASK:
                raise self._refused(f"cluster {cluster}, expected masks of at most {8 * _LARGEST_MASK} cpus")
            cpus = mask.to_bytes(size, "little")
            common = _COMMON.size
            send = _SEND_MASK.pack(_data_loc(common + _SEND_MASK.size, size), 0, 0) + cpus
            reason = _RAISE.pack(_data_loc(common + _RAISE.size, size), _reason(line or 0)) + cpus
            if len(self._sends) >= _KEPT:
                self._sends.clear()
            self._sends[key] = cpu, _record(linux.IPI_SEND, cpu, send), _record(linux.IPI_RAISE, cpu, reason)
        return self._sends[key]

    def flush(self) -> None:
        """Write the file, the pages cpu by cpu, and have it on the disk; no row may follow."""
        if not self._assembled:
            with self._output():
                for cpu in self._cpus.values():
                    self._write_page(cpu)
                self._assemble()
            self._assembled = True
        self._file.flush()

    def _assemble(self) -> None:
        pages: dict[int, array[int]] = {number: array("Q") for number in sorted(self._cpus)}
        for place, number in enumerate(self._order):
            pages[number].append(place)
        known = sorted({cpu_number(*core) for core in self._setting.cores} | pages.keys())
        head = _head(self._setting, known)
        count = max(known, default=0) + 1
        start = -(-(len(head) + 16 * count) // PAGE) * PAGE
        table, place = bytearray(), start
        for number in range(count):
            size = PAGE * len(pages.get(number, ()))
            table += pack("<QQ", place, size)
            place += size
        self._file.write_bytes((head + table).ljust(start, b"\0"))
        for places in pages.values():
            for place in places:
                self._spool.seek(place * PAGE)
                self._file.write_bytes(self._spool.read(PAGE))

    def close(self) -> None:
        """Let the file appear."""
        self.flush()
        self._file.close()
        self._spool.close()

    def abandon(self) -> None:
        """Leave no file, or the old one; harmless after `close`."""
        self._file.abandon()
        with suppress(OSError):  # what could not be written is given up
            self._spool.close()


def _record(event: str, cpu: _Cpu, data: bytes) -> bytes:
    """Return the event of a cpu, in whole words, with its length before it if type_len can not tell."""
    record = _COMMON.pack(_ID[event], 0, 0, linux.task(cpu.number)[0]) + data
    record += bytes(-len(record) % 4)
    return record if len(record) <= _LARGEST else _HEAD.pack(_HEAD.size + len(record)) + record


def _data_loc(offset: int, size: int) -> int:
    """Return what a __data_loc field holds: where the bytes are in the event, and how many in bits 31:16."""
    return size << 16 | offset


def _reason(line: int) -> int:
    return _REASON + 16 * line


def _head(setting: Setting, cpus: list[int]) -> bytes:
    """Return all that is before the table of the cpus' pages; `cpus` are those that have a name."""
    reasons = "".join(f'0x{_reason(line):x} : "{line_name(line)}"\n' for line in range(_LINES))
    tasks = "".join(f"{pid} {name}\n" for pid, name in map(linux.task, cpus))
    parts = [
        b"\x17\x08\x44tracing6\0",
        pack("<BBI", 0, 8, PAGE),  # little endian, bytes of a long
        b"header_page\0" + _sized("<Q", _HEADER_PAGE),
        b"header_event\0" + _sized("<Q", _HEADER_EVENT),
        pack("<II", 0, len(_SYSTEMS)),  # formats of ftrace's own events: none; systems
    ]
    for system, events in _SYSTEMS.items():
        parts += [system.encode() + b"\0", pack("<I", len(events))]
        parts += [_sized("<Q", _format(event)) for event in events]
    parts += [_sized("<I", ""), _sized("<I", reasons), _sized("<Q", tasks)]  # kallsyms, printk_formats, tasks
    parts += [pack("<I", max(cpus, default=0) + 1), b"options  \0", *_options(setting), b"flyrecord\0"]
    return b"".join(parts)


def _sized(size: str, text: str) -> bytes:
    return pack(size, len(text)) + text.encode()


def _format(event: str) -> str:
    """Return the file `format` of an event. Source: Documentation/trace/events.rst, section 5.1."""
    fields, shown = _FORMATS[event]

    def lines(some: tuple[tuple[str, int, int, int], ...]) -> str:
        return "".join(
            f"\tfield:{name};\toffset:{offset};\tsize:{size};\tsigned:{signed};\n"
            for name, offset, size, signed in some
        )

    head = f"name: {event}\nID: {_ID[event]}\nformat:\n"
    return f"{head}{lines(_COMMON_FIELDS)}\n{lines(fields)}\nprint fmt: {shown}\n"


def _options(setting: Setting) -> Iterator[bytes]:
    """Return the options, and their end: 5 is what `trace-cmd report --uname` shows, 9 `--version`."""
    for number, text in ((5, " ".join(filter(None, ("kvx", setting.board, setting.script)))), (9, "kvx-emu")):
        content = text.encode("ascii", "replace") + b"\0"
        yield pack("<HI", number, len(content)) + content
    yield pack("<H", 0)
