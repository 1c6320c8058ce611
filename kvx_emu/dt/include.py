"""`/include/` of .dts source: the texts of the files are put in place, and every character keeps its place.

An included file goes to the parser as it is: other than one that `#include` names, it is not preprocessed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple, Protocol

from kvx_emu.dt.reach import ReachError
from kvx_emu.dt.source import decode
from kvx_emu.errors import InputError

if TYPE_CHECKING:
    from kvx_emu.dt.findings import Findings
    from kvx_emu.dt.reach import Reach
    from kvx_emu.errors import Place

_DEPTH = 100  # files within one another: dtc's own limit
_FILES = 10_000  # in all: empty files that include one another twice could go on for ever

# Whatever may hold a `/include/` that is none, and the directive itself.
_STRING = r'"[^"\\]*+(?:\\[^\n][^"\\]*+)*+"'
_PARTS = re.compile(
    rf"/include/[ \t\r\n\f\v]*(?P<name>{_STRING})|/[a-z][a-z0-9-]*/"
    rf"|^\#(?:line)?[ \t]+[0-9]+[ \t]+(?P<mark>{_STRING})(?:[ \t]+[0-9]+)*"
    rf"|/\*(?s:.*?)\*/|//[^\n]*|{_STRING}|'(?:\\'|[^'])*'|&\{{[\w,.+*#?@/-]*\}}|(?P<open>/\*|[\"'])",
    re.ASCII | re.MULTILINE,
)


class Text(Protocol):
    """A text and the places of its characters."""

    @property
    def text(self) -> str:
        """The text."""
        ...

    def place(self, position: int) -> Place:
        """Return the place of the character at `position`."""
        ...


class _Part(NamedTuple):
    """A piece of the whole text: it is that of `source` from `start` on."""

    source: Text
    start: int


class Joined:
    """The text of a file with those that it includes."""

    def __init__(self) -> None:
        self.text = ""
        self._pieces: list[str] = []
        self._length = 0
        self._starts: list[int] = []
        self._parts: list[_Part] = []

    def add(self, source: Text, start: int, end: int) -> None:
        """Append a part of a text."""
        # No token goes on from one file to another: the line end between belongs to the part before.
        piece = source.text[start:end] + "\n"
        self._starts.append(self._length)
        self._parts.append(_Part(source, start))
        self._pieces.append(piece)
        self._length += len(piece)

    def finish(self) -> None:
        """Make `text` of all that was added."""
        self.text = "".join(self._pieces)

    def place(self, position: int) -> Place:
        """Return the place of a character in its own file."""
        index = bisect_right(self._starts, position) - 1
        source, start = self._parts[index]
        return source.place(start + position - self._starts[index])


class _Open:
    """A file that is being read, and how far."""

    def __init__(self, source: Text) -> None:
        self.source = source
        self.done = self.at = 0  # characters that were handed on, and that were looked at


def include(source: Text, reach: Reach | None, findings: Findings) -> tuple[Text, bool]:
    """Return the text with the files that it includes, and whether all of them were read.

    What is wrong goes to `findings`. A text without `/include/` is returned as it is.
    """
    if "/include/" not in source.text:
        return source, True
    return _Includer(reach, findings).run(source)


class _Includer:
    def __init__(self, reach: Reach | None, findings: Findings) -> None:
        self.reach = reach
        self.findings = findings
        self.complete = True
        self.count = 0
        self.sources: dict[str, Text] = {}
        self.joined = Joined()

    def run(self, source: Text) -> tuple[Text, bool]:
        stack = [_Open(source)]
        while stack:
            inner = self.step(stack[-1], len(stack))
            if inner is not None:
                stack.append(_Open(inner))
            else:
                stack.pop()
        self.joined.finish()
        return self.joined, self.complete

    def step(self, file: _Open, depth: int) -> Text | None:
        """Read on up to the next directive, and return the file that it includes; None at the end."""
        text = file.source.text
        while True:
            match = _PARTS.search(text, file.at)
            unclosed = match is not None and match["open"] is not None
            if match is None or unclosed:
                if unclosed and depth > 1:
                    assert match is not None
                    self.unclosed(file.source, match.start(), match["open"])
                self.joined.add(file.source, file.done, len(text))
                return None
            file.at = match.end()
            name = match["name"]
            if name is not None or (match["mark"] is not None and depth > 1):
                self.joined.add(file.source, file.done, match.start())
                file.done = file.at
            if name is not None:
                # As dtc: what stands in the quotes is taken as it is, without escapes.
                inner = self.open(name[1:-1], file.source.place(match.start()), depth)
                if inner is not None:
                    return inner

    def unclosed(self, source: Text, position: int, what: str) -> None:
        """Report what goes on to the end of an included file; nothing sound can be read after that."""
        code, name = ("comment", "comment") if what == "/*" else ("string", "string or character")
        self.fail(code, f"this {name} is not closed in the file in which it starts", source.place(position))
        self.findings.raise_if_any()

    def fail(self, code: str, message: str, place: Place) -> None:
        self.complete = False
        self.findings.error(code, message, place)

    def open(self, name: str, place: Place, depth: int) -> Text | None:
        """Return the text of the file that a directive at `place` names; None if there is none, reported."""
        self.count += 1
        if self.reach is None:
            self.fail("include", f"cannot include '{name}': no other file can be read from here", place)
        elif depth > _DEPTH:
            message = f"files include one another more than {_DEPTH} deep: does '{name}' include itself?"
            self.fail("limit", message, place)
        elif self.count > _FILES:
            if self.count == _FILES + 1:
                self.fail("limit", f"more than {_FILES} files are included", place)
        else:
            path = self.reach.find(name, place.path)
            if path is None:
                self.fail("include", not_found(self.reach, name, place), place)
                return None
            try:
                data = self.reach.read(path)
                if path not in self.sources:
                    self.sources[path] = decode(data, path)
                return self.sources[path]
            except ReachError as error:
                self.fail(error.code, str(error), place)
            except InputError as error:
                self.complete = False
                for finding in error.findings:
                    self.findings.add(finding)
        return None


def contents(reach: Reach | None, name: str, place: Place, findings: Findings) -> bytes:
    """Return the bytes of the file that an `/incbin/` at `place` names; none if there is none, reported."""
    if reach is None:
        findings.error("include", f"cannot read '{name}': no other file can be read from here", place)
        return b""
    path = reach.find(name, place.path)
    if path is None:
        findings.error("include", not_found(reach, name, place), place)
        return b""
    try:
        return reach.read(path)
    except ReachError as error:
        findings.error(error.code, str(error), place)
        return b""


def not_found(reach: Reach, name: str, place: Place) -> str:
    """Return what to say of a file that is nowhere."""
    searched = ", ".join(f"'{folder or '.'}'" for folder in reach.searched(place.path))
    return f"there is no file '{name}' (searched: {searched})"
