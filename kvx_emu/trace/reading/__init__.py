"""Traces that were written before, read back: CSV, JSON Lines and Parquet.

Lines as this project writes them are taken apart many at a time. Those that are not so, or are wrong, are
read one by one, which is where it is told what is wrong.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, cast

from kvx_emu.errors import UsageError
from kvx_emu.files import display_name, open_input
from kvx_emu.trace.formats import suffix_of
from kvx_emu.trace.reading.cells import ALWAYS, BOUNDS, Findings, WrongCell, out_of_order, quote, refusal
from kvx_emu.trace.row import COLUMNS, EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

    from kvx_emu.trace.row import Row
    from kvx_emu.trace.setting import Setting

READABLE = (".csv", ".jsonl", ".parquet")

BLOCK = 1 << 18
"""Bytes that are read at once."""

LONGEST = 1 << 18
"""Bytes of the longest line, about; a row needs a hundred."""

_BOM = b"\xef\xbb\xbf"
_MAGIC = b"PAR1"  # source: parquet.apache.org/docs/file-format
_KEPT = 1 << 16  # texts between tick and value that are kept; a board of one cluster has some thousands
_DIGITS = 20  # of the greatest number
_NAMES = ",".join(COLUMNS)
_BETWEEN = COLUMNS[1:7]
_EVENTS = frozenset(EVENTS)

_Middle: TypeAlias = "tuple[int | None, int | None, str, int | None, int | None, int | None]"
"""What stands between tick and value."""


class Trace(NamedTuple):
    """A trace that was opened: what the file tells of the run, None if nothing, and the rows in chunks.

    Going through the chunks raises InputError with all that is wrong in the file; ticks never descend. The
    end of the context `with trace:` closes the file.
    """

    setting: Setting | None
    chunks: Iterator[list[Row]]
    stream: BinaryIO | None  # None for standard input, which is not ours to close

    def __enter__(self) -> Trace:
        return self

    def __exit__(self, *_: object) -> None:
        if self.stream is not None:
            self.stream.close()


def read_trace(path: str) -> Trace:
    """Return the trace in the file `path`, or on standard input for `-`, which holds no Parquet.

    The suffix says the format; where it does not, the first bytes do. Raises InputError, and UsageError for a
    file that can not be opened or a format that is written only.
    """
    suffix = suffix_of(path)
    if suffix is not None and suffix not in READABLE:
        raise UsageError(f"cannot read {path}: {suffix} is only written; expected {', '.join(READABLE)}")
    if path == "-":
        if sys.stdin is None:
            raise UsageError("cannot read standard input: it is closed")
        stream: BinaryIO = sys.stdin.buffer
    else:
        stream = open_input(path)
    first = b""
    if suffix is None:
        first = _read(stream, path, len(_MAGIC))
        suffix = ".parquet" if first == _MAGIC else ".jsonl" if first.startswith(b"{") else ".csv"
    if suffix == ".parquet":
        if path == "-":
            raise UsageError("cannot read Parquet from standard input: its end comes first; expected a file")
        from kvx_emu.trace.reading.parquet import read_parquet

        return read_parquet(stream, path)
    rows = _rows(stream, path, first, _Csv() if suffix == ".csv" else _JsonLines())
    return Trace(None, rows, None if path == "-" else stream)


class _Form(Protocol):
    """How rows stand in a text, a line each."""

    @property
    def plain(self) -> re.Pattern[bytes]:
        """What matches a line of this project's making, its end included: tick, middle and value."""

    def begin(self, line: bytes) -> bool:
        """Return whether the first line is none of a row; WrongCell if it is wrong."""

    def middle(self, text: bytes) -> _Middle:
        """Return what stands between tick and value; WrongCell if that must be looked at closer."""

    def row(self, line: bytes) -> Row:
        """Return the row of a line, without its end; WrongCell if it holds none."""


def _rows(stream: BinaryIO, path: str, first: bytes, form: _Form) -> Iterator[list[Row]]:
    """Yield the rows of a text, of which the bytes `first` are read already."""
    findings = Findings(display_name(path))
    middles = _Middles(form)
    number, last = 1, 0
    for text in _blocks(stream, path, first, findings):
        if number == 1:
            text = text.removeprefix(_BOM)  # noqa: PLW2901 - the rest of it
            line, _, rest = text.partition(b"\n")
            try:
                headed = form.begin(line)
            except WrongCell as wrong:
                findings.in_line(1, line, wrong.position, "trace-header", str(wrong))
                break
            text, number = (rest, 2) if headed else (text, 1)  # noqa: PLW2901
        rows = _plain_rows(text, form.plain, middles, last)
        if rows is None:
            rows = _line_by_line(text, form, number, last, findings)
        if rows and not findings:
            yield rows
        last = rows[-1][0] if rows else last
        number += text.count(b"\n")
    findings.finish()


def _read(stream: BinaryIO, path: str, size: int) -> bytes:
    try:
        return stream.read(size)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None


def _blocks(stream: BinaryIO, path: str, rest: bytes, findings: Findings) -> Iterator[bytes]:
    r"""Yield the text in parts of whole lines with `\n` at their ends; an empty one as an empty line."""
    number = 1
    while block := _read(stream, path, BLOCK):
        block = rest + block
        cut = block.rfind(b"\n") + 1
        rest = block[cut:]
        if cut:
            yield block[:cut].replace(b"\r\n", b"\n")
            number += block.count(b"\n")
        if len(rest) > LONGEST:
            findings.in_line(
                number, b"", 0, "trace-row", f"found a line of more than {LONGEST} bytes; expected a row"
            )
            return
    if rest or number == 1:
        yield rest.removesuffix(b"\r") + b"\n"


class _Middles(dict[bytes, _Middle]):
    """What stands between tick and value, by its text."""

    def __init__(self, form: _Form) -> None:
        super().__init__()
        self._form = form

    def __missing__(self, text: bytes) -> _Middle:
        if len(self) >= _KEPT:
            self.clear()
        self[text] = middle = self._form.middle(text)
        return middle


def _plain_rows(text: bytes, plain: re.Pattern[bytes], middles: _Middles, last: int) -> list[Row] | None:
    """Return the rows of whole lines, None if one of them needs a closer look."""
    found = plain.findall(text)
    if not found or len(found) != text.count(b"\n"):
        return None
    try:
        rows = [(int(tick), *middles[middle], int(value)) for tick, middle, value in found]
    except WrongCell:
        return None
    ticks = [row[0] for row in rows]
    in_order = ticks[0] >= last and ticks == sorted(ticks) and ticks[-1] < BOUNDS["tick"]
    return rows if in_order and max(row[7] for row in rows) < BOUNDS["value"] else None


def _line_by_line(text: bytes, form: _Form, number: int, last: int, findings: Findings) -> list[Row]:
    """Return the rows of whole lines, the first of which is line `number`, and tell what is wrong."""
    rows: list[Row] = []
    for at, line in enumerate(text.split(b"\n")[:-1], number):
        try:
            row = form.row(line)
        except WrongCell as wrong:
            findings.in_line(at, line, wrong.position, "trace-row", str(wrong))
            continue
        if row[0] < last:
            findings.in_line(at, line, 0, "trace-order", out_of_order(row[0], last))
        last = row[0]
        rows.append(row)
    return rows


class _Csv:
    """A header, then a line a row; more columns may stand at the right, and mean nothing here."""

    def __init__(self) -> None:
        self.plain = re.compile(rb"^([0-9]{1,19}),([^\n]*),([0-9]{1,20})\n", re.MULTILINE)
        self._columns = len(COLUMNS)

    def begin(self, line: bytes) -> bool:
        names = line.split(b",")
        position = 0
        for index, name in enumerate(COLUMNS):
            found = names[index] if index < len(names) else b""
            if found != name.encode():
                shown = quote(_text(found)) if found else "nothing"
                message = f"found {shown} for column {index + 1} of the header; expected {name}, of {_NAMES}"
                raise WrongCell(message, min(position, len(line)))
            position += len(found) + 1
        if len(names) > len(COLUMNS):
            self._columns = len(names)
            middle = rb"((?:[^,\n]*,){5}[^,\n]*)"
            self.plain = re.compile(rb"^([0-9]{1,19})," + middle + rb",([0-9]{1,20}),[^\n]*\n", re.MULTILINE)
        return True

    def middle(self, text: bytes) -> _Middle:
        cells = text.split(b",")
        if len(cells) != len(_BETWEEN):
            raise WrongCell("the number of cells")
        return cast("_Middle", tuple(_values(_BETWEEN, cells)))

    def row(self, line: bytes) -> Row:
        cells = line.split(b",")
        enough = len(cells) == self._columns or len(COLUMNS) < self._columns <= len(cells)
        if not enough:
            found = (
                f"found {len(cells)} cell{'s' if len(cells) > 1 else ''}" if line else "found an empty line"
            )
            raise WrongCell(
                f"{found}; expected {self._columns} cells: {_NAMES}{', ...' * (self._columns > 8)}"
            )
        return cast("Row", tuple(_values(COLUMNS, cells)))


def _values(columns: Sequence[str], cells: Iterable[bytes]) -> Iterator[int | str | None]:
    """Yield what the cells of some columns hold; WrongCell with the position among them."""
    position = 0
    for column, cell in zip(columns, cells, strict=False):
        if column == "event":
            event = cell.decode("latin-1")
            if event not in _EVENTS:
                raise WrongCell(refusal(column, _text(cell)), position)
            yield event
        elif cell or column in ALWAYS:
            number = int(cell) if cell.isdigit() and len(cell) <= _DIGITS else -1
            if not 0 <= number < BOUNDS[column]:
                raise WrongCell(refusal(column, _text(cell)), position)
            yield number
        else:
            yield None
        position += len(cell) + 1


def _text(cell: bytes) -> str:
    return cell.decode("utf-8", "replace")


class _JsonLines:
    """An object a line, with the columns as keys; more keys may stand there, and mean nothing here."""

    _number = rb"(0|[1-9][0-9]{0,19})"
    plain = re.compile(rb'^\{"tick":' + _number + rb',([^\n]*),"value":' + _number + rb"\}\n", re.MULTILINE)

    def begin(self, line: bytes) -> bool:
        return not line  # an empty file has no rows

    def middle(self, text: bytes) -> _Middle:
        record = _object(b"{%b}" % text)
        if tuple(record) != _BETWEEN:
            raise WrongCell("other keys")
        return cast("_Middle", tuple(_checked(column, record, text) for column in _BETWEEN))

    def row(self, line: bytes) -> Row:
        record = _object(line)
        return cast("Row", tuple(_checked(column, record, line) for column in COLUMNS))


def _object(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise WrongCell(f"found no JSON ({error.msg}); expected an object", error.pos) from None
    except (ValueError, RecursionError):  # no UTF-8, a number of thousands of digits, a thousand brackets
        raise WrongCell("found no JSON that can be read; expected an object") from None
    if not isinstance(record, dict):
        raise WrongCell(f"found {quote(_shown(record))}; expected an object with the keys {_NAMES}")
    return record


def _checked(column: str, record: dict[str, Any], line: bytes) -> int | str | None:
    """Return the value of a column in an object; WrongCell with its position in the line."""
    if column not in record:
        raise WrongCell(f"found no {column}; expected an object with the keys {_NAMES}")
    value = record[column]
    if column == "event":
        sound = isinstance(value, str) and value in _EVENTS
    elif value is None:
        sound = column not in ALWAYS
    else:
        sound = type(value) is int and 0 <= value < BOUNDS[column]
    if not sound:
        at = re.search(rb'"%b"\s*:\s*' % column.encode(), line)
        raise WrongCell(refusal(column, _shown(value)), at.end() if at else 0)
    return cast("int | str | None", value)


def _shown(value: object) -> str:
    if isinstance(value, (list, dict)):
        return "[...]" if isinstance(value, list) else "{...}"
    return json.dumps(value, ensure_ascii=False)
