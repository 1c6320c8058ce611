"""What can be wrong, and where: places in files, findings, and the exceptions that carry them.

Every reader of the project reports through these, so that a message always has the same form and a
wrong input always ends with the exit status that the command line promises.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

ERROR = "error"
WARNING = "warning"
NOTE = "note"

SHOWN = 200
"""Characters of a source line that are shown under a message."""


class Place(NamedTuple):
    """A spot in an input: line and column of a text (from 1), offset of a blob or row of a table."""

    path: str
    line: int | None = None
    column: int | None = None
    text: str = ""  # the source line, without its end, to be shown under the message
    offset: int | None = None  # bytes from the start of a blob
    row: int | None = None  # from 1, of a table that is no text

    def __str__(self) -> str:
        """Return `path:line:column`, `path: offset 0x..`, `path: row N` or `path`."""
        if self.offset is not None:
            return f"{self.path}: offset {self.offset:#x}"
        if self.line is not None:
            return f"{self.path}:{self.line}:{self.column}"
        if self.row is not None:
            return f"{self.path}: row {self.row}"
        return self.path


class Source:
    """A text that was read, and the places of its characters."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self._starts: list[int] | None = None
        self._last: tuple[int, str] = -1, ""

    def place(self, position: int) -> Place:
        """Return the place of the character at `position` (characters from the start of the text)."""
        if self._starts is None:
            self._starts = [0]
            find = self.text.find
            end = find("\n")
            while end >= 0:
                self._starts.append(end + 1)
                end = find("\n", end + 1)
        row = bisect_right(self._starts, position) - 1
        start = self._starts[row]
        if row != self._last[0]:  # many places of one long line share its text
            stop = self.text.find("\n", start)
            self._last = row, self.text[start : stop if stop >= 0 else len(self.text)].rstrip("\r")
        return Place(self.path, row + 1, position - start + 1, self._last[1])


class Finding(NamedTuple):
    """One thing that is wrong, odd or worth knowing in an input."""

    severity: str  # ERROR, WARNING or NOTE
    code: str  # a short word with dashes, stable: tests and `-W` name it
    message: str  # what was found and what was expected
    place: Place
    node: str | None = None  # path of the device-tree node concerned
    property: str | None = None  # name of the property concerned
    lines: tuple[str, ...] = ()  # shown below the source line: what led to it

    def located(self) -> str:
        """Return the message for forms that have a place for lines and offsets but none for rows."""
        return self.message if self.place.row is None else f"row {self.place.row}: {self.message}"

    def __str__(self) -> str:
        """Return the message with its place, then the source line and a caret, then the other lines."""
        text = f"{self.place}: {self.severity}[{self.code}]: {self.message}"
        line, column = self.place.text, self.place.column
        if line and column is not None:
            # Of a very long line, what is around the place.
            start = max(0, column - 1 - SHOWN // 2) if len(line) > SHOWN else 0
            line = line[start : start + SHOWN]
            # Tabs are kept before the caret so that it stands under the character in any terminal.
            indent = "".join("\t" if c == "\t" else " " for c in line[: column - 1 - start])
            text += f"\n  {line}\n  {indent}^"
        text += "".join(f"\n  {other}" for other in self.lines)
        return "".join(c if c.isprintable() or c in "\t\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


class KvxEmuError(Exception):
    """The base of every error that a user can cause; `exit_status` is what the command returns."""

    exit_status = 70


class UsageError(KvxEmuError):
    """The command line asks for something that can not be, or a file that can not be opened."""

    exit_status = 2

    def __init__(self, message: str, *, findings: Iterable[Finding] = ()) -> None:
        """Keep the message, and what was found in other inputs meanwhile."""
        self.findings = tuple(findings)
        super().__init__(message)


class InputError(KvxEmuError):
    """A board or a script is invalid; `findings` tells all that is wrong, not the first alone."""

    exit_status = 3

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


class OutputError(KvxEmuError):
    """An output could not be written."""

    exit_status = 6


class ReaderGoneError(KvxEmuError):
    """Whoever read our standard output closed it; no longer a reason to write anything."""

    exit_status = 141


class DefectError(KvxEmuError):
    """A result contradicts itself: a defect of kvx-emu, never of its input."""

    exit_status = 70
