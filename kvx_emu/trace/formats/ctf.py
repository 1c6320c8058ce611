"""The Common Trace Format 1.8, a folder, for babeltrace2 and Trace Compass.

Source of the format: Common Trace Format v1.8.3, diamon.org/ctf/v1.8.3.
"""

from __future__ import annotations

import os
import uuid
from struct import Struct
from typing import TYPE_CHECKING, cast

from kvx_emu.core_id import PIDS
from kvx_emu.outputs import AtomicFolder
from kvx_emu.trace.block import Block
from kvx_emu.trace.row import EVENTS
from kvx_emu.trace.setting import cpu_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvx_emu.trace.columns import Columns
    from kvx_emu.trace.row import Row
    from kvx_emu.trace.setting import Setting

METADATA, STREAM = "metadata", "stream"
"""The files of the folder. One stream, as only within a stream the order of a tick's events is kept."""

PACKET = 1 << 12
"""Events of a packet: what a reader holds at once."""

_MAGIC = 0xC1FC1FC1  # of a packet; source: section 5.1
_HEAD = Struct("<I16sQQQQ")  # magic, uuid, content and packet size in bits, first and last tick
_FIELDS = {
    "id": ("B", "u1"),
    "tick": ("Q", "<u8"),
    "cpu": ("I", "<u4"),
    "cluster": ("h", "<i2"),
    "core": ("b", "i1"),
    "line": ("h", "<i2"),
    "from_cluster": ("h", "<i2"),
    "from_core": ("b", "i1"),
    "value": ("Q", "<u8"),
}
"""What an event is, without gaps, as struct and as numpy call it."""
_EVENT = Struct("<" + "".join(kind for kind, _ in _FIELDS.values()))
_ID = {name: number for number, name in enumerate(EVENTS)}
_ABSENT = -1

_TSDL = """/* CTF 1.8 */

typealias integer { size = 8; align = 8; signed = false; } := uint8_t;
typealias integer { size = 32; align = 8; signed = false; } := uint32_t;
typealias integer { size = 64; align = 8; signed = false; } := uint64_t;
typealias integer { size = 8; align = 8; signed = true; } := int8_t;
typealias integer { size = 16; align = 8; signed = true; } := int16_t;
typealias integer { size = 32; align = 8; signed = false; base = 16; } := magic_t;
typealias integer { size = 64; align = 8; signed = false; base = 16; } := value_t;

trace {
	major = 1;
	minor = 8;
	uuid = "%(uuid)s";
	byte_order = le;
	packet.header := struct {
		magic_t magic;
		uint8_t uuid[16];
	};
};

env {
	tracer_name = "kvx-emu";
	board = "%(board)s";
	script = "%(script)s";
};

clock {
	name = core_clock;
	description = "ticks of the core clock, since the start of the run";
	freq = %(clock_hz)d;
	offset = 0;
};

typealias integer {
	size = 64; align = 8; signed = false;
	map = clock.core_clock.value;
} := tick_t;

stream {
	packet.context := struct {
		uint64_t content_size;
		uint64_t packet_size;
		tick_t timestamp_begin;
		tick_t timestamp_end;
	};
	event.header := struct {
		uint8_t id;
		tick_t timestamp;
	};
	event.context := struct {
		uint32_t cpu_id;
	};
};
"""
_TSDL_EVENT = """
event {
	name = "%s";
	id = %d;
	fields := struct {
		int16_t cluster;
		int8_t core;
		int16_t line;
		int16_t from_cluster;
		int8_t from_core;
		value_t value;
	};
};
"""


class CtfSink:
    """Writes rows as a CTF trace, the folder `path`: an event a row, in packets of `PACKET`.

    The clock ticks as that of the core, so all times are exact; -1 is absent.
    """

    def __init__(self, path: str, setting: Setting) -> None:
        names = {"board": _quoted(setting.board), "script": _quoted(setting.script)}
        name = uuid.uuid5(uuid.NAMESPACE_URL, f"kvx-emu {names} {setting.clock_hz}")
        self._uuid = name.bytes
        self._held = bytearray()  # less than a packet, but while rows are added
        self._folder = AtomicFolder(path, _is_ours)
        text = _TSDL % {**names, "uuid": name, "clock_hz": setting.clock_hz}
        text += "".join(_TSDL_EVENT % (event, number) for number, event in enumerate(EVENTS))
        self._folder.write(METADATA, text.encode())

    def add(self, rows: Sequence[Row]) -> None:
        """Take the rows, and write the packets that are full."""
        for start in range(0, len(rows), PACKET):
            some = rows[start : start + PACKET]
            self._held += _column_events(cast("Columns", some)) if isinstance(some, Block) else _events(some)
            while len(self._held) >= PACKET * _EVENT.size:
                self._write(PACKET * _EVENT.size)

    def _write(self, size: int) -> None:
        """Write a packet of the first `size` bytes that are held."""
        events = bytes(self._held[:size])
        del self._held[:size]
        _, first, *_ = _EVENT.unpack_from(events)
        _, last, *_ = _EVENT.unpack_from(events, size - _EVENT.size)
        bits = 8 * (_HEAD.size + size)
        self._folder.write(STREAM, _HEAD.pack(_MAGIC, self._uuid, bits, bits, first, last) + events)

    def flush(self) -> None:
        """Write the last packet, and have all on the disk."""
        if self._held:
            self._write(len(self._held))
        self._folder.write(STREAM, b"")  # there is a stream even if there are no rows
        self._folder.flush()

    def close(self) -> None:
        """Let the folder appear."""
        self.flush()
        self._folder.close()

    def abandon(self) -> None:
        """Leave no folder, or the old one; harmless after `close`."""
        self._folder.abandon()


def _events(rows: Iterable[Row]) -> bytes:
    pack = _EVENT.pack
    return b"".join(
        [
            pack(
                _ID[event],
                tick,
                cpu_number(cluster, core),
                _ABSENT if cluster is None else cluster,
                _ABSENT if core is None else core,
                _ABSENT if line is None else line,
                _ABSENT if from_cluster is None else from_cluster,
                _ABSENT if from_core is None else from_core,
                value,
            )
            for tick, cluster, core, event, line, from_cluster, from_core, value in rows
        ]
    )


def _column_events(rows: Columns) -> bytes:
    """Return what `_events` returns for the same rows: columns have the same codes."""
    import numpy as np

    events = np.empty(len(rows), [(name, kind) for name, (_, kind) in _FIELDS.items()])
    for name in ("tick", "cluster", "core", "line", "from_cluster", "from_core", "value"):
        events[name] = getattr(rows, name)
    events["id"] = rows.event
    events["cpu"] = np.maximum(rows.cluster, 0).astype(np.uint32) * PIDS + np.maximum(rows.core, 0)
    return events.tobytes()


def _quoted(text: str) -> str:
    """Return `text` as it stands in a string of TSDL."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return shown.replace("\\", "\\\\").replace('"', '\\"')


def _is_ours(folder: str) -> bool:
    """Return whether a folder is empty, or holds a trace that this wrote and nothing else."""
    names = set(os.listdir(folder))
    if not names <= {METADATA, STREAM}:
        return False
    if METADATA not in names:
        return not names
    with open(os.path.join(folder, METADATA), "rb") as file:
        return b'tracer_name = "kvx-emu";' in file.read(1 << 12)
