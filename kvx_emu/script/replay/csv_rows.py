"""Tables as CSV text: parsed a block at a time with numpy, and a row at a time where it is not plain.

The fast way takes what a program writes: decimal numbers up to 19 digits, hexadecimal ones up to 16, names of
cores up to 8 characters. Cells that it does not take are looked at one by one, which reads the others that
are right and tells what is wrong. So the fast way never has to say why.
"""

from __future__ import annotations

import re
from itertools import accumulate, chain
from typing import TYPE_CHECKING

import numpy as np

from kvx_emu.errors import Place
from kvx_emu.limits import LIMITS
from kvx_emu.script.replay.rows import COLUMNS, NUMBERS, WRITER, Rows, check_columns
from kvx_emu.script.report import LONGEST_LINE, quote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO, TypeAlias

    from numpy.typing import NDArray

    from kvx_emu.script.replay.rows import Teller, Whole, Writers

    Bytes: TypeAlias = NDArray[np.uint8]

BLOCK = 1 << 18
"""Bytes that are parsed at once: their arrays stay in a processor's cache. Also the longest line, about."""

_BOM = b"\xef\xbb\xbf"
_BLANKS = b" \t"
_NUMBER = re.compile("0[xX][0-9a-fA-F]{1,100}|[0-9]{1,100}")
_COMMA, _END, _BLANK, _ZERO, _X = b",\n 0x"
_CAPITAL = 0x20  # the bit that a capital letter lacks

_DIGITS = {10: 19, 16: 16}  # the most digits by base that surely fit 64 bits
_NAME = 8  # characters of a name that fit 64 bits
_NO_NAME = 1 << 8  # as a name this has a zero byte, which none that is looked for has
_PADDING = bytes(1 + max(*_DIGITS.values(), _NAME))  # so that one may look beyond the end of a cell

_VALUE_OF = np.full(256, 255, np.uint8)
"""Each byte's value as a digit, 255 for none."""
_VALUE_OF[list(b"0123456789abcdef")] = range(16)
_VALUE_OF[list(b"ABCDEF")] = range(10, 16)


def read_csv(stream: BinaryIO, path: str, writers: Writers, teller: Teller) -> Iterator[Rows]:
    """Yield the rows of the text of `stream`, called `path`; ragged ones are left out."""
    blocks = _blocks(stream, path, teller)
    header, _, rest = next(blocks, b"").removeprefix(_BOM).partition(b"\n")
    reader = _Reader(path, header, writers, teller)
    if not reader.sound:
        return
    number = 2
    for text in chain([rest], blocks):
        rows = reader.rows(text, number)
        if len(rows.tick):
            yield rows
        number += text.count(b"\n")


def _blocks(stream: BinaryIO, path: str, teller: Teller) -> Iterator[bytes]:
    r"""Yield the text in parts of whole lines with `\n` at their ends."""
    rest, number = b"", 1
    while block := stream.read(BLOCK):
        block = (rest + block).replace(b"\r\n", b"\n")
        cut = block.rfind(b"\n") + 1
        rest = block[cut:]
        if cut:
            number += block.count(b"\n")
            yield block[:cut]
        if len(rest) > BLOCK:
            message = f"found a line of more than {BLOCK} bytes; expected a table"
            teller.error_at(Place(path, number, 1), "script-table", message)
            return
    if rest:
        yield rest.removesuffix(b"\r") + b"\n"


class _Reader:
    """Reads rows below a header; `sound` says whether the header is one."""

    def __init__(self, path: str, header: bytes, writers: Writers, teller: Teller) -> None:
        self._path, self._writers, self._teller = path, writers, teller
        # Of a long header the end is one unknown column, of an empty one nothing is a column.
        cells = header.split(b",", LONGEST_LINE) if header.strip(_BLANKS) else []
        self._columns = [_text(cell.strip(_BLANKS)) for cell in cells]
        starts = list(accumulate((len(cell) + 1 for cell in cells), initial=0))
        self.sound = check_columns(self._columns, lambda k: self._place(header, 1, starts[k]), teller)
        self._default = 0
        if self.sound and WRITER not in self._columns:
            try:
                self._default = writers.number("")
            except ValueError as error:
                teller.error_at(self._place(header, 1, 0), "script-core", str(error))
                self.sound = False
        # Names as numbers, among which a search finds many at once.
        known = {int.from_bytes(name.encode(), "little"): number for name, number in writers.known()}
        short = sorted(key for key in known if key < LIMITS.number) or [_NO_NAME]
        self._keys = np.array(short, np.uint64)
        self._numbers = np.array([known.get(key, 0) for key in short], np.int64)

    def rows(self, text: bytes, number: int) -> Rows:
        r"""Return the rows of `text`, whole lines each with `\n` at its end; the first is line `number`."""
        data = np.frombuffer(text + _PADDING, np.uint8)
        lines = _Lines(data[: len(text)], number, len(self._columns))
        for line, begin, end, count in lines.ragged:
            found = f"found {count} cell{'s' if count > 1 else ''}"
            message = f"{found}; expected {len(self._columns)}: {', '.join(self._columns)}"
            self._teller.error_at(self._place(text[begin:end], line, 0), "script-table", message)
        columns: dict[str, Whole] = {}
        told: dict[str, NDArray[np.bool_]] = {}
        for index, name in enumerate(self._columns):
            start, stop = lines.start[:, index], lines.stop[:, index]
            start = start + (data[start] == _BLANK)  # many put one after the comma
            cells, plain = self._find(data, start, stop) if name == WRITER else _numbers(data, start, stop)
            for row in np.flatnonzero(~plain).tolist():
                cell = _text(text[start[row] : stop[row]].strip(_BLANKS))
                try:
                    cells[row] = self._writers.number(cell) if name == WRITER else _number(cell, name)
                    plain[row] = True
                except ValueError as error:
                    code = "script-core" if name == WRITER else NUMBERS[name].code
                    self._teller.error_at(self._cell(text, lines, row, name), code, str(error))
            columns[name], told[name] = cells, ~plain
        if WRITER not in columns:
            columns[WRITER] = np.full(len(lines.number), self._default)
        tick, address, value, writer = (columns[name] for name in COLUMNS)
        return Rows(tick, address, value, writer, told, lambda row, name: self._cell(text, lines, row, name))

    def _find(self, data: Bytes, start: Whole, stop: Whole) -> tuple[Whole, NDArray[np.bool_]]:
        """Return the numbers of the cores named in cells, and which of them are right."""
        length = stop - start
        plain = length <= _NAME
        key = np.zeros(len(start), np.uint64)
        for k in range(min(int(length.max(initial=0)), _NAME)):
            inside = k < length
            letter = data[start + k]
            plain &= ~(inside & (letter == 0))  # a zero byte would make a name look shorter
            key |= np.where(inside, letter, 0).astype(np.uint64) << np.uint64(8 * k)
        index = np.searchsorted(self._keys[:-1], key)  # that of the last key for all that is greater
        return self._numbers[index], plain & (self._keys[index] == key)

    def _cell(self, text: bytes, lines: _Lines, row: int, name: str) -> Place:
        """Return the place of a cell."""
        index = self._columns.index(name)
        start, stop = int(lines.start[row, 0]), int(lines.stop[row, -1])
        cell = text[int(lines.start[row, index]) : int(lines.stop[row, index])]
        before = int(lines.start[row, index]) - start + len(cell) - len(cell.lstrip(_BLANKS))
        return self._place(text[start:stop], int(lines.number[row]), before)

    def _place(self, line: bytes, number: int, before: int) -> Place:
        """Return the place after the first `before` bytes of a line; the text of a long line is not kept."""
        shown = _text(line) if len(line) <= LONGEST_LINE else ""
        return Place(self._path, number, len(_text(line[:before])) + 1, shown)


class _Lines:
    """The lines of a text that have the right number of cells, as arrays, and those that have not.

    `start` and `stop` are the positions of the cells, (lines, cells); `number` those of the lines. `ragged`
    holds number, start, stop and count of cells of each other line that is not empty.
    """

    def __init__(self, data: Bytes, number: int, cells: int) -> None:
        marks = np.flatnonzero((data == _COMMA) | (data == _END))  # where a cell ends
        last = np.flatnonzero(data[marks] == _END)  # those that end a line
        stop = marks[last]
        start = np.concatenate([[0], stop[:-1] + 1]) if len(stop) else stop
        count = np.diff(last, prepend=-1)
        even = count == cells
        self.ragged = [
            (number + line, int(start[line]), int(stop[line]), int(count[line]))
            for line in np.flatnonzero(~even & (stop > start)).tolist()
        ]
        if not even.all():
            marks, start = marks[np.repeat(even, count)], start[even]
        self.stop = marks.reshape(-1, cells)
        self.start = np.concatenate([start[:, np.newaxis], self.stop[:, :-1] + 1], axis=1)
        self.number = number + np.flatnonzero(even)


def _numbers(data: Bytes, start: Whole, stop: Whole) -> tuple[Whole, NDArray[np.bool_]]:
    """Return the numbers in cells, and which of them are right: the plain ones, decimal or hexadecimal."""
    prefixed = (data[start] == _ZERO) & (data[start + 1] | _CAPITAL == _X)
    if not prefixed.any():
        return _digits(data, start, stop, 10)
    if prefixed.all():
        return _digits(data, start + 2, stop, 16)
    values, plain = np.empty(len(start), np.uint64), np.empty(len(start), np.bool_)
    values[prefixed], plain[prefixed] = _digits(data, start[prefixed] + 2, stop[prefixed], 16)
    others = ~prefixed
    values[others], plain[others] = _digits(data, start[others], stop[others], 10)
    return values, plain


def _digits(data: Bytes, start: Whole, stop: Whole, base: int) -> tuple[Whole, NDArray[np.bool_]]:
    """Return the numbers written at `start` .. `stop` - 1 to a base, and which of them are right."""
    length = stop - start
    plain = (length > 0) & (length <= _DIGITS[base])
    value = np.zeros(len(start), np.uint64)
    for k in range(min(int(length.max(initial=0)), _DIGITS[base])):
        inside = k < length
        digit = _VALUE_OF[data[start + k]]
        plain &= ~(inside & (digit >= base))
        value = np.where(inside, value * np.uint64(base) + digit, value)
    return value, plain


def _number(cell: str, column: str) -> int:
    """Return the number in a cell; raises ValueError with the message if it is none of 64 bits."""
    value = None
    if _NUMBER.fullmatch(cell):
        value = int(cell, 16 if cell[1:2] in {"x", "X"} else 10)
    if value is None or value >= LIMITS.number:
        found = quote(cell) if cell else "nothing"
        raise ValueError(f"found {found} for {column}; expected {NUMBERS[column].expected}, decimal or 0x..")
    return value


def _text(cell: bytes) -> str:
    """Return bytes as text; what is no UTF-8 is marked."""
    return cell.decode("utf-8", errors="replace")
