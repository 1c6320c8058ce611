"""How the readers of this package tell what is wrong: they report and go on, as far as that is sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from kvx_emu.errors import ERROR, NOTE, WARNING, Finding, InputError, Place

if TYPE_CHECKING:
    from collections.abc import Callable

    Report = Callable[[Finding], None]

# Every finding holds the source line it points at: a bound in characters keeps a hostile file of one
# long line from filling the memory, and a file of garbage from printing a message a byte.
_ROOM = 1 << 20
_COST = 1 << 10


class Origin(Protocol):
    """Where a tree was read from: turns the positions that its reader kept into places."""

    def place(self, position: int) -> Place:
        """Return the place of `position`: a character of a text, a byte of a blob."""
        ...


class Findings:
    """The errors and the warnings of one input; `add` raises InputError when the errors are too many."""

    def __init__(self) -> None:
        self.all: list[Finding] = []  # errors
        self.warnings: list[Finding] = []
        self._room = self._warning_room = _ROOM

    def add(self, finding: Finding) -> None:
        """Keep a finding."""
        self.all.append(finding)
        self._room -= _COST + len(finding.place.text)
        if self._room < 0:
            more = Finding(NOTE, "too-many", "too many errors: the rest is not read", finding.place)
            raise InputError([*self.all, more])

    def error(
        self, code: str, message: str, place: Place, node: str | None = None, prop: str | None = None
    ) -> None:
        """Keep an error."""
        self.add(Finding(ERROR, code, message, place, node, prop))

    def warn(
        self, code: str, message: str, place: Place, node: str | None = None, prop: str | None = None
    ) -> None:
        """Keep a warning; when they are too many, the rest is left out."""
        if self._warning_room < 0:
            return
        self.warnings.append(Finding(WARNING, code, message, place, node, prop))
        self._warning_room -= _COST + len(place.text)
        if self._warning_room < 0:
            message = "too many warnings: the rest is left out"
            self.warnings.append(Finding(NOTE, "too-many", message, place))

    @property
    def can_warn(self) -> bool:
        """Whether there is room for a warning: otherwise none need be made."""
        return self._warning_room >= 0

    def sorted_warnings(self) -> tuple[Finding, ...]:
        """Return the warnings in the order of the input."""
        return tuple(sorted(self.warnings, key=_order))

    def raise_if_any(self) -> None:
        """Raise InputError with all that was found, in the order of the input, if anything was."""
        if self.all:
            raise InputError(sorted(self.all, key=_order))


def _order(finding: Finding) -> tuple[str, int, int]:
    place = finding.place
    return place.path, place.line or place.offset or 0, place.column or 0
