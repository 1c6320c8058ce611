"""Where preprocessed text comes from: the files that were opened, and a map from the text to them."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.errors import Place, Source

if TYPE_CHECKING:
    from kvx_emu.dt.cpp_macros import Macro
    from kvx_emu.errors import Finding

_SPLICE = re.compile(r"\\[ \t\f\v\r]*\n")  # as in cpp, blank space may stand behind the backslash


class Mark(NamedTuple):
    """What a `# 12 "file"` line says: `line` of the file itself, counted on from 1, is another one."""

    line: int
    path: str
    shown: int


class Spot(NamedTuple):
    """A position in a file."""

    file: Opened
    position: int


class Opened:
    """A file, or a text given as one, each time that it is included.

    `text` is what is read: the content with its spliced lines joined. Positions are those of `text`.
    """

    def __init__(self, source: Source, parent: Opened | None = None, position: int = 0) -> None:
        self.source = source
        self.path = source.path
        self.parent = parent  # the file that includes this one
        self.position = position  # of the #include in it
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.marks: list[Mark] = []
        self.text = source.text
        self._cuts: list[int] = []  # where in `text` something was cut out
        self._cut: list[int] = []  # how much up to there
        if "\\" in self.text:
            self._join()

    def _join(self) -> None:
        parts = []
        start = cut = 0
        for match in _SPLICE.finditer(self.text):
            parts.append(self.text[start : match.start()])
            self._cuts.append(match.start() - cut)
            start = match.end()
            cut += start - match.start()
            self._cut.append(cut)
        if parts:
            self.text = "".join([*parts, self.text[start:]])

    def place(self, position: int) -> Place:
        """Return the place of a character; line marks count."""
        place = self.physical(position)
        if not self.marks:
            return place
        assert place.line is not None
        index = bisect_right(self.marks, place.line, key=lambda mark: mark.line) - 1
        if index < 0:
            return place
        mark = self.marks[index]
        return place._replace(path=mark.path, line=mark.shown + place.line - mark.line)

    def physical(self, position: int) -> Place:
        """Return the place of a character in the file itself."""
        index = bisect_right(self._cuts, position) - 1
        return self.source.place(position + self._cut[index] if index >= 0 else position)

    def mark(self, position: int, line: int, path: str | None) -> None:
        """Say that after the line of `position` comes `line`, of another file if `path` is given."""
        here = self.physical(position).line
        assert here is not None
        path = path if path is not None else self.marks[-1].path if self.marks else self.path
        self.marks.append(Mark(here + 1, path, line))

    def chain(self) -> str:
        """Return what a message ends with to tell how this file came to be read."""
        names: list[str] = []
        file = self
        while file.parent is not None:
            place = file.parent.place(file.position)
            names.append(f"{place.path}:{place.line}")
            file = file.parent
        if len(names) > 6:
            names[3:-2] = ["..."]
        return f" (included from {', from '.join(names)})" if names else ""


class SourceMap:
    """Where each part of a text comes from; the parts are added in order.

    Flat lists, for a part is as short as a word: a hostile text has a million of them.
    """

    def __init__(self) -> None:
        self.starts = array("q")
        self.positions = array("q")
        self.files: list[Opened] = []
        self.macros: list[Macro | None] = []

    def add(self, start: int, file: Opened, position: int, macro: Macro | None) -> None:
        """Say that the text from `start` on is that of `file` from `position` on.

        With a macro it is all what the macro expands to that is used there.
        """
        self.starts.append(start)
        self.positions.append(position)
        self.files.append(file)
        self.macros.append(macro)

    def index(self, position: int) -> int:
        """Return the number of the part that holds a character."""
        return max(bisect_right(self.starts, position) - 1, 0)


class Expanded(Source):
    """Preprocessed text; `place` leads to where each character was written.

    What a macro expands to has the place of the macro's use. `warnings` are the findings that do not
    keep the text from being read.
    """

    def __init__(self, path: str, text: str, parts: SourceMap, warnings: tuple[Finding, ...] = ()) -> None:
        super().__init__(path, text)
        self.warnings = warnings
        self._parts = parts

    def place(self, position: int) -> Place:
        """Return the place of the character at `position` (characters from the start of the text)."""
        parts = self._parts
        index = parts.index(position)
        start = parts.positions[index]
        if parts.macros[index] is None:
            start += position - parts.starts[index]
        return parts.files[index].place(start)

    def definition(self, position: int) -> Place | None:
        """Return where the macro is defined that the character at `position` is expanded from, or None."""
        macro = self._parts.macros[self._parts.index(position)]
        if macro is None or macro.where.file.path == COMMAND_LINE:
            return None
        return macro.where.file.place(macro.where.position)

    def included(self, position: int) -> str:
        """Return how the file of the character at `position` came to be read, to end a message with."""
        return self._parts.files[self._parts.index(position)].chain()


COMMAND_LINE = "<command line>"
"""What messages call the file that the definitions of -D and our own stand in."""
