"""Parquet, for pandas, DuckDB and Polars; written with pyarrow where that is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from kvx_emu.errors import UsageError
from kvx_emu.outputs import AtomicFile
from kvx_emu.trace.block import Block
from kvx_emu.trace.row import COLUMNS, EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kvx_emu.trace.columns import Columns
    from kvx_emu.trace.row import Row
    from kvx_emu.trace.setting import Setting

_Rows = TypeVar("_Rows", "Columns", "Sequence[Row]")

VERSION = b"1"
"""What `FORMAT` says: it changes when the columns do."""

FORMAT, CLOCK, BOARD, SCRIPT = b"kvx_emu.format", b"kvx_emu.clock_hz", b"kvx_emu.board", b"kvx_emu.script"
"""The keys of the file's metadata."""

GROUP = 1 << 17
"""Rows of a row group: what is held in memory."""

_CODE = {name: code for code, name in enumerate(EVENTS)}
_EVENT = COLUMNS.index("event")
_ALWAYS = {"tick", "event", "value"}  # never null
_INTEGERS = {
    "tick": "int64",
    "cluster": "int16",
    "core": "int8",
    "line": "int16",
    "from_cluster": "int16",
    "from_core": "int8",
    "value": "uint64",
}


class ParquetSink:
    """Writes rows as Parquet, with the columns of CSV; the file appears when it is closed.

    No rows follow a `flush`, which ends the file. Raises UsageError where pyarrow is not installed.
    """

    def __init__(self, path: str, setting: Setting) -> None:
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError:
            message = "pyarrow is not installed; expected it: pip install 'kvx-emu[parquet]'"
            raise UsageError(f"cannot write {path}: {message}") from None
        self._arrow = pa
        types = {name: getattr(pa, kind)() for name, kind in _INTEGERS.items()}
        types["event"] = pa.dictionary(pa.int8(), pa.string())
        metadata = {FORMAT: VERSION, CLOCK: str(setting.clock_hz).encode()}
        metadata |= {BOARD: _utf8(setting.board), SCRIPT: _utf8(setting.script)}
        fields = [pa.field(name, types[name], nullable=name not in _ALWAYS) for name in COLUMNS]
        self._schema = pa.schema(fields, metadata)
        self._events = pa.array(EVENTS, pa.string())
        self._loose: list[Row] = []  # rows that are no batch yet: chunks can be small
        self._held: list[Any] = []  # batches of less than a row group, but while rows are added
        self._rows = 0  # that these hold
        self._file = _Stream(path)
        self._writer = parquet.ParquetWriter(
            self._file,
            self._schema,
            compression="zstd",
            use_dictionary=[name for name in COLUMNS if name != "tick"],
            column_encoding={"tick": "DELTA_BINARY_PACKED"},  # ticks ascend: most need a byte
        )

    def add(self, rows: Sequence[Row]) -> None:
        """Take the rows, and write the row groups that are full."""
        if isinstance(rows, Block):
            self._settle()
            self._hold(cast("Columns", rows), self._from_columns)
        else:
            self._loose.extend(rows)
            if len(self._loose) >= GROUP:
                self._settle()

    def _settle(self) -> None:
        loose, self._loose = self._loose, []
        self._hold(loose, self._from_rows)

    def _hold(self, rows: _Rows, arrays: Callable[[_Rows], list[Any]]) -> None:
        for start in range(0, len(rows), GROUP):
            some = rows[start : start + GROUP]
            self._held.append(self._arrow.record_batch(arrays(some), schema=self._schema))
            self._rows += len(some)
            if self._rows >= GROUP:
                self._write(GROUP)

    def _from_rows(self, rows: Sequence[Row]) -> list[Any]:
        columns: list[Any] = list(zip(*rows, strict=True))
        columns[_EVENT] = self._named(self._arrow.array([_CODE[name] for name in columns[_EVENT]], "int8"))
        return columns

    def _from_columns(self, rows: Columns) -> list[Any]:
        from kvx_emu.trace.columns import ABSENT

        array, columns = self._arrow.array, []
        for field in self._schema:
            column = getattr(rows, field.name)
            if field.name == "event":
                columns.append(self._named(array(column.astype("int8"))))
            else:
                columns.append(array(column, field.type, mask=column == ABSENT if field.nullable else None))
        return columns

    def _named(self, codes: Any) -> Any:
        return self._arrow.DictionaryArray.from_arrays(codes, self._events)

    def _write(self, rows: int) -> None:
        """Write a row group of the first `rows` rows that are held."""
        # In one piece: where the rows were cut before would show in the bytes.
        held = self._arrow.Table.from_batches(self._held, self._schema).combine_chunks()
        self._held = held.slice(rows).to_batches()
        self._rows -= rows
        self._writer.write_table(held.slice(0, rows), row_group_size=rows)

    def flush(self) -> None:
        """Write what is held and the end of the file, and have it on the disk."""
        self._settle()
        if self._rows:
            self._write(self._rows)
        self._writer.close()
        self._file.target.flush()

    def close(self) -> None:
        """Let the file appear."""
        self.flush()
        self._file.target.close()

    def abandon(self) -> None:
        """Leave no file, or the old one; harmless after `close`."""
        self._file.closed = True
        self._writer.close()  # it would do so by itself once it is forgotten
        self._file.target.abandon()


class _Stream:
    """An AtomicFile as pyarrow writes to files; once it is `closed` it takes what comes and drops it."""

    def __init__(self, path: str) -> None:
        self.target = AtomicFile(path)
        self.closed = False

    def write(self, content: bytes) -> int:
        if not self.closed:
            self.target.write_bytes(bytes(content))
        return len(content)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")
