"""Traces in Parquet, read with pyarrow where that is installed."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

from kvx_emu.errors import UsageError
from kvx_emu.trace.formats.parquet import BOARD, CLOCK, SCRIPT
from kvx_emu.trace.reading import Trace
from kvx_emu.trace.reading.cells import ALWAYS, BOUNDS, Findings, out_of_order, quote, refusal
from kvx_emu.trace.row import COLUMNS, EVENTS
from kvx_emu.trace.setting import Setting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from kvx_emu.trace.row import Row

_ROWS = 1 << 14  # that are read at once
_BUFFER = 1 << 20  # bytes that are read at once of each column, instead of a whole row group
_DIGITS = 18  # of a clock, at most: what no clock reaches
_REASON = 200  # characters of what pyarrow says is wrong
_EVENTS = frozenset(EVENTS)


def read_parquet(stream: BinaryIO, path: str) -> Trace:
    """Return the trace in a Parquet file: the columns of `COLUMNS` by name, in any order, among any others.

    Numbers may have any integer type, events be texts or a dictionary of them. Raises InputError, and
    UsageError where pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        stream.close()
        message = "pyarrow is not installed; expected it: pip install 'kvx-emu[parquet]'"
        raise UsageError(f"cannot read {path}: {message}") from None
    findings = Findings(path)
    setting = Setting()
    unsound = pa.ArrowException, OSError, ValueError
    with ExitStack() as stack:
        stack.enter_context(stream)
        try:
            file = parquet.ParquetFile(stream, buffer_size=_BUFFER, pre_buffer=False)
            schema = file.schema_arrow
            _check_columns(schema, pa.types, findings)
            setting = _setting(schema.metadata or {}, findings)
        except unsound as error:
            findings.in_file("trace-file", _unsound(error))
        findings.finish()
        stack.pop_all()
    return Trace(setting, _rows(file, findings, unsound), stream)


def _check_columns(schema: Any, types: Any, findings: Findings) -> None:
    for column in COLUMNS:
        indices = schema.get_all_field_indices(column)
        if len(indices) != 1:
            found = f"{len(indices)} columns" if indices else "no column"
            findings.in_file(
                "trace-header", f"found {found} {column}; expected one each of {', '.join(COLUMNS)}"
            )
            continue
        kind = schema.field(indices[0]).type
        value = kind.value_type if types.is_dictionary(kind) else kind
        is_text = types.is_string(value) or types.is_large_string(value)
        if not (is_text if column == "event" else types.is_integer(kind) or types.is_null(kind)):
            expected = "texts" if column == "event" else "integers"
            findings.in_file(
                "trace-header", f"found the type {quote(str(kind))} for {column}; expected {expected}"
            )


def _setting(metadata: dict[bytes, bytes], findings: Findings) -> Setting:
    """Return what the file tells of the run."""
    plain = Setting()
    clock = metadata.get(CLOCK, str(plain.clock_hz).encode())
    if not clock.isdigit() or len(clock) > _DIGITS or not int(clock):
        found = quote(clock.decode("utf-8", "replace"))
        findings.in_file("trace-header", f"found {found} for {CLOCK.decode()}; expected a frequency in Hz")
        return plain
    board, script = (metadata.get(key, b"").decode("utf-8", "replace") for key in (BOARD, SCRIPT))
    return Setting(clock_hz=int(clock), board=board, script=script)


def _rows(file: Any, findings: Findings, unsound: tuple[type[Exception], ...]) -> Iterator[list[Row]]:
    number, last = 1, 0
    try:
        for batch in file.iter_batches(_ROWS, columns=list(COLUMNS), use_threads=False):
            columns = [batch.column(name).to_pylist() for name in COLUMNS]
            rows = cast("list[Row]", list(zip(*columns, strict=True)))
            if not _sound(columns, last):
                _tell(rows, number, last, findings)
            if rows and not findings:
                yield rows
            number += len(rows)
            last = rows[-1][0] if rows else last
    except unsound as error:
        findings.in_file("trace-file", _unsound(error))
    findings.finish()


def _sound(columns: Sequence[Sequence[Any]], last: int) -> bool:
    """Return whether columns hold rows, the ticks of which follow `last`: many at a time."""
    for name, column in zip(COLUMNS, columns, strict=True):
        found = set(column)
        if name not in ALWAYS:
            found.discard(None)
        if name == "event":
            if not found <= _EVENTS:
                return False
        elif None in found or (found and (min(found) < 0 or max(found) >= BOUNDS[name])):
            return False
    ticks = columns[0]
    return not ticks or (ticks[0] >= last and list(ticks) == sorted(ticks))


def _tell(rows: Sequence[Row], first: int, last: int, findings: Findings) -> None:
    """Tell what is wrong in rows, the first of which is row `first`."""
    for number, row in enumerate(rows, first):
        for column, value in zip(COLUMNS, row, strict=True):
            if value is None:
                sound = column not in ALWAYS
            else:
                sound = value in _EVENTS if column == "event" else 0 <= cast("int", value) < BOUNDS[column]
            if not sound:
                findings.in_row(number, "trace-row", refusal(column, "" if value is None else str(value)))
        if row[0] is not None:
            if row[0] < last:
                findings.in_row(number, "trace-order", out_of_order(row[0], last))
            last = row[0]


def _unsound(error: Exception) -> str:
    reason = " ".join(str(error).split())[:_REASON]
    return f"found no sound Parquet file: {reason}; expected one"
