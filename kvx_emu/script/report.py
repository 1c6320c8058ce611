"""What is wrong in a script, gathered so that all of it is told at once."""

from __future__ import annotations

from bisect import bisect_right
from itertools import islice
from typing import TYPE_CHECKING

from kvx_emu.errors import ERROR, Finding, InputError, Place, Source

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

MOST_FINDINGS = 1000  # a file of a million errors must not need a gigabyte to say so
LONGEST_LINE = 400  # characters of a source line that are worth showing under a message
MOST_NAMES = 100  # names in a message: the known registers, parameters or marks
LONGEST_QUOTE = 40  # characters of the script's own text inside a message


class Refused(Exception):  # noqa: N818 - a signal between the readers of this package, no error of its own
    """A value is unusable, and a finding says why; whoever wanted the value goes on without it."""


class TooManyErrors(Exception):  # noqa: N818 - a signal too
    """So much is wrong that reading on serves nobody."""


class ScriptSource(Source):
    """The text of a script; long lines are not kept with places, and short ones are shared by them."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(path, text)
        self._shown: dict[int, str] = {}

    def place(self, position: int) -> Place:
        """Return the place of the character at `position`; its text is empty for a very long line.

        A hundred thousand steps on one line of a megabyte would otherwise keep as many copies of it.
        """
        if self._starts is None:
            super().place(0)  # fills the table of line starts
        starts = self._starts
        assert starts is not None
        row = bisect_right(starts, position)
        start = starts[row - 1]
        line = self._shown.get(start)
        if line is None:
            stop = starts[row] - 1 if row < len(starts) else len(self.text)
            line = self.text[start:stop].rstrip("\r") if stop - start <= LONGEST_LINE else ""
            self._shown[start] = line
        return Place(self.path, row, position - start + 1, line)


class Report:
    """The findings of one script, in the order in which they were met."""

    def __init__(self, source: ScriptSource) -> None:
        self.source = source
        self.findings: list[Finding] = []

    def place(self, position: int) -> Place:
        """Return the place of the character at `position` of the script's text."""
        return self.source.place(position)

    def error(self, position: int, code: str, message: str) -> None:
        """Tell an error at the character `position`."""
        self.error_at(self.source.place(position), code, message)

    def error_at(self, place: Place, code: str, message: str) -> None:
        """Tell an error at `place`; raises TooManyErrors with the one after MOST_FINDINGS."""
        if len(self.findings) >= MOST_FINDINGS:
            message = f"more than {MOST_FINDINGS} errors: the rest is not told"
            self.findings.append(Finding(ERROR, "script-many", message, place))
            raise TooManyErrors
        self.findings.append(Finding(ERROR, code, message, place))

    def refuse(self, position: int, code: str, message: str) -> Refused:
        """Tell an error and return what to raise: `raise report.refuse(...)`."""
        self.error(position, code, message)
        return Refused()

    def finish(self) -> None:
        """Raise InputError with all findings, by place, if there are any: the script's, then other files'."""
        if self.findings:
            raise InputError(sorted(self.findings, key=self._order))

    def _order(self, finding: Finding) -> tuple[bool, str, int, int]:
        place = finding.place
        return place.path != self.source.path, place.path, place.line or place.row or 0, place.column or 0


def quote(text: str) -> str:
    """Return `text` as it should stand in a message: between back quotes, on one line, cut when long."""
    shown = text if text.isprintable() else ascii(text)[1:-1]
    if len(shown) > LONGEST_QUOTE:
        shown = shown[: LONGEST_QUOTE - 3] + "..."
    return f"`{shown}`"


def listed(names: Iterable[str]) -> str:
    """Return names for a message, separated by commas; many are cut short."""
    first = list(islice(names, MOST_NAMES + 1))
    return ", ".join(first[:MOST_NAMES]) + (", ..." if len(first) > MOST_NAMES else "")


def nearest(word: str, known: Collection[str]) -> str:
    """Return `; did you mean ...?` with the known word nearest to `word`, or nothing if none is near."""
    if len(word) > LONGEST_QUOTE or len(known) > MOST_NAMES:
        return ""  # each comparison costs, and an answer is no help among so many
    import difflib  # only when something is wrong already

    folded = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.5)
    return f"; did you mean `{folded[found[0]]}`?" if found else ""
