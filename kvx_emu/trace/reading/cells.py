"""What may stand in the cells of a trace, and how it is told that something else does."""

from __future__ import annotations

from kvx_emu.core_id import PIDS
from kvx_emu.errors import ERROR, Finding, InputError, Place
from kvx_emu.limits import LIMITS
from kvx_emu.trace.row import EVENTS

_NUMBERS = 1 << 15  # what the columns of every format can hold; no chip has as many clusters or inputs

BOUNDS = {
    "tick": LIMITS.ticks,
    "cluster": _NUMBERS,
    "core": PIDS,
    "line": _NUMBERS,
    "from_cluster": _NUMBERS,
    "from_core": PIDS,
    "value": LIMITS.number,
}
"""By column that holds numbers, the least that is too great."""

ALWAYS = frozenset({"tick", "event", "value"})
"""The columns that are never empty."""

_MOST = 100  # findings of a file: one of a million errors must not need a gigabyte to say so
_LONGEST_LINE = 400  # characters of a line that are worth showing under a message
_LONGEST_QUOTE = 40  # characters of the file inside a message


class WrongCell(Exception):  # noqa: N818 - a signal between the readers, no error of its own
    """A line holds no row; `position` counts the bytes before the cell that is wrong."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.position = position


class Findings:
    """What is wrong in a trace, gathered so that all of it is told at once."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._all: list[Finding] = []

    def __bool__(self) -> bool:
        return bool(self._all)

    def in_line(self, number: int, line: bytes, position: int, code: str, message: str) -> None:
        """Tell what is wrong behind the first `position` bytes of a line."""
        shown = line.decode("utf-8", "replace") if len(line) <= _LONGEST_LINE else ""
        column = len(line[:position].decode("utf-8", "replace")) + 1
        self._tell(Place(self._path, number, column, shown), code, message)

    def in_row(self, number: int, code: str, message: str) -> None:
        """Tell what is wrong in a row, counted from 1, of a table that is no text."""
        self._tell(Place(self._path, row=number), code, message)

    def in_file(self, code: str, message: str) -> None:
        """Tell what is wrong with the file as a whole."""
        self._tell(Place(self._path), code, message)

    def _tell(self, place: Place, code: str, message: str) -> None:
        if len(self._all) == _MOST:
            self._all.append(
                Finding(ERROR, "trace-many", f"more than {_MOST} errors: the rest is not told", place)
            )
            self.finish()
        self._all.append(Finding(ERROR, code, message, place))

    def finish(self) -> None:
        """Raise InputError with all that was told, if anything was."""
        if self._all:
            raise InputError(self._all)


def refusal(column: str, found: str) -> str:
    """Return the message that a cell, as it stands there, is none of a column."""
    return f"found {quote(found) if found else 'nothing'} for {column}; expected {expected(column, found)}"


def expected(column: str, found: str = "") -> str:
    """Return what a column holds; for `event` with the one that is nearest to what was found."""
    if column == "event":
        from difflib import get_close_matches

        near = get_close_matches(found[:_LONGEST_QUOTE], EVENTS, n=1)
        return f"one of {', '.join(EVENTS)}" + (f"; did you mean `{near[0]}`?" if near else "")
    most = {LIMITS.ticks: "2^63 - 1", LIMITS.number: "2^64 - 1"}.get(BOUNDS[column], BOUNDS[column] - 1)
    return f"a number 0..{most}" + ("" if column in ALWAYS else " or nothing")


def out_of_order(tick: int, before: int) -> str:
    """Return the message that a row's tick is less than that of the row before."""
    return f"found tick {tick} after tick {before}; expected ticks that never descend"


def quote(text: str) -> str:
    """Return `text` as it should stand in a message: between back quotes, on one line, cut when long."""
    shown = text[: _LONGEST_QUOTE + 1]
    shown = shown if shown.isprintable() else ascii(shown)[1:-1]
    return f"`{shown}`" if len(shown) <= _LONGEST_QUOTE else f"`{shown[: _LONGEST_QUOTE - 3]}...`"
